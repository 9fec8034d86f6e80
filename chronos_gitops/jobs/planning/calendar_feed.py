"""Scheduled times as events of a calendar program: one for each, or one a day for jobs that run often."""

import heapq
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby, islice
from operator import itemgetter
from typing import Final
from urllib.parse import quote

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.planning import load_forecast
from chronos_gitops.jobs.planning.load_forecast import Alike, ScheduledJob
from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.icalendar.feed import FeedEvent
from chronos_gitops.schedule.timestamps import compact_utc
from chronos_gitops.schedule.zones import timezones
from chronos_gitops.schedule.zones.wall_time import DAY, from_datetime, to_date

OFTEN: Final = 24
"""Jobs with more scheduled times a day, on average over the window, have one event for each day."""
MOST_EVENTS: Final = 5_000
_DAY: Final = timedelta(days=1)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class FeedSource:
    """The jobs of a feed: their files by name, ``due`` as the engine sees them, and texts that go into each event.

    ``realm`` tells the same job of two environments apart; ``base_url`` is that of the page, empty where unknown.
    """

    jobs: Mapping[str, Job]
    due: Collection[ScheduledJob]
    realm: str = ""
    base_url: str = ""


def events(source: FeedSource, start: datetime, stop: datetime) -> tuple[list[FeedEvent], bool]:
    """The first events of [start, stop) in order of time, and whether there are more than MOST_EVENTS."""
    alike = load_forecast.group_by_schedule(source.due)
    often = {one: names for one, names in alike.items() if _runs_often(one, start, stop)}
    seldom = {one: names for one, names in alike.items() if one not in often}
    single = ((at, name, _single(source, at, name)) for at, name in load_forecast.ticks(seldom, start, stop))
    merged = heapq.merge(_dailies(source, often, start, stop), single, key=itemgetter(0, 1))
    found = [event for _, _, event in islice(merged, MOST_EVENTS + 1)]
    return found[:MOST_EVENTS], len(found) > MOST_EVENTS


def _runs_often(due: ScheduledJob, start: datetime, stop: datetime) -> bool:
    return due.timing.count(start - _MILLISECOND, stop - _MILLISECOND) > OFTEN * ((stop - start) // _DAY)


def _dailies(
    source: FeedSource, often: Alike, start: datetime, stop: datetime
) -> Iterator[tuple[datetime, str, FeedEvent]]:
    days = [
        (at, day, count, names) for one, names in often.items() for at, day, count in _days(source, one, start, stop)
    ]
    days.sort(key=itemgetter(0))
    for at, several in groupby(days, key=itemgetter(0)):
        counts = sorted((name, day, count) for _, day, count, names in several for name in names)
        yield from ((at, name, _daily(source, day, count, name)) for name, day, count in counts)


def _days(
    source: FeedSource, due: ScheduledJob, start: datetime, stop: datetime
) -> Iterator[tuple[datetime, date, int]]:
    """Each day of the job's zone with its first instant in the window and its number of scheduled times there."""
    zone = timezones.load(source.jobs[due.job].timing.timezone)
    begin = max(start, due.since)
    while begin < stop:
        midnight = from_datetime(begin.astimezone(zone)) // DAY * DAY
        following = datetime.fromtimestamp(timezones.shown(zone, midnight + DAY), begin.tzinfo)
        end = min(max(following, begin + _MILLISECOND), stop)
        if count := due.timing.count(begin - _MILLISECOND, end - _MILLISECOND):
            yield begin, to_date(midnight), count
        begin = end


def _single(source: FeedSource, at: datetime, name: str) -> FeedEvent:
    return _event(source, at, compact_utc(at, milliseconds=True), name, name)


def _daily(source: FeedSource, day: date, count: int, name: str) -> FeedEvent:
    return _event(source, day, f"{day:%Y%m%d}", name, f"{name} ({plural(count, 'run')})")


def _event(source: FeedSource, start: datetime | date, stamp: str, name: str, summary: str) -> FeedEvent:
    job = source.jobs[name]
    about = (job.description, f"{job.timing.describe()} ({job.timing.timezone})")
    url = f"{source.base_url}/jobs/{quote(name)}" if source.base_url else ""
    realm = f"{source.realm}.chronos-gitops" if source.realm else "chronos-gitops"
    return FeedEvent(f"{stamp}-{job.id}@{realm}", start, summary, "\n".join(filter(None, about)), url)
