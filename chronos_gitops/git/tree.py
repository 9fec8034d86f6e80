"""The job files of a tree: at a commit, read from objects, or on disk as they are now."""

import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import field, replace
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import ObjectMissing, PathMissing, PathUnreadable
from chronos_gitops.jobs.files.job_files import is_hidden, is_job_file, walk
from chronos_gitops.jobs.folders import inside
from chronos_gitops.jobs.validation.validate import FileKind, TreeEntry, git_blob_id
from chronos_gitops.jobs.validation.yaml.decoding import MAX_BYTES
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.small_files import read_beginning

NO_BLOB: Final = "0" * 40
_KINDS: Final = {
    "100644": FileKind.FILE,
    "100755": FileKind.FILE,
    "120000": FileKind.SYMLINK,
    "160000": FileKind.SUBMODULE,
}
_RACY_NS: Final = 2_000_000_000
_MOST_EDITED: Final = 64 * 1024
"""Bytes of the paths that one git is asked about."""
_PATH: Final = attrgetter("path")


class NoFiles:
    """A tree without a jobs folder, where that is an answer and not an error."""

    entries: Sequence[TreeEntry] = ()

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:  # noqa: ARG002 - there is nothing to look for
        return {}

    def place(self, path: str) -> str:
        return path


class CommitFiles:
    """The job files at a commit; nothing is checked out, so neither filters nor symbolic links can act.

    After the listing of a commit ``before``, git is asked for what changed since then, and every other entry stays the
    same object.
    """

    def __init__(self, git: Git, commit: str, jobs: str, before: "CommitFiles | None" = None) -> None:
        self._git = git
        self._jobs = jobs
        self.commit = commit
        self.edited: frozenset[str] | None = None if before is None else _edited_paths(git, before.commit, commit, jobs)
        """The paths in which it may differ from the listing ``before``; None where that cannot be told."""
        entries: Sequence[TreeEntry] = ()
        if before is not None and self.edited is not None:
            entries = _spliced(git, commit, jobs, before.entries, self.edited)
        # Where no file is left, the whole listing tells a folder that is gone from an empty one.
        self.entries: Sequence[TreeEntry] = entries or _whole(git, commit, jobs, before)
        self.blobs: Mapping[str, str] = {
            entry.path: entry.blob for entry in self.entries if entry.kind is FileKind.FILE
        }

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        """ObjectMissing when git lists a file and does not have its content."""
        files = [entry for entry in entries if entry.kind is FileKind.FILE]
        contents = self._git.read_many([entry.blob for entry in files])
        lost = next((entry for entry in files if entry.blob not in contents), None)
        if lost is not None:
            raise ObjectMissing(
                f"the content of {lost.path} at commit {self.commit[:12]} is not in this repository",
                hint="git fetch --refetch brings what a partial clone has left out",
            )
        return {entry.path: contents[entry.blob] for entry in files}

    def place(self, path: str) -> str:
        return inside(path, self._jobs)


def _edited_paths(git: Git, before: str, after: str, jobs: str) -> frozenset[str] | None:
    """None if git cannot compare the commits, or if more paths differ than are worth a comparison: then all files are
    listed."""
    question = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=none")
    done = git.attempt(*question, "--end-of-options", before, after, "--", *([] if jobs == "." else [jobs]))
    if done.code != 0 or len(done.stdout) > _MOST_EDITED:
        return None
    try:
        return frozenset(filter(None, done.stdout.decode().split("\0")))
    except UnicodeDecodeError:
        return None


def _spliced(
    git: Git, commit: str, jobs: str, entries: Sequence[TreeEntry], edited: frozenset[str]
) -> Sequence[TreeEntry]:
    if not edited:
        return entries
    listing = git.run("ls-tree", "-z", "-l", "--full-tree", "--end-of-options", commit, *sorted(edited))
    fresh = [entry for row in listing.split(b"\0") if row and (entry := _entry(row, jobs)) is not None]
    return tuple(sorted([*[entry for entry in entries if entry.path not in edited], *fresh], key=_PATH))


