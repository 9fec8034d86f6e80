"""The layers of commits, and versions of jobs judged with the layers of their own commit."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import GitError
from chronos_gitops.git.tree import CommitFiles
from chronos_gitops.jobs.folders import inside
from chronos_gitops.jobs.layers.file_roles import FileRole, beside_jobs, place_of
from chronos_gitops.jobs.layers.tree import NO_LAYERS, Layers
from chronos_gitops.jobs.validation.files import TreeEntry
from chronos_gitops.jobs.validation.layers.layer_files import read_layers
from chronos_gitops.jobs.validation.validate import FileResult, validate_file
from chronos_gitops.sync.content.tree_layers import read_layers_at
from chronos_gitops.versions.version import Version

_MOST_KNOWN: Final = 64
_LAYERS: Final = (FileRole.DEFAULTS, FileRole.ENVIRONMENT)


def layers_of(git: Git, jobs: str, blobs: Mapping[str, str]) -> Layers:
    """Made of these contents, by path."""
    return read_layers(_Blobs(git, jobs, blobs)) if blobs else NO_LAYERS


class _Blobs:
    """Some files of a tree, by their blob ids."""

    def __init__(self, git: Git, jobs: str, blobs: Mapping[str, str]) -> None:
        self._git = git
        self._jobs = jobs
        self.entries: Sequence[TreeEntry] = [TreeEntry(path, blob, 0) for path, blob in sorted(blobs.items())]

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        contents = self._git.read_many([entry.blob for entry in entries])
        return {entry.path: contents[entry.blob] for entry in entries if entry.blob in contents}

    def place(self, path: str) -> str:
        return inside(path, self._jobs)


class CommittedLayers:
    """Reads the layers of each commit once, while it is asked for among few others."""

    def __init__(self, git: Git, jobs: str) -> None:
        self._git = git
        self._jobs = jobs
        self._known = lru_cache(maxsize=_MOST_KNOWN)(self._read)
        self._blobs = lru_cache(maxsize=_MOST_KNOWN)(lambda blobs: layers_of(git, jobs, dict(blobs)))

    def at(self, commit: str | None) -> Layers:
        """Those of a commit that cannot be read are none."""
        try:
            return NO_LAYERS if commit is None else self._known(commit)
        except GitError:
            return NO_LAYERS

    def at_head(self, commit: str | None, blobs: Mapping[str, str]) -> Layers:
        """Those of a commit whose files are listed already, by path; policies are none of them."""
        try:
            paths = [path for path in beside_jobs(blobs) if place_of(inside(path, self._jobs)).role in _LAYERS]
            layers = tuple((path, blobs[path]) for path in paths)
            return NO_LAYERS if commit is None else self._blobs(layers)
        except GitError:
            return NO_LAYERS

    def of(self, version: Version) -> Layers:
        """Those that the version is made with: of a layer that could not be read then, its last readable content."""
        try:
            return self._blobs(tuple(version.layers.blobs.items()))
        except GitError:
            return NO_LAYERS

    def judge(self, version: Version, content: bytes, environment: str | None) -> FileResult:
        """A version as its own commit made it, by today's rules."""
        layers, policies = self.of(version), self.at(version.commit).policies
        layers = layers.with_policies(policies) if policies.files else layers
        return validate_file(version.path, content, layers=layers, environment=environment)

    def _read(self, commit: str) -> Layers:
        return read_layers_at(CommitFiles(self._git, commit, self._jobs), self._git, commit)
