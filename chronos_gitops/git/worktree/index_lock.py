"""Git's own lock on an index (``index.lock``), taken so that it tells, after a kill, whose it was and what was begun.

The file holds what is about to happen, and the process that made it holds a flock(2) on it: whoever finds the file and
gets the flock knows that no process works under it any more, and can end the work or take the lock away.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from chronos_gitops.errors import ConflictError
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.sleep import sleep

_MARK: Final = b"chronos-gitops\n"
_MOST_BYTES: Final = 4096
_PATIENCE: Final = 2.0
_STEP: Final = 0.02


@dataclass(frozen=True, slots=True)
class Swap:
    """The branch goes from ``parent`` to ``commit``, and the files of the checkout with it."""

    ref: str
    parent: str
    commit: str


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A lock whose process is gone. ``swap`` is None when it had not come to changing anything."""

    swap: Swap | None


class HeldIndexLock:
    """The lock while it is ours."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def announce(self, swap: Swap) -> None:
        """On stable storage when it returns: only then may the branch be moved."""
        os.pwrite(self._descriptor, _MARK + json.dumps(asdict(swap)).encode(), 0)
        os.fsync(self._descriptor)


class IndexLock:
    """The lock beside one index file."""

    def __init__(self, index: Path) -> None:
        self.path = index.with_name("index.lock")

    @contextlib.contextmanager
    def held(self) -> Iterator[HeldIndexLock]:
        """ConflictError when another git command keeps it for more than 2 s; the lock is gone again in every case."""
        descriptor = self._take()
        try:
            yield HeldIndexLock(descriptor)
        finally:
            self.path.unlink(missing_ok=True)
            os.close(descriptor)

    @contextlib.contextmanager
    def taken_over(self) -> Iterator[Abandoned | None]:
        """Take over the lock of a dead process of ours for the time of the block; the lock is removed afterwards. None
        when there is no lock, when it is not ours, or when its process is alive."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            yield None
            return
        try:
            if not self._is_abandoned(descriptor):
                yield None
                return
            yield Abandoned(_swap(os.pread(descriptor, _MOST_BYTES, 0)))
            self.path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def _is_abandoned(self, descriptor: int) -> bool:
        if not os.pread(descriptor, len(_MARK), 0).startswith(_MARK):
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its owner may have ended well between our open and our flock, and another may hold a new lock.
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except OSError:
            return False

    def _take(self) -> int:
        """The file appears with its mark and its flock, by a link: it is never seen without them."""
        fresh = self.path.with_name(f"index.lock.chronos-{os.getpid()}-{time.monotonic_ns()}")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, _MARK)
            self._link(fresh)
        except BaseException:
            os.close(descriptor)
            raise
        finally:
            fresh.unlink(missing_ok=True)
        return descriptor

    def _link(self, fresh: Path) -> None:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                os.link(fresh, self.path)
                return
            except FileExistsError as error:
                if time.monotonic() > until:
                    raise ConflictError(
                        f"another git command works on {self.path.parent.parent}",
                        hint=f"wait for it, or remove a stale {self.path}",
                    ) from error
                sleep(_STEP)


def _swap(content: bytes) -> Swap | None:
    """A line that was cut was never on stable storage whole, so nothing was changed under it."""
    try:
        return Swap(**json.loads(content.removeprefix(_MARK)))
    except (ValueError, TypeError):
        return None