def _whole(git: Git, commit: str, jobs: str, before: CommitFiles | None) -> Sequence[TreeEntry]:
    """Entries that are as they were stay the same objects."""
    known = {} if before is None else {entry.path: entry for entry in before.entries}
    found = [entry for row in _listing(git, commit, jobs) if (entry := _entry(row, jobs)) is not None]
    return tuple(same if (same := known.get(entry.path)) is not None and same == entry else entry for entry in found)


def _listing(git: Git, commit: str, jobs: str) -> list[bytes]:
    paths = [] if jobs == "." else [jobs]
    listing = git.run("ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options", commit, *paths)
    rows = [row for row in listing.split(b"\0") if row]
    # A folder exists in git only through what is in it; a file or a link of that name is not a folder.
    below = b"\t" + os.fsencode(jobs) + b"/"
    if not any(jobs == "." or below in row for row in rows):
        raise _missing(jobs, f"commit {commit[:12]}", is_link=_is_link(git, commit, jobs))
    return rows


def _is_link(git: Git, commit: str, jobs: str) -> bool:
    """True when the jobs folder, or a folder above it, is a symbolic link at this commit."""
    parts = PurePosixPath(jobs).parts
    paths = [str(PurePosixPath(*parts[:depth])) for depth in range(1, len(parts) + 1)]
    listing = git.run("ls-tree", "-z", "--full-tree", "--end-of-options", commit, *paths)
    return any(row.startswith(b"120000 ") for row in listing.split(b"\0"))


def _entry(row: bytes, jobs: str) -> TreeEntry | None:
    """None for what is no job file."""
    words, _, raw = row.partition(b"\t")
    mode, _, blob, size = words.decode().split()
    path = raw.decode("utf-8", "replace")
    kind = _KINDS.get(mode)
    place = inside(path, jobs)
    if kind is None or not (is_job_file(place) or (kind is FileKind.SUBMODULE and not is_hidden(place))):
        return None
    # "BAD" is git's size of what is missing or unreadable: whoever reads it will see.
    return TreeEntry(sys.intern(path), sys.intern(blob), int(size) if size.isdigit() else 0, kind)


def _missing(jobs: str, where: str, *, is_link: bool) -> PathMissing:
    if is_link:
        message = f'the jobs folder "{jobs}" is a symbolic link in {where}, and links are not followed'
        return PathMissing(message, hint="nothing was removed; name the folder behind the link with --jobs")
    return PathMissing(f'there is no folder "{jobs}" in {where}', hint="nothing was removed; check --jobs")


@dataclass(frozen=True, slots=True)
class _Seen:
    """One file as it was read: ``stamp`` tells whether it is still the same, ``plain`` is its id with LF line ends."""

    stamp: tuple[int, ...]
    entry: TreeEntry
    plain: str | None


@dataclass(frozen=True, slots=True)
class WorktreeFiles:
    """The job files on disk at one moment. ``folders`` are the jobs folder and all below it, for the watch."""

    root: Path
    jobs: str
    entries: Sequence[TreeEntry]
    folders: frozenset[Path]
    _contents: Mapping[str, bytes] = field(repr=False)

    def read(self, entries: Sequence[TreeEntry]) -> Mapping[str, bytes]:
        found = ((entry.path, self._content(entry)) for entry in entries if entry.kind is FileKind.FILE)
        return {path: content for path, content in found if content is not None}

    def place(self, path: str) -> str:
        return inside(path, self.jobs)

    def _content(self, entry: TreeEntry) -> bytes | None:
        known = self._contents.get(entry.path)
        if known is not None:
            return known
        content = read_file(self.root / entry.path)
        # Changed since the listing: the next scan sees it whole, this one must not mix two moments.
        return (
            content
            if content is not None
            and entry.blob in (git_blob_id(content, like=entry.blob), _plain(content, entry.blob))
            else None
        )


