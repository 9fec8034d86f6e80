"""The nominal ticks that a change of calendars holds, opens or moves. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.closures import Closure, Closures
from chronos_gitops.schedule.timing import OnSkip, Timing

_INSTANT = timedelta(microseconds=1)


class TickChange(StrEnum):
    CLOSED = "closed"
    OPENED = "opened"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class ChangedTick:
    """``target`` is where a moved one runs. ``closure`` holds a closed or moved one after the change, and held one that
    opens before it. ``is_past``: it would have run early, on a day that is past."""

    time: datetime
    change: TickChange
    closure: Closure | None
    target: datetime | None = None
    is_past: bool = False


def changed_ticks(old: Timing, new: Timing, after: datetime, until: datetime) -> Iterator[ChangedTick]:
    """In (after, until], ascending, of two timings that differ in calendars only; made as they are asked for."""
    if new.on_skip is not OnSkip.DROP:
        yield from _moved(old, new, after, until)
        return
    for start, stop, change, closure in _stretches(old, new, after, until):
        yield from (ChangedTick(tick, change, closure) for tick in new.nominal_between(start, stop))


def count_changes(old: Timing, new: Timing, after: datetime, until: datetime) -> dict[TickChange, int]:
    """Number of changes of each kind. Without moves the cost grows with closed stretches, not with scheduled times."""
    counts = dict.fromkeys(TickChange, 0)
    if new.on_skip is not OnSkip.DROP:
        for tick in _moved(old, new, after, until):
            counts[tick.change] += 1
        return counts
    for start, stop, change, _ in _stretches(old, new, after, until):
        counts[change] += new.nominal_count(start, stop)
    return counts


def _stretches(
    old: Timing, new: Timing, after: datetime, until: datetime
) -> Iterator[tuple[datetime, datetime, TickChange, Closure | None]]:
    both = Closures.of((*old.skip, *old.freezes, *new.skip, *new.freezes), new.timezone)
    for start, stop, _ in both.stretches(after, until):
        before, now = old.closure(start + _INSTANT), new.closure(start + _INSTANT)
        if (before is None) != (now is None):
            yield start, stop, TickChange.OPENED if now is None else TickChange.CLOSED, now or before


def _moved(old: Timing, new: Timing, after: datetime, until: datetime) -> Iterator[ChangedTick]:
    for tick in new.nominal_between(after, until):
        before, now = old.closure(tick), new.closure(tick)
        if before is None and now is None:
            continue
        placed = tick if before is None else old.move(tick).target
        target = tick if now is None else new.move(tick).target
        if placed == target:
            continue
        if now is None:
            yield ChangedTick(tick, TickChange.OPENED, before)
        elif target is None or target <= after:
            yield ChangedTick(tick, TickChange.CLOSED, now, is_past=target is not None)
        else:
            yield ChangedTick(tick, TickChange.MOVED, now, target)
