"""The one clock of a runner: wall time for ticks, elapsed time for waits; tests turn one by hand."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

LONGEST_WAIT = timedelta(seconds=1)
"""The wall clock is read again at least this often, so that a step or a suspend is seen within a second."""

TOLERANCE = timedelta(minutes=5)
"""A time that was taken from a clock may be later than now by so much: clocks are corrected by seconds all the time."""


_ELAPSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds since some instant in the past, those in which the machine was suspended included where it can tell."""
    return time.clock_gettime(_ELAPSED)


def is_ahead(mark: datetime, now: datetime) -> bool:
    """True if the time was taken from a clock that was ahead, so that nothing may wait for it (CONTRACT 2)."""
    return mark - now > TOLERANCE


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall time, aware, UTC."""

    async def wait(self, until: datetime | None, wake: asyncio.Event) -> None:
        """Returns when ``until`` has come, when ``wake`` is set, or earlier; the caller looks again anyway."""

    async def sleep(self, duration: timedelta) -> None:
        """Waits for elapsed (monotonic) time, whatever the wall clock does meanwhile."""


class LoopHeartbeat:
    """When a loop looked at the clock last; its age is elapsed time, which no step of the clock changes."""

    def __init__(self) -> None:
        self.at: datetime | None = None
        self._elapsed = 0.0

    def beat(self, now: datetime) -> None:
        self._elapsed, self.at = elapsed(), now

    @property
    def age(self) -> timedelta:
        return timedelta(0) if self.at is None else timedelta(seconds=elapsed() - self._elapsed)


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def wait(self, until: datetime | None, wake: asyncio.Event) -> None:
        longest = LONGEST_WAIT if until is None else min(LONGEST_WAIT, until - self.now())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, longest.total_seconds())):
                await wake.wait()

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(duration.total_seconds())
