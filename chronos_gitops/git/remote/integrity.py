"""Checks that the objects that jobs need can be read: git itself reads and hashes them, in its own process. Packs and
indexes are checked whole, by the checksum at their end."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import GitError, Stopped, Timeout

_TIMEOUT: Final = 300.0
_VERIFY: Final = ("rev-list", "--quiet", "--verify-objects")
_CHECKSUMMED: Final = ("pack/*.pack", "pack/*.idx", "pack/*.rev", "pack/*.bitmap", "pack/multi-pack-index")
_CHUNK: Final = 1 << 20


def is_intact(git: Git, ref: str, jobs: str) -> bool:
    """False when an object is missing or unreadable that following ``ref`` or its history needs, or a pack is damaged.

    Every commit; every version of the jobs folder on the first-parent chain; every tree of the newest commit, which a
    rollback builds upon. Contents of other folders are not looked at. A check that takes too long finds nothing.

    A fetch may bring the objects of a damaged pack again, beside it: then nothing is missing, and git still complains
    of that pack each time.
    """
    paths = () if jobs == "." else ("--", jobs)
    try:
        if git.resolve(ref) is None:
            return False
        git.run("rev-list", "--quiet", "--end-of-options", ref, timeout=_TIMEOUT)
        git.run(*_VERIFY, "--no-walk", "--filter=blob:none", "--end-of-options", ref, timeout=_TIMEOUT)
        git.run(*_VERIFY, "--first-parent", "--end-of-options", ref, *paths, timeout=_TIMEOUT)
    except (Stopped, Timeout):
        return True
    except GitError:
        return False
    return next(damaged_packs(git.place.common / "objects", git.object_format), None) is None


def damaged_packs(objects: Path, object_format: str) -> Iterator[Path]:
    """Files that do not end in the checksum of what is before it; see gitformat-pack(5)."""
    for pattern in _CHECKSUMMED:
        for path in objects.glob(pattern):
            try:
                is_damaged = not _ends_in_its_checksum(path, object_format)
            except FileNotFoundError:  # repacked meanwhile
                continue
            except OSError:
                is_damaged = True
            if is_damaged:
                yield path


def _ends_in_its_checksum(path: Path, object_format: str) -> bool:
    digest = hashlib.new(object_format, usedforsecurity=False)
    with path.open("rb") as file:
        left = path.stat().st_size - digest.digest_size
        while left > 0 and (chunk := file.read(min(_CHUNK, left))):
            digest.update(chunk)
            left -= len(chunk)
        return file.read() == digest.digest()
