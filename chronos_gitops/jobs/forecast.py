"""What is due in a window, over many jobs: how much of it when, and tick by tick."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final

from chronos_gitops.timing.schedule import Schedule

_MILLISECOND: Final = timedelta(milliseconds=1)
"""Ticks are whole milliseconds, so [a, b) is (a - 1 ms, b - 1 ms]."""


@dataclass(frozen=True, slots=True)
class Due:
    """A job's schedule, and from when on it is looked at: a pause ends there."""

    job: str
    schedule: Schedule
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


Alike = Mapping[Due, Sequence[str]]
"""One of the jobs that are due alike, with the names of all of them."""


def alike(due: Iterable[Due]) -> Alike:
    """Many jobs have few schedules; a job's name makes a difference only where ``H`` stands."""
    found: dict[tuple[str, str, str, datetime], tuple[Due, list[str]]] = {}
    for one in due:
        schedule = one.schedule
        key = (schedule.text, schedule.timezone, schedule.key if "H" in schedule.text else "", one.since)
        found.setdefault(key, (one, []))[1].append(one.job)
    return dict(found.values())


def load(due: Alike, start: datetime, bucket: timedelta, buckets: int) -> Load:
    """Counted, not walked, where ticks are more than buckets: ``@every 1s`` costs no more than ``@hourly``."""
    counts = [0] * buckets
    for one, names in due.items():
        for index, ticks in _counted(one, start, bucket, buckets):
            counts[index] += len(names) * ticks
    return Load(start, bucket, tuple(counts))


def _counted(due: Due, start: datetime, bucket: timedelta, buckets: int) -> Iterator[tuple[int, int]]:
    after, last = max(start, due.since) - _MILLISECOND, start + bucket * buckets - _MILLISECOND
    if due.schedule.count(after, last) <= buckets:
        yield from (((tick - start) // bucket, 1) for tick in due.schedule.between(after, last))
        return
    for index in range(buckets):
        begin = max(start + bucket * index - _MILLISECOND, after)
        end = start + bucket * (index + 1) - _MILLISECOND
        if begin < end:
            yield index, due.schedule.count(begin, end)


def ticks(due: Alike, start: datetime, stop: datetime) -> Iterator[tuple[datetime, str]]:
    """Every tick in [start, stop) with its job, in order of time, then name; made as they are asked for."""
    merged = heapq.merge(*(_of(one, names, start, stop) for one, names in due.items()), key=itemgetter(0))
    for tick, several in groupby(merged, key=itemgetter(0)):
        yield from ((tick, name) for name in sorted(name for _, names in several for name in names))


def _of(due: Due, names: Sequence[str], start: datetime, stop: datetime) -> Iterator[tuple[datetime, Sequence[str]]]:
    after = max(start, due.since) - _MILLISECOND
    return ((tick, names) for tick in due.schedule.between(after, stop - _MILLISECOND))
