"""What is due in a window, over many jobs: how much of it when, and tick by tick."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
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


def distinct(due: Iterable[Due]) -> Mapping[Due, int]:
    """How many jobs are due alike; their names are kept only where ``H`` makes a difference."""
    found: dict[tuple[str, str, str, datetime], Due] = {}
    numbers: Counter[tuple[str, str, str, datetime]] = Counter()
    for one in due:
        schedule = one.schedule
        alike = (schedule.text, schedule.timezone, schedule.key if "H" in schedule.text else "", one.since)
        found.setdefault(alike, one)
        numbers[alike] += 1
    return {found[alike]: number for alike, number in numbers.items()}


def load(due: Mapping[Due, int], start: datetime, bucket: timedelta, buckets: int) -> Load:
    """Counted, not walked, where ticks are more than buckets: ``@every 1s`` costs no more than ``@hourly``."""
    counts = [0] * buckets
    stop = start + bucket * buckets
    for one, number in due.items():
        after = max(start, one.since) - _MILLISECOND
        if one.schedule.count(after, stop - _MILLISECOND) > buckets:
            for index in range(buckets):
                end = start + bucket * (index + 1) - _MILLISECOND
                begin = max(start + bucket * index - _MILLISECOND, after)
                if begin < end:
                    counts[index] += number * one.schedule.count(begin, end)
        else:
            for tick in one.schedule.between(after, stop - _MILLISECOND):
                counts[(tick - start) // bucket] += number
    return Load(start, bucket, tuple(counts))


def ticks(due: Iterable[Due], start: datetime, stop: datetime) -> Iterator[tuple[datetime, str]]:
    """Every tick in [start, stop) with its job, in order of time, then name; made as they are asked for."""
    return heapq.merge(*(_of(one, start, stop) for one in due))


def _of(due: Due, start: datetime, stop: datetime) -> Iterator[tuple[datetime, str]]:
    after = max(start, due.since) - _MILLISECOND
    return ((tick, due.job) for tick in due.schedule.between(after, stop - _MILLISECOND))
