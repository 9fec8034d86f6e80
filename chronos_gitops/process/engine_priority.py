"""Priority of the engine: answering readers and following git yield to sending webhooks.

Python computes one thing at a time, and whoever wants to compute waits for whoever does, for milliseconds each time
(``sys.setswitchinterval``). A webhook is tens of such steps in two threads. So the engine's threads say when they are
at work, and a guest, which is a thread that may take its time, stops between two steps of its own until they are not.
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
"""Seconds between two looks of a guest: to be woken instead would cost the engine something each time it rests."""
_HELD_UP: Final = 0.003
"""Seconds without a change after which the engine is taken to wait for something else than the processor."""
_HAND_OVER: Final = 0.0002
"""Seconds after which a thread that computes lets another one, while there are guests. Python's own are 0.005; so few
cost a burst of webhooks a few percent, which is why it is not done when nobody reads."""

_SHORT: Final = 0.05
"""Seconds up to which a wait is precise: epoll(7) rounds it up to whole milliseconds, select(2) does not."""
_SELECTABLE: Final = 1024

_at_work: set[object] = set()  # only added to and discarded from, which no other thread can come between
_turn = 0
"""Another one whenever somebody began or ended; two that come at once may count as one."""
_guest = threading.local()


def run(main: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` in a loop that is at work whenever it does not wait for something to happen."""
    selector = _Selector()
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
    """This thread gives way meanwhile, for so many seconds all together: an engine that is always at work may slow it
    down, and not keep it for ever."""
    with _guests:
        before, _guest.patience, _guest.held_up = getattr(_guest, "patience", 0.0), patience, -1
        yield_to_engine()
        try:
            yield
        finally:
            _guest.patience = before


def yield_to_engine() -> None:
    """Between two steps of what takes long. Nothing to do for who is no guest, nor while the engine waits for a
    slow disk or a far database, which shows by nobody's having begun or ended for a while."""
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
    """The same, each after having given way."""
    for step in steps:
        yield_to_engine()
        yield step


class _LowPriorityThreads:
    """While there is one, threads hand over soon."""

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
                select.select((self.fileno(),), (), (), timeout)
                timeout = 0
            return super().select(timeout)
        finally:
            at_work(self)
