"""The layers and policies of a tree together with its history: the day from which policies look ahead, and the last
readable content of a policy that cannot be read now."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import PurePosixPath

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import GitError
from chronos_gitops.git.log import commits, day_of
from chronos_gitops.jobs.layers.tree import NO_LAYERS, Layers
from chronos_gitops.jobs.policies.policy import Policies, Policy, PolicyFile
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.files import Files
from chronos_gitops.jobs.validation.layers.layer_files import read_layers
from chronos_gitops.jobs.validation.layers.policy_files import read_policy, with_last_readable

Readable = Mapping[str, tuple[Policy, str]]
"""Readable policies and their blobs, by path."""


def read_layers_at(
    files: Files, git: Git, head: str | None, known: Readable | None = None, before: Layers = NO_LAYERS
) -> Layers:
    """Those of the files, which stand on the commit ``head``. ``known`` goes before what the history has; what is as in
    ``before`` is not read again."""
    layers = read_layers(files, before)
    if not layers.policies.files or head is None:
        return layers
    policies = layers.policies
    if policies.unreadable:
        policies = with_last_readable(policies, {**_in_history(git, head, policies.unreadable), **(known or {})})
    return layers.with_policies(policies.on(day_of(git, head)))


def readable(policies: Policies) -> Readable:
    """The policies in force, by the path of their file."""
    return {file.path: (file.policy, file.blob) for file in policies.files if file.policy is not None}


def _in_history(git: Git, head: str, files: Iterable[PolicyFile]) -> Readable:
    """The newest readable content on the branch, not from before a deletion."""
    wanted = {file.path: file.place.name for file in files}
    found: dict[str, tuple[Policy, str]] = {}
    with suppress(GitError):
        for commit in reversed(commits(git, str(PurePosixPath(next(iter(wanted))).parent), None, head)):
            for edit in commit.edits:
                name = wanted.get(edit.path)
                if name is None:
                    continue
                content = git.read_many([edit.blob]).get(edit.blob) if edit.blob else None
                policy = None if content is None else read_policy(name, document.read(edit.path, content))[0]
                if policy is not None:
                    found[edit.path] = policy, edit.blob
                if policy is not None or not edit.blob:
                    del wanted[edit.path]
            if not wanted:
                break
    return found
