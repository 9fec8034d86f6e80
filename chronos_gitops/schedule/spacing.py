"""The first two ticks that are nearer to each other than a policy allows."""

import heapq
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from typing import Final

from chronos_gitops.schedule.schedule import Schedule
from chronos_gitops.schedule.zones import timezones

AHEAD: Final = timedelta(days=366)
_DAY: Final = 86_400
_PROBE: Final = 64
_MOST_TICKS: Final = 600_000
"""More than the minutes of a year: what is walked where nothing shorter tells. Ticks that are seconds apart, in lists
whose entries meet on some days only, are looked at up to here."""
_INSTANT: Final = timedelta(microseconds=1)
Pair = tuple[datetime, datetime]


@lru_cache(maxsize=20_000)
def too_close(schedules: Sequence[Schedule], spacing: timedelta, day: date) -> Pair | None:
    """Two neighbouring ticks of one job, in the 366 days from this day (of UTC) on, that are less than ``spacing``
    apart; None where there are none.

    The times of day that the schedules name decide it in nearly all cases; ticks are walked in the others.
    """
    after = datetime.combine(day, time(), UTC) - _INSTANT
    until = after + AHEAD
    found = _closer(islice(_ticks(schedules, after, until), _PROBE), spacing)
    if found is not None or _is_spaced_by_interval(schedules, spacing):
        return found
    if _are_times_spaced(schedules, spacing):
        return _around_changes(schedules, spacing, after, until)
    return next((pair for pair in _nearest(schedules, day) if pair[1] - pair[0] < spacing), None)


@lru_cache(maxsize=2_000)
def _nearest(schedules: Sequence[Schedule], day: date) -> tuple[Pair, ...]:
    """Each pair of neighbouring ticks that is nearer than every pair before it: the first pair that is too close for a
    spacing is among them. All rules about the same schedules share one walk."""
    after = datetime.combine(day, time(), UTC) - _INSTANT
    found: list[Pair] = []
    least = timedelta.max
    for one, other in pairwise(islice(_ticks(schedules, after, after + AHEAD), _MOST_TICKS)):
        if other - one < least:
            least = other - one
            found.append((one, other))
    return tuple(found)


def _ticks(schedules: Sequence[Schedule], after: datetime, until: datetime) -> Iterator[datetime]:
    """Ascending, each once."""
    last = None
    for tick in heapq.merge(*(schedule.between(after, until) for schedule in schedules)):
        if tick != last:
            yield tick
        last = tick


def _closer(ticks: Iterator[datetime], spacing: timedelta) -> Pair | None:
    return next(((one, other) for one, other in pairwise(ticks) if other - one < spacing), None)


def _is_spaced_by_interval(schedules: Sequence[Schedule], spacing: timedelta) -> bool:
    intervals = [schedule.interval for schedule in schedules]
    return len(intervals) == 1 and intervals[0] is not None and intervals[0] >= spacing


def _are_times_spaced(schedules: Sequence[Schedule], spacing: timedelta) -> bool:
    """True if all times of day together are far enough apart, over midnight too, whichever days they are on."""
    if any(schedule.interval or schedule.one_off for schedule in schedules):
        return False
    return _least_between_times(schedules) >= spacing.total_seconds()


@lru_cache(maxsize=2_000)
def _least_between_times(schedules: Sequence[Schedule]) -> int:
    """Seconds between the two nearest times of day, over midnight too."""
    times = sorted(frozenset[int]().union(*(schedule.times_of_day() for schedule in schedules)))
    over_midnight = [*times, times[0] + _DAY]
    return min(other - one for one, other in pairwise(over_midnight))


def _around_changes(schedules: Sequence[Schedule], spacing: timedelta, after: datetime, until: datetime) -> Pair | None:
    """The ticks around each change of the clock, where the times of day do not tell how far apart they are."""
    zone = timezones.load(schedules[0].timezone)
    for begin, _, _ in timezones.spans(zone, int(after.timestamp()), int(until.timestamp())):
        change = datetime.fromtimestamp(begin, UTC)
        known = (schedule.latest(change - AHEAD, change - _INSTANT, 1) for schedule in schedules)
        last = max((tick for ticks in known for tick in ticks), default=change)
        first = max(last - _INSTANT, after)
        found = _closer(islice(_ticks(schedules, first, until), len(schedules) + 4), spacing)
        if found is not None:
            return found
    return None
