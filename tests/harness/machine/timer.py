"""Elapsed time that only a test turns, for threads that wait for an event."""

import threading
import time
from math import ceil


class HandTimer:
    """Implements repo.pace.Timer. ``turn`` moves the time in steps of a second; after each one it returns to the test
    only once the follower waits again."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._changed = threading.Condition()
        self._waiting: tuple[float, threading.Event] | None = None

    def now(self) -> float:
        return self._now

    def wait(self, event: threading.Event, seconds: float) -> None:
        with self._changed:
            until = self._now + seconds
            self._waiting = (until, event)
            self._changed.notify_all()
        while self._now < until and not event.wait(0.002):
            pass
        with self._changed:
            self._waiting = None

    def turn(self, seconds: float) -> None:
        for _ in range(ceil(seconds)):
            self.settle()
            self._now += 1
        self.settle()

    def settle(self) -> None:
        """Until the follower waits for a time that has not come."""
        deadline = time.monotonic() + 60
        while not self._is_waiting():
            assert time.monotonic() < deadline, "the follower never came to wait"
            with self._changed:
                self._changed.wait(0.002)

    def _is_waiting(self) -> bool:
        with self._changed:
            return self._waiting is not None and self._waiting[0] > self._now and not self._waiting[1].is_set()
