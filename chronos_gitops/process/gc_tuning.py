"""The memory of a process that first loads much and then runs for months."""

import contextlib
import ctypes
import gc
from collections.abc import Iterator
from typing import Final

_SELDOM: Final = (20_000, 20, 50)
_ARENA_MAX: Final = -8
"""M_ARENA_MAX of mallopt(3)."""


def collect_seldom() -> None:
    """With Python's own thresholds (700, 10, 10) the collector, which found next to nothing, took two fifths of the
    processor time of a burst of 5,000: executions in flight are young, many, and in no cycles."""
    gc.set_threshold(*_SELDOM)


def share() -> None:
    """All threads take memory from one place, as Python lets one compute at a time anyhow: with glibc's one for each,
    what one gave back was not there for others (8 MB with 10,000 jobs)."""
    _libc("mallopt", _ARENA_MAX, 1)


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """What is made meanwhile is there to stay: no collection looks through it, now or later.

    A start with 10,000 jobs takes a quarter less processor time, and the collector, which stops every thread, has
    nothing of them to look at afterwards. Without it everything is freed as always, but for cycles.
    """
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        _libc("malloc_trim", 0)


def _libc(function: str, *numbers: int) -> None:
    """Nothing where the C library has no such function: these are glibc's."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None)[function](*numbers)
