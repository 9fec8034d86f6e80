"""A tree of job files, at a commit or on disk, and which of its entries are not even read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from chronos_gitops.jobs.validation.yaml.decoding import MAX_BYTES
from chronos_gitops.process.lazy_dataclass import dataclass


class FileKind(StrEnum):
    FILE = "file"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One candidate job file: posix path from the repository root, git blob id of its content, size in bytes."""

    path: str
    blob: str
    size: int
    kind: FileKind = FileKind.FILE


class Files(Protocol):
    """A tree of job files, at a commit or on disk."""

    @property
    def entries(self) -> Sequence[TreeEntry]:
        """Only ``*.yaml`` and ``*.yml`` below the jobs folder, sorted by path."""

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        """Path to content; a path that cannot be read is left out."""

    def place(self, path: str) -> str:
        """A path of these files as one from the jobs folder."""


class EditedFiles:
    """A tree with some files as they would be: those ``touched`` are gone, those ``written`` are there instead."""

    def __init__(self, files: Files, written: Mapping[TreeEntry, bytes], touched: Collection[str] = ()) -> None:
        self._contents = {entry.path: content for entry, content in written.items()}
        replaced = {*touched, *self._contents}
        others = [other for other in files.entries if other.path not in replaced]
        self.entries: Sequence[TreeEntry] = tuple(sorted((*others, *written), key=lambda one: one.path))
        self._files = files
        self.place = files.place

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        contents = dict(self._files.read([entry for entry in entries if entry.path not in self._contents]))
        return contents | {entry.path: self._contents[entry.path] for entry in entries if entry.path in self._contents}


def refused_among(entries: Iterable[TreeEntry]) -> list[TreeEntry]:
    """The entries that are not even read. One call for many entries."""
    return [entry for entry in entries if entry.kind is not FileKind.FILE or entry.size > MAX_BYTES]


def refusal(entry: TreeEntry) -> tuple[str, str, str] | None:
    """Rule, message and hint of an entry that is not even read; None for a file of sound size."""
    if not refused_among((entry,)):
        return None
    if entry.kind is FileKind.SYMLINK:
        return "symlink", "symbolic links are not followed", "commit the file itself"
    if entry.kind is FileKind.SUBMODULE:
        return "submodule", "submodules are not fetched", "commit the file itself"
    return "too-large", f"the file has {entry.size:,} bytes; a job file has at most {MAX_BYTES:,}", ""
