"""The minute in which most jobs of a tree start, before and after a change."""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final

from chronos_gitops.jobs.model import JobSet
from chronos_gitops.jobs.planning.applied_timings import after_apply
from chronos_gitops.jobs.validation.rules.times.timing import shortest_gap
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.applied import AppliedTiming
from chronos_gitops.schedule.timing import Timing

_WEEK: Final = timedelta(days=7)
_MINUTE: Final = timedelta(minutes=1)
_DENSE: Final = 2_100
"""A schedule with more ticks a week (more often than every five minutes) counts for every minute alike."""


@dataclass(frozen=True, slots=True)
class BusyMinute:
    """The minute with the most starts, the first of equals, and their number."""

    minute: datetime
    runs: int


def busiest_minute(before: JobSet, after: JobSet, *, at: datetime) -> tuple[BusyMinute | None, BusyMinute | None]:
    """Over the week from ``at`` on, ticks only: jitter and retries are not looked at. None for a tree without runs."""
    old, new = _timings(before, before, at), _timings(before, after, at)
    minutes = {timing: _minutes(timing, at) for timing in old.keys() | new.keys()}
    return _peak(old, minutes, at), _peak(new, minutes, at)


def _timings(running: JobSet, jobs: JobSet, at: datetime) -> Counter[Timing | AppliedTiming]:
    """Number of enabled jobs for each timing, once the jobs are applied to the running ones."""
    known = running.definitions
    enabled = (definition.job for definition in jobs if definition.job.enabled)
    return Counter(after_apply(known[job.name].job if job.name in known else None, job, at) for job in enabled)


def _minutes(timing: Timing | AppliedTiming, at: datetime) -> Counter[int] | int:
    """Ticks by minute since the epoch, or how many there are in each minute."""
    if isinstance(timing, Timing) and timing.count(at, at + _WEEK) > _DENSE:
        return math.ceil(_MINUTE / (shortest_gap(timing) or _MINUTE))
    return Counter(int(tick.timestamp()) // 60 for tick in timing.between(at, at + _WEEK))


def _peak(
    timings: Counter[Timing | AppliedTiming], minutes: dict[Timing | AppliedTiming, Counter[int] | int], at: datetime
) -> BusyMinute | None:
    everywhere = 0
    load: Counter[int] = Counter()
    for timing, number in timings.items():
        ticks = minutes[timing]
        if isinstance(ticks, int):
            everywhere += number * ticks
        else:
            _add(load, ticks.items(), number)
    if not load and not everywhere:
        return None
    minute, runs = min(load.items(), key=lambda item: (-item[1], item[0]), default=(int(at.timestamp()) // 60, 0))
    return BusyMinute(datetime.fromtimestamp(minute * 60, UTC), runs + everywhere)


def _add(load: Counter[int], ticks: Iterable[tuple[int, int]], number: int) -> None:
    for minute, runs in ticks:
        load[minute] += runs * number


_MILLISECOND: Final = timedelta(milliseconds=1)
"""Ticks are whole milliseconds, so [a, b) is (a - 1 ms, b - 1 ms]."""


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """When a job runs, and from when on it is looked at: a pause ends there."""

    job: str
    timing: Timing | AppliedTiming
    since: datetime


@dataclass(frozen=True, slots=True)
class Load:
    """``counts[i]`` ticks lie in [start + i * bucket, start + (i + 1) * bucket)."""

    start: datetime
    bucket: timedelta
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def peak(self) -> int | None:
        """The first of the fullest buckets; None when nothing is due."""
        most = max(self.counts, default=0)
        return self.counts.index(most) if most else None


Alike = Mapping[ScheduledJob, Sequence[str]]
"""One of the jobs that are due alike, with the names of all of them."""


def group_by_schedule(due: Iterable[ScheduledJob]) -> Alike:
    """Many jobs have few schedules; a job's name makes a difference only where ``H`` stands."""
    found: dict[tuple[Timing | AppliedTiming, datetime], tuple[ScheduledJob, list[str]]] = {}
    for one in due:
        found.setdefault((one.timing, one.since), (one, []))[1].append(one.job)
    return dict(found.values())


def load(due: Alike, start: datetime, bucket: timedelta, buckets: int) -> Load:
    """Counted, not walked, where ticks are more than buckets: ``@every 1s`` costs no more than ``@hourly``."""
    counts = [0] * buckets
    for one, names in due.items():
        for index, ticks in _counted(one, start, bucket, buckets):
            counts[index] += len(names) * ticks
    return Load(start, bucket, tuple(counts))


def _counted(due: ScheduledJob, start: datetime, bucket: timedelta, buckets: int) -> Iterator[tuple[int, int]]:
    after, last = max(start, due.since) - _MILLISECOND, start + bucket * buckets - _MILLISECOND
    if due.timing.count(after, last) <= buckets:
        yield from (((tick - start) // bucket, 1) for tick in due.timing.between(after, last))
        return
    for index in range(buckets):
        begin = max(start + bucket * index - _MILLISECOND, after)
        end = start + bucket * (index + 1) - _MILLISECOND
        if begin < end:
            yield index, due.timing.count(begin, end)


def ticks(due: Alike, start: datetime, stop: datetime) -> Iterator[tuple[datetime, str]]:
    """Every tick in [start, stop) with its job, in order of time, then name; made as they are asked for."""
    merged = heapq.merge(*(_of(one, names, start, stop) for one, names in due.items()), key=itemgetter(0))
    for tick, several in groupby(merged, key=itemgetter(0)):
        yield from ((tick, name) for name in sorted(name for _, names in several for name in names))


def _of(
    due: ScheduledJob, names: Sequence[str], start: datetime, stop: datetime
) -> Iterator[tuple[datetime, Sequence[str]]]:
    after = max(start, due.since) - _MILLISECOND
    return ((tick, names) for tick in due.timing.between(after, stop - _MILLISECOND))
