"""Checks that a commit can be written into a local repository: before anything is written, and in a dry run too."""

import os
import pwd
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from chronos_gitops.errors import ConflictError
from chronos_gitops.git.discovery import RepositoryPaths
from chronos_gitops.process.sleep import sleep
from chronos_gitops.process.small_files import read_small_file

LOCK_WAIT_S: Final = 2.0
_LOCK_STEP_S: Final = 0.02
_HEX: Final = "0123456789abcdef"


class NotWritable(ConflictError):
    """The repository belongs to another user, or its file system is read-only."""

    kind = "not-writable"


class RefLocked(ConflictError):
    """A lock file of the branch is there, and stays."""

    kind = "ref-locked"


def refuse_unwritable(place: RepositoryPaths, ref: str, paths: Sequence[str]) -> None:
    """NotWritable for the first place that the commit must write and this process cannot; RefLocked after 2 s.

    ``paths`` are the files that follow the commit; none where it is pushed.
    """
    for path in (*_of_git(place, ref), *_of_files(place, paths)):
        if not os.access(path, os.W_OK, effective_ids=True):
            raise not_writable(path)
    _refuse_locked(place, ref)


def not_writable(path: Path) -> NotWritable:
    """The error with its reason."""
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return NotWritable(
            f"{path} cannot be written: the file system is read-only", hint="mount it writable, or commit elsewhere"
        )
    owner, us = _user(path.stat().st_uid), _user(os.geteuid())
    return NotWritable(
        f"{path} cannot be written: it belongs to {owner}, and this process runs as {us}",
        hint=f"run as {owner}, or give {us} the right to write there",
    )


def _of_git(place: RepositoryPaths, ref: str) -> Iterator[Path]:
    """Paths that git-commit(1) writes: the index's folder, objects, the ref's folder and the reflogs."""
    objects = place.common / "objects"
    yield from (place.git_dir, objects)
    yield from (path for path in (objects / (a + b) for a in _HEX for b in _HEX) if path.is_dir())
    yield from (_existing((place.common / ref).parent),)
    logs = (place.git_dir / "logs/HEAD", place.common / "logs" / ref, place.common / "reftable")
    yield from (path for path in logs if path.exists())


def _of_files(place: RepositoryPaths, paths: Sequence[str]) -> Iterator[Path]:
    """A file is replaced by a rename, so its folder counts."""
    root = place.root
    if root is not None:
        yield from dict.fromkeys(_existing((root / path).parent) for path in paths)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _refuse_locked(place: RepositoryPaths, ref: str) -> None:
    until = time.monotonic() + LOCK_WAIT_S
    for lock in (place.common / f"{ref}.lock", *([place.git_dir / "HEAD.lock"] if _is_head(place, ref) else [])):
        while lock.exists():
            if time.monotonic() > until:
                raise ref_locked(str(lock))
            sleep(_LOCK_STEP_S)


def _is_head(place: RepositoryPaths, ref: str) -> bool:
    try:
        return read_small_file(place.git_dir / "HEAD").strip() == f"ref: {ref}".encode()
    except OSError:
        return True


def ref_locked(lock: str, where: str = "") -> RefLocked:
    """The error that names the file; ``where`` is the server that has it."""
    place = f" on {where}" if where else ""
    return RefLocked(
        f"{lock} is there{place}: another git command writes this branch, or one that was killed has left it",
        hint=f"when no git command runs there, remove {lock}",
    )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
