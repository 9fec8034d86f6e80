"""The minute in which most jobs of a tree start, before and after a change."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.rules.timing import shortest_gap
from chronos_gitops.timing.schedule import Schedule

_WEEK: Final = timedelta(days=7)
_MINUTE: Final = timedelta(minutes=1)
_DENSE: Final = 2_100
"""A schedule with more ticks a week (more often than every five minutes) counts for every minute alike."""


@dataclass(frozen=True, slots=True)
class Peak:
    """How many runs start in which minute; the first one where several are as busy."""

    minute: datetime
    runs: int


def busiest(before: JobSet, after: JobSet, *, at: datetime) -> tuple[Peak | None, Peak | None]:
    """Over the week from ``at`` on, ticks only: jitter and retries are not looked at. None for a tree without runs."""
    old, new = _schedules(before), _schedules(after)
    minutes = {schedule: _minutes(schedule, at) for schedule in old.keys() | new.keys()}
    return _peak(old, minutes, at), _peak(new, minutes, at)


def _schedules(jobs: JobSet) -> Counter[Schedule]:
    """How many enabled jobs have the same schedule; its key is kept only where ``H`` makes a difference."""
    schedules = (definition.job.schedule for definition in jobs if definition.job.enabled)
    return Counter(
        schedule if "H" in schedule.text else Schedule.parse(schedule.text, schedule.timezone) for schedule in schedules
    )


def _minutes(schedule: Schedule, at: datetime) -> Counter[int] | int:
    """Ticks by minute since the epoch, or how many there are in each minute."""
    if schedule.count(at, at + _WEEK) > _DENSE:
        return math.ceil(_MINUTE / (shortest_gap(schedule) or _MINUTE))
    return Counter(int(tick.timestamp()) // 60 for tick in schedule.between(at, at + _WEEK))


def _peak(schedules: Counter[Schedule], minutes: dict[Schedule, Counter[int] | int], at: datetime) -> Peak | None:
    everywhere = 0
    load: Counter[int] = Counter()
    for schedule, number in schedules.items():
        ticks = minutes[schedule]
        if isinstance(ticks, int):
            everywhere += number * ticks
        else:
            _add(load, ticks.items(), number)
    if not load and not everywhere:
        return None
    minute, runs = min(load.items(), key=lambda item: (-item[1], item[0]), default=(int(at.timestamp()) // 60, 0))
    return Peak(datetime.fromtimestamp(minute * 60, UTC), runs + everywhere)


def _add(load: Counter[int], ticks: Iterable[tuple[int, int]], number: int) -> None:
    for minute, runs in ticks:
        load[minute] += runs * number
