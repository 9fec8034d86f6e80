"""The first ticks after an instant, of anything that knows the next one."""

from collections.abc import Callable
from datetime import datetime


def upcoming(next_after: Callable[[datetime], datetime | None], after: datetime, count: int) -> tuple[datetime, ...]:
    """The first ``count`` ticks strictly after the instant; fewer where no more come."""
    ticks: list[datetime] = []
    while len(ticks) < count and (tick := next_after(ticks[-1] if ticks else after)) is not None:
        ticks.append(tick)
    return tuple(ticks)
