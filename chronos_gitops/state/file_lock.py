"""Exclusive locks on files that end with their process, however it ends (flock(2))."""

import fcntl
import os
import time
from typing import IO, Any, Final
from weakref import WeakSet

from chronos_gitops.process.sleep import sleep

PATIENCE_S: Final = 2.0
_STEP_S: Final = 0.01

_locked: "WeakSet[IO[Any]]" = WeakSet()


def lock(file: IO[Any]) -> None:
    """BlockingIOError when another process holds the lock for longer than 2 s.

    A lock belongs to the open file, which a child has from fork to exec: for up to 13 ms after a parent was killed
    (measured). Python closes it at exec; a child that never calls exec closes it at once.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            sleep(_STEP_S)
        else:
            _locked.add(file)
            return


def _close_in_child() -> None:
    for file in list(_locked):
        file.close()


os.register_at_fork(after_in_child=_close_in_child)
