"""A clock that only a test turns."""

import asyncio
import threading
from datetime import datetime, timedelta

from chronos_gitops.engine.clock import SystemClock

_PATIENCE_S = 60.0
"""A loaded machine gives an engine its turn late."""


class HandClock:
    """Implements engine.clock.Clock. ``turn`` returns when the engine has looked at the new time and waits again."""

    def __init__(self, at: datetime) -> None:
        self._now = at
        self._elapsed = timedelta(0)
        self._changed = threading.Condition()
        self._parked: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._waiting = 0
        self._waits = 0

    def now(self) -> datetime:
        return self._now

    async def wait(self, until: datetime | None, wake: asyncio.Event) -> None:
        if wake.is_set() or (until is not None and self._now >= until):
            await asyncio.sleep(0)
            return
        turned = asyncio.Event()
        parked = (asyncio.get_running_loop(), turned)
        with self._changed:
            self._parked.add(parked)
            self._waiting += 1
            self._waits += 1
            self._changed.notify_all()
        tasks = [asyncio.ensure_future(turned.wait()), asyncio.ensure_future(wake.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            with self._changed:
                self._parked.discard(parked)
                self._waiting -= 1

    async def sleep(self, duration: timedelta) -> None:
        deadline = self._elapsed + duration
        while self._elapsed < deadline:
            turned = asyncio.Event()
            parked = (asyncio.get_running_loop(), turned)
            with self._changed:
                self._parked.add(parked)
                self._changed.notify_all()
            try:
                await turned.wait()
            finally:
                with self._changed:
                    self._parked.discard(parked)

    def turn(self, duration: timedelta) -> None:
        """Time passes: wall clock and elapsed time move together, in steps that no one takes for a suspend."""
        while duration > timedelta(0):
            step = min(duration, timedelta(seconds=30))
            self._move(wall=step, elapsed=step)
            duration -= step

    def step(self, duration: timedelta) -> None:
        """Only the wall clock jumps, forward or backward, as after a suspend or a correction."""
        self._move(wall=duration, elapsed=timedelta(0))

    def leap(self, duration: timedelta) -> None:
        """As ``step``, while no engine is there to see it."""
        self._now += duration

    def wake_sleeper(self, duration: timedelta) -> None:
        """Something that waits besides the scheduler, a retry for example, has waited for so long."""
        self.wait_for_sleeper()
        self.turn(duration)

    def wait_for_sleeper(self, timeout: float = 5.0) -> None:
        """Returns when something besides the scheduler waits for time to pass, a retry for example."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._parked) > self._waiting, timeout), "nothing sleeps"

    def rest(self, duration: timedelta) -> None:
        """Elapsed time passes and the wall clock stands still: what waits to try again does so. The engine need not be
        waiting: it may rest itself, after trouble with its store."""
        with self._changed:
            self._elapsed += duration
            for loop, turned in self._parked:
                loop.call_soon_threadsafe(turned.set)

    def advance(self, duration: timedelta) -> None:
        """As ``turn``, at once: of time in which nothing is due."""
        self._move(wall=duration, elapsed=duration)

    def _move(self, *, wall: timedelta, elapsed: timedelta) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._waiting > 0, _PATIENCE_S), "the engine never came to wait"
            before = self._waits
            self._now += wall
            self._elapsed += elapsed
            for loop, turned in self._parked:
                loop.call_soon_threadsafe(turned.set)
            assert self._changed.wait_for(lambda: self._waits > before, _PATIENCE_S), (
                "the engine did not look at the clock"
            )


class RealClock(SystemClock):
    """Turned by nothing but time: for an engine whose server keeps the time. The same calls as HandClock has."""

    def turn(self, duration: timedelta) -> None:
        threading.Event().wait(duration.total_seconds())

    def wake_sleeper(self, duration: timedelta) -> None:
        """Waiting tasks wake by themselves."""
