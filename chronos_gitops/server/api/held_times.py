"""Scheduled times that calendars hold and move, for answers."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from operator import itemgetter
from typing import Any, Final

from chronos_gitops.engine.answers.held_sentences import closed_until
from chronos_gitops.jobs.planning.load_forecast import Alike
from chronos_gitops.schedule.calendars.applied import AppliedTiming, filed, origin_of
from chronos_gitops.schedule.timing import ClosedTick, Timing
from chronos_gitops.server.api.openapi import responses

MOST: Final = 1000
_INSTANT: Final = timedelta(microseconds=1)


def closed(held: ClosedTick) -> dict[str, Any]:
    """A scheduled time that a calendar holds."""
    return {
        "time": responses.instant(held.time),
        "calendar": held.closure.calendar,
        "reason": held.closure.entry.reason or held.closure.entry.text,
        "moved_to": responses.instant(held.move.target) if held.move is not None else None,
    }


def closed_of(timing: Timing | AppliedTiming, after: datetime, until: datetime) -> list[dict[str, Any]]:
    """The first of (after, until], MOST of them."""
    return [closed(held) for held in islice(timing.held(after, until), MOST)]


def closed_of_all(due: Alike, start: datetime, stop: datetime) -> list[dict[str, Any]]:
    """The first of [start, stop) of many jobs with the job of each, in order of time, MOST of them."""
    several = (_held(one.timing, names, max(start, one.since), stop) for one, names in due.items())
    merged = heapq.merge(*several, key=itemgetter(0))
    return [closed(held) | {"job": name} for _, held, name in islice(merged, MOST)]


def runs(timing: Timing | AppliedTiming, ticks: Sequence[datetime]) -> list[dict[str, Any]]:
    """Runs with the scheduled times that they take the place of."""
    return [
        {"time": responses.instant(tick), "moved_from": responses.instant(origin_of(timing, tick))} for tick in ticks
    ]


def moved_from(due: Alike, ticks: Iterable[tuple[datetime, str]]) -> Mapping[tuple[datetime, str], str | None]:
    """Of the ticks, with their jobs, those that take the place of held ones."""
    timings = {name: one.timing for one, names in due.items() if filed(one.timing).moves_ticks for name in names}
    origins = ((at, name, origin_of(timings[name], at)) for at, name in ticks if name in timings)
    return {(at, name): responses.instant(origin) for at, name, origin in origins if origin is not None}


def closed_now(timing: Timing, now: datetime) -> str | None:
    """``closed by year-end until 2027-01-04T05:00:00Z``; None in open time."""
    closure = timing.closure(now)
    return None if closure is None else closed_until(closure.calendar, timing.opens_at(now))


def _held(
    timing: Timing | AppliedTiming, names: Sequence[str], start: datetime, stop: datetime
) -> Iterator[tuple[datetime, ClosedTick, str]]:
    for held in timing.held(start - _INSTANT, stop - _INSTANT):
        yield from ((held.time, held, name) for name in names)
