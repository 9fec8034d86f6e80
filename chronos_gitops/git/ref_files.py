"""The files that git reads a ref from: while they stay the same, so does the commit, and no git has to be started."""

import os
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Final, Generic, TypeVar

from chronos_gitops.git.discovery import RepositoryPaths
from chronos_gitops.process.small_files import read_small_file

_MOST_BYTES: Final = 4096
_MOST_STEPS: Final = 5
"""As many symbolic refs as git follows, one to the next."""
_SHARED: Final = ("packed-refs", "reftable/tables.list", "shallow")
Answer = TypeVar("Answer")


def ref_files(place: RepositoryPaths, ref: str) -> Hashable:
    """Equal values mean the same commit behind ``ref``, with as much history; None where the repository cannot be read.

    A loose ref is its content. Git replaces the other files by renaming, so each version has an inode of its own.
    """
    try:
        (place.git_dir / "HEAD").stat()
        shared = tuple(_version(place.common / name) for name in _SHARED)
        loose: list[bytes] = []
        step = ref
        while len(loose) < _MOST_STEPS:
            loose.append(_content(place, step))
            if not loose[-1].startswith(b"ref: "):
                break
            step = loose[-1].removeprefix(b"ref: ").strip().decode()
    except (OSError, ValueError):
        return None
    return str(place.git_dir), shared, tuple(loose)


def is_ref_file(path: str) -> bool:
    """True if an event at this path of a repository may mean that a ref has moved."""
    name = os.path.basename(path)  # noqa: PTH119 - called for every event
    return name in ("HEAD", "packed-refs", "tables.list", "shallow") or ("/refs" in path and not name.endswith(".lock"))


class LastAnswer(Generic[Answer]):
    """An answer that is given again while what it was made from is the same."""

    def __init__(self) -> None:
        self._made: tuple[Hashable, Answer] | None = None

    def get(self, source: Hashable, ask: Callable[[], Answer]) -> Answer:
        """``source`` is looked at before the question is asked; None is like nothing."""
        if self._made is None or source is None or source != self._made[0]:
            self._made = (source, ask())
        return self._made[1]


def _content(place: RepositoryPaths, ref: str) -> bytes:
    """Empty where the ref is in another file."""
    for folder in (place.git_dir, place.common):
        try:
            return read_small_file(folder / ref, limit=_MOST_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            continue
    return b""


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
