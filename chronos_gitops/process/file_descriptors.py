"""File descriptors of this process: enough at the start, and what follows when none is left."""

import contextlib
import errno
import logging
import os
import resource
import time
from collections.abc import Callable, Iterator
from typing import Final

log = logging.getLogger(__name__)
_ERRORS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_LOG_EVERY: Final = 60.0
_LASTS: Final = 2.0
RESERVED: Final = 164
"""Beside webhooks: 100 connections of the API at least, and the ledger, git, logs, files of secrets and the loop."""


class OutOfDescriptors(Exception):
    """This process cannot open anything now, which says nothing about what it wanted to open."""


@contextlib.contextmanager
def noticed() -> Iterator[None]:
    """Raises OutOfDescriptors in place of what a missing descriptor has caused."""
    try:
        yield
    except Exception as error:
        if ran_out(error):
            raise OutOfDescriptors from error
        raise


def ran_out(error: BaseException | None) -> bool:
    """True if it is an error of a process or system that has no descriptor left, or was raised from one."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _ERRORS:
            return True
        error = error.__cause__
    return False


def none_is_free() -> bool:
    """Some calls, as getaddrinfo(3), do not say why they fail."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return ran_out(error)
    return False


class Shortage:
    """Remembers for 2 s that there was no descriptor, and logs ``event`` once a minute while that goes on. May be asked
    from any thread."""

    def __init__(self, event: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._event = event
        self._clock = clock
        self._noticed: float | None = None
        self._logged: float | None = None
        self._count = 0

    @property
    def is_on(self) -> bool:
        return self._noticed is not None and self._clock() - self._noticed < _LASTS

    def note(self) -> None:
        self._noticed = self._clock()
        self._count += 1
        if self._logged is None or self._noticed - self._logged >= _LOG_EVERY:
            self._logged = self._noticed
            soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            extra = {"event": self._event, "count": self._count, "limit": soft}
            log.error("no file descriptor is free; raise ulimit -n or lower limits.in_flight", extra=extra)
            self._count = 0


def shortage(in_flight: int) -> tuple[int, int] | None:
    """The limit of open files and the number that ``limits.in_flight`` needs, if the limit is lower; else None."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = in_flight + RESERVED
    return None if hard == resource.RLIM_INFINITY or hard >= needed else (hard, needed)


def provide(in_flight: int) -> None:
    """Raises the soft limit as far as ``limits.in_flight`` needs; warns when the hard limit does not allow that."""
    needed = in_flight + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        extra = {"event": "descriptor_limit_low", "limit": soft, "needed": needed}
        message = "limits.in_flight = %s needs %s file descriptors, and this process may open %s; raise ulimit -n"
        log.warning(message, in_flight, needed, soft, extra=extra)
