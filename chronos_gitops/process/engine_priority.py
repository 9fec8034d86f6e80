"""Priority of the engine: answering readers and following git yield to sending webhooks.

The GIL lets one thread run at a time, and each handover takes milliseconds (``sys.setswitchinterval``); a webhook needs
tens of them. So threads of low priority pause between two steps of theirs while the engine's threads are busy.

500 webhooks a second beside 4 API readers and 10,000 jobs on two busy cores: p99 lateness 0.4 to 0.7 s with it, 3.4 to
4.9 s without, 1.7 to 2.5 s with the short switch interval alone (three interleaved rounds, 2026-11-30).
"""

import asyncio
import contextlib
import select
import selectors
import sys
import threading
import time
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any, Final, TypeVar

from chronos_gitops.process.sleep import sleep

T = TypeVar("T")

_NAP: Final = 0.0005
"""Poll interval of a paused thread, in seconds: waking it instead would cost the engine at each of its waits."""
_HELD_UP: Final = 0.003
"""Seconds without progress after which the engine is taken to wait for IO."""
_HAND_OVER: Final = 0.0002
"""Switch interval in seconds while there are low-priority threads. Python's own is 0.005; this one costs a burst of
webhooks a few percent, so it is set only meanwhile."""

_SHORT: Final = 0.05
"""Seconds up to which a wait is precise: epoll(7) rounds it up to whole milliseconds, select(2) does not."""
_SELECTABLE: Final = 1024

_at_work: set[object] = set()  # only added to and discarded from, which no other thread can come between
_turn = 0
"""Changes whenever a thread of the engine begins or ends work; two at once may count as one."""
_guest = threading.local()


def run(main: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` in a loop that is at work whenever it does not wait for something to happen."""
    selector = _Selector()
    at_work(selector)
    try:
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            return runner.run(main)
    finally:
        at_rest(selector)


def at_work(who: object) -> None:
    global _turn
    _turn += 1
    _at_work.add(who)


def at_rest(who: object) -> None:
    global _turn
    _turn += 1
    _at_work.discard(who)


@contextlib.contextmanager
def low_priority(patience: float) -> Iterator[None]:
    """This thread yields to the engine meanwhile, for ``patience`` seconds altogether, so that an engine that is always
    busy cannot block it for ever."""
    with _guests:
        before, _guest.patience, _guest.held_up = getattr(_guest, "patience", 0.0), patience, -1
        yield_to_engine()
        try:
            yield
        finally:
            _guest.patience = before


def yield_to_engine() -> None:
    """Call it between two steps of long work. Returns at once unless this thread has low priority, or if the engine
    has made no progress for 3 ms: it waits for IO."""
    patience: float = getattr(_guest, "patience", 0.0) if _at_work else 0.0
    if patience <= 0 or _turn == _guest.held_up:
        return
    began = now = moved = time.monotonic()
    turn = _turn
    while _at_work and now - began < patience:
        sleep(_NAP)
        now = time.monotonic()
        if _turn != turn:
            turn, moved = _turn, now
        elif now - moved > _HELD_UP:
            _guest.held_up = turn
            break
    _guest.patience = patience - (now - began)


def yielding(steps: Iterable[T]) -> Iterator[T]:
    """The same steps, each after ``yield_to_engine``."""
    for step in steps:
        yield_to_engine()
        yield step


class _LowPriorityThreads:
    """While there is one, the switch interval is short."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._before = sys.getswitchinterval()

    def __enter__(self) -> None:
        self._changed(1)

    def __exit__(self, *_: object) -> None:
        self._changed(-1)

    def _changed(self, by: int) -> None:
        with self._lock:
            if not self._count:
                self._before = sys.getswitchinterval()
            self._count += by
            sys.setswitchinterval(_HAND_OVER if self._count else self._before)


_guests = _LowPriorityThreads()


class _Selector(selectors.DefaultSelector):
    """A selector that tells the loop's waits to the priority rule."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        at_rest(self)
        try:
            if timeout is not None and timeout < _SHORT and self.fileno() < _SELECTABLE:
                if not select.select((self.fileno(),), (), (), timeout)[0]:
                    return []
                timeout = 0
            return super().select(timeout)
        finally:
            at_work(self)