class Scanner:
    """Lists the job files on disk again and again; an unchanged file is not read twice. For one thread at a time."""

    def __init__(self, root: Path, jobs: str, *, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._root = root
        self._jobs = jobs
        self._clock_ns = clock_ns
        self._seen: dict[str, _Seen] = {}
        self._like = ""

    def scan(self, committed: Mapping[str, str]) -> WorktreeFiles:
        """PathMissing when the jobs folder is gone. ``committed`` maps paths to the ids they have in HEAD.

        A file that differs from HEAD only by CRLF line ends carries HEAD's id: git with core.autocrlf wrote it so.
        """
        top = self._root / self._jobs
        is_link = top.resolve() != self._root.resolve() / self._jobs
        if is_link or not top.is_dir():
            raise _missing(self._jobs, str(self._root), is_link=is_link)
        like = next(iter(committed.values()), "")
        if len(like) != len(self._like):
            self._seen = {}  # ids of another object format
        self._like = like
        seen: dict[str, _Seen] = {}
        contents: dict[str, bytes] = {}
        entries: list[TreeEntry] = []
        folders: set[Path] = set()
        start = len(str(self._root).rstrip("/")) + 1
        for found, kind in _walk(top, folders, self._seen):
            known = self._seen.get(found.path)
            if known is None or kind is not FileKind.FILE or not _is_as(found, known.stamp):
                entry, known = self._read(found, _posix(found.path[start:]), kind, contents)
            else:
                entry = known.entry  # the same object for the same file: 10,000 of them are compared in no time
            if known is not None:
                seen[found.path] = known
                if known.plain is not None and committed.get(entry.path) == known.plain:
                    entry = replace(entry, blob=known.plain)
            entries.append(entry)
        self._seen = seen
        return WorktreeFiles(self._root, self._jobs, tuple(sorted(entries, key=_PATH)), frozenset(folders), contents)

    def _read(
        self, found: os.DirEntry[str], path: str, kind: FileKind, contents: dict[str, bytes]
    ) -> tuple[TreeEntry, _Seen | None]:
        """The next scan looks again at a file that cannot be read."""
        if kind is not FileKind.FILE:
            return TreeEntry(path, NO_BLOB, 0, kind), None
        try:
            status = found.stat(follow_symlinks=False)
        except OSError:
            return TreeEntry(path, NO_BLOB, 0), None
        stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return TreeEntry(path, hashlib.sha1(repr(stamp).encode()).hexdigest(), status.st_size), None
        content = read_file(Path(found.path))
        if content is None:
            return TreeEntry(path, NO_BLOB, 0), None
        contents[path] = content
        entry = TreeEntry(path, git_blob_id(content, like=self._like), status.st_size)
        return entry, _Seen(self._trusted(stamp), entry, _plain(content, self._like))

    def _trusted(self, stamp: tuple[int, ...]) -> tuple[int, ...]:
        """No stamp for a file changed just now: a second write in the same clock tick would carry the same one.

        See racy-git in git's technical documentation.
        """
        return () if max(stamp[:2]) > self._clock_ns() - _RACY_NS else stamp


def _is_as(found: os.DirEntry[str], stamp: tuple[int, ...]) -> bool:
    """True if the file was not written since it had this stamp."""
    try:
        status = found.stat(follow_symlinks=False)
    except OSError:
        return False
    return stamp == (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def _walk(top: Path, folders: set[Path], known: Container[str]) -> list[tuple[os.DirEntry[str], FileKind]]:
    try:
        return list(walk(str(top), lambda folder: folders.add(Path(folder)), known))
    except OSError as error:
        # Not seeing the files is not the same as the files being gone.
        raise PathUnreadable(
            f"{error.filename or top} cannot be listed: {error.strerror}", hint="nothing was removed"
        ) from error


def read_file(path: Path) -> bytes | None:
    """The content of a regular file, at most one byte more than a job file may have; never through a last link."""
    try:
        return read_beginning(path, limit=MAX_BYTES + 1, follow_link=False)
    except OSError:
        return None


def _plain(content: bytes, like: str) -> str | None:
    return git_blob_id(content.replace(b"\r\n", b"\n"), like=like) if b"\r\n" in content else None


def _posix(path: str) -> str:
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "replace")
