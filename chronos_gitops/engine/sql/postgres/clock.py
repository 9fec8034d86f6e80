"""The database's clock as the clock of every replica: what time it is is decided in one place."""

import asyncio
from datetime import UTC, datetime, timedelta

from chronos_gitops.engine.clock import Clock, elapsed


class DatabaseClock:
    """See the Clock protocol. Until it was set it shows what ``base`` shows; from then on a step of this machine's wall
    clock has no effect, for elapsed time is added to what the database has said."""

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._set: tuple[datetime, float] | None = None

    def set(self, at: datetime, after: float, *, within: timedelta = timedelta(0)) -> None:
        """The database showed ``at`` when ``elapsed()`` was that, or ``within`` so long before: what agrees with what
        was known before to that extent is no news, so that a slow answer does not turn the clock back."""
        if self._set is not None and abs(self._at(self._set, after) - at) <= within:
            return
        self._set = (at, after)

    @property
    def offset(self) -> timedelta:
        """Offset of the database's clock from this machine's; positive when the database is ahead."""
        return self.now() - self._base.now()

    def now(self) -> datetime:
        known = self._set
        if known is None:
            return self._base.now()
        return self._at(known, elapsed())

    @staticmethod
    def _at(known: tuple[datetime, float], after: float) -> datetime:
        return known[0] + timedelta(seconds=after - known[1])

    async def wait(self, until: datetime | None, wake: asyncio.Event) -> None:
        await self._base.wait(None if until is None else until - self.offset, wake)

    async def sleep(self, duration: timedelta) -> None:
        await self._base.sleep(duration)


def instant(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
