"""inotify(7) as a doorbell: sleeps until something changes in one of some folders, and does not say what.

watchfiles looks every 10 ms for what its own thread has heard, 100 wake-ups a second; behind a doorbell it looks only
after a change. An idle runner with one job: 103 wake-ups a second without it, under 2 with it.
"""

import ctypes
import os
import select
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_CHANGES: Final = 0x002 | 0x004 | 0x040 | 0x080 | 0x100 | 0x200 | 0x400 | 0x800
"""IN_MODIFY, ATTRIB, MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF, MOVE_SELF: what watchfiles reports."""
_EVENTS_BYTES: Final = 1 << 16


class Doorbell:
    """One thread hangs it up and waits; any thread may ring it by hand."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hand = self._ear = -1
        self._is_rung = False

    @contextmanager
    def hung(self, folders: Collection[Path]) -> Iterator[bool]:
        """Hears changes in these folders, without what is below them, from now on. False where that is not possible: no
        Linux, a folder that is gone, or more folders than fs.inotify.max_user_watches."""
        try:
            yield self._open(folders)
        finally:
            with self._lock:
                for descriptor in (self._hand, self._ear):
                    if descriptor >= 0:
                        os.close(descriptor)
                self._hand = self._ear = -1

    def wait(self, seconds: float) -> bool:
        """True once something has changed since the last call; False when the time is over, or after ``ring``."""
        poll = select.poll()
        for descriptor in (self._ear, self._hand):
            poll.register(descriptor, select.POLLIN)
        heard = {descriptor for descriptor, _ in poll.poll(max(0.0, seconds) * 1000)}
        if self._ear in heard:
            os.read(self._ear, _EVENTS_BYTES)
        return self._ear in heard

    def ring(self) -> None:
        """Ends this wait and every later one."""
        with self._lock:
            self._is_rung = True
            if self._hand >= 0:
                os.eventfd_write(self._hand, 1)

    def _open(self, folders: Collection[Path]) -> bool:
        if sys.platform != "linux":
            return False
        libc = ctypes.CDLL(None)
        with self._lock:
            self._ear = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
            self._hand = os.eventfd(int(self._is_rung), os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        return self._ear >= 0 and all(
            libc.inotify_add_watch(self._ear, os.fsencode(folder), _CHANGES) >= 0 for folder in folders
        )
