"""Checks that a merge is exactly what git makes of its two parents, so that it holds nothing of its own."""

from collections.abc import Callable, Sequence
from contextlib import closing
from enum import StrEnum
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import Timeout
from chronos_gitops.git.incomplete_clone import PresentObjects
from chronos_gitops.git.process import Completed
from chronos_gitops.git.remote.partial_clone import is_partial
from chronos_gitops.git.verification.commit_graph import CommitNode

_CONFLICT: Final = 1
_USAGE: Final = 129
_SUBMODULE: Final = "160000"
_SECONDS: Final = 30.0
# Renames are paired at a cost that is the product of both numbers; beyond this git pairs equal contents only.
_CONFIG: Final = (("merge.renameLimit", "1000"), ("merge.conflictStyle", "merge"))

FetchBlobs = Callable[[Sequence[str]], None]
"""Brings contents that a partial copy lacks. A GitError when the server is away."""


class Merge(StrEnum):
    """The value of every member but CLEAN continues a sentence that begins with the commit."""

    NONE = ""
    CLEAN = "is a clean merge"
    EDITED = "its merge is not clean"
    TOO_SLOW = "git could not repeat its merge within 30 s"
    OLD_GIT = "merges can be checked by git 2.38 or newer only; sign them"


def judge(git: Git, commit: CommitNode, fetch: FetchBlobs) -> Merge:
    """Repeats the merge (git-merge-tree(1), nothing is checked out) and compares the trees; 2 ms."""
    if len(commit.parents) != 2:
        return Merge.NONE
    try:
        done = _merge(git, commit.parents)
        if done.code > _CONFLICT and done.code != _USAGE and is_partial(git):
            fetch(_contents(git, commit.parents))
            done = _merge(git, commit.parents)
    except Timeout:
        return Merge.TOO_SLOW
    if done.code == _USAGE:
        return Merge.OLD_GIT
    is_clean = done.code == 0 and done.stdout.decode("ascii", "replace").strip() == commit.tree
    return Merge.CLEAN if is_clean else Merge.EDITED


def _merge(git: Git, parents: Sequence[str]) -> Completed:
    command = ("merge-tree", "--write-tree", "--no-messages", *parents)
    return git.attempt(*command, env=git.with_config(_CONFIG), timeout=_SECONDS)


def _contents(git: Git, parents: Sequence[str]) -> list[str]:
    """Ids of blobs that either side changed since the merge base and that are not here."""
    bases = git.attempt("merge-base", "--all", *parents).stdout.decode().split()
    found: set[str] = set()
    for base in bases:
        for side in parents:
            rows = git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", base, side)
            for record in rows.split(b"\0")[:-1:2]:
                mode_before, mode_after, *blobs, _ = record.decode().removeprefix(":").split()
                if _SUBMODULE not in (mode_before, mode_after):
                    found.update(blob for blob in blobs if blob.strip("0"))
    with closing(PresentObjects(git)) as objects:
        return sorted(objects.git.missing(found))
