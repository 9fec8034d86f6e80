"""The jobs that another release of the time zone database runs at other times. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from chronos_gitops.jobs.model import JobSet
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.moves import FARTHEST_DAYS
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.schedule.zones import timezones
from chronos_gitops.schedule.zones.timezones import ZoneData

MOST_SHOWN: Final = 5
YEAR: Final = timedelta(days=366)
_NEAR: Final = timedelta(days=3)
"""Maximum distance of a scheduled time from the clock change that decides it, except for moved ones."""
_MOVED: Final = timedelta(days=FARTHEST_DAYS + 3)
_CHUNK: Final = timedelta(days=7)

Range = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """Of one job, scheduled times of the next 366 days: how many go and come, and the first of each. ``error`` says
    why the other release has none, as where it lacks the zone."""

    job: str
    timezone: str
    gone: int = 0
    come: int = 0
    before: tuple[datetime, ...] = ()
    after: tuple[datetime, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class ZoneDataChange:
    """Jobs by name that run at other times under the release ``given`` than under the installed one."""

    installed: str
    given: str
    jobs: tuple[ZoneChange, ...] = ()


def zone_changes(jobs: JobSet, data: ZoneData, at: datetime) -> ZoneDataChange:
    """Of the jobs that are enabled, from ``at`` on; it costs the days whose clocks differ."""
    seen, found = _ZoneDataComparison(data, at), []
    for definition in jobs:
        job = definition.job
        if job.enabled and (change := seen.change(job.timing, job.name)) is not None:
            found.append(replace(change, job=job.name))
    return ZoneDataChange(timezones.rules_version(), data.release, tuple(sorted(found, key=lambda one: one.job)))


def merged(found: Iterable[ZoneDataChange | None]) -> ZoneDataChange | None:
    """Of several environments: each job once, as the first of them has it."""
    several = [one for one in found if one is not None]
    if not several:
        return None
    by_job = {change.job: change for one in reversed(several) for change in one.jobs}
    return replace(several[0], jobs=tuple(by_job[name] for name in sorted(by_job)))


class _ZoneDataComparison:
    def __init__(self, data: ZoneData, at: datetime) -> None:
        self._data, self._at, self._until = data, at, at + YEAR
        self._known: dict[str, ZoneChange | None] = {}
        self._zones: dict[str, tuple[Range, ...]] = {}

    def change(self, timing: Timing, name: str) -> ZoneChange | None:
        """Jobs with the same ticks share the answer."""
        if timing.digest not in self._known:
            self._known[timing.digest] = self._judge(timing, name)
        return self._known[timing.digest]

    def _judge(self, timing: Timing, name: str) -> ZoneChange | None:
        own = (calendar.timezone or timing.timezone for calendar in (*timing.skip, *timing.freezes))
        try:
            ranges = [found for zone in {timing.timezone, *own} for found in self._differing(zone)]
            if not ranges:
                return None
            with timezones.using(self._data):
                other = Timing.from_definition(timing.definition, timing.timezone, key=name)
                other = other.with_calendars(timing.skip, timing.freezes)
        except ScheduleError as error:
            return ZoneChange(name, timing.timezone, error=str(error))
        return self._compare(timing, other, ranges)

    def _compare(self, timing: Timing, other: Timing, ranges: Iterable[Range]) -> ZoneChange | None:
        reach = _MOVED if timing.moves_ticks else _NEAR
        gone = come = 0
        before: list[datetime] = []
        after: list[datetime] = []
        for start, stop in _chunks(ranges, reach, self._at, self._until):
            old = set(timing.between(start, stop))
            with timezones.using(self._data):
                new = set(other.between(start, stop))
            gone, come = gone + len(old - new), come + len(new - old)
            before += sorted(old - new)[: MOST_SHOWN - len(before)]
            after += sorted(new - old)[: MOST_SHOWN - len(after)]
        if not gone and not come:
            return None
        return ZoneChange("", timing.timezone, gone, come, tuple(before), tuple(after))

    def _differing(self, name: str) -> tuple[Range, ...]:
        """When the clocks of the zone differ. ScheduleError where the other release lacks it."""
        if name not in self._zones:
            installed = timezones.load(name)
            with timezones.using(self._data):
                other = timezones.load(name)
            edges = int((self._at - _MOVED).timestamp()), int((self._until + _MOVED).timestamp())
            cuts = {start for zone in (installed, other) for start, _, _ in timezones.spans(zone, *edges)}
            ordered = sorted(cuts)
            self._zones[name] = tuple(
                (datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(stop, UTC))
                for start, stop in zip(ordered, [*ordered[1:], edges[1]], strict=True)
                if timezones.offset(installed, start) != timezones.offset(other, start)
            )
        return self._zones[name]


def _chunks(ranges: Iterable[Range], reach: timedelta, first: datetime, last: datetime) -> Iterator[Range]:
    """The ranges with their reach, joined where they meet, inside (first, last], a week at a time."""
    start = first
    for begin, end in sorted(ranges):
        start, stop = max(start, begin - reach), min(last, end + reach)
        while start < stop:
            part = min(stop, start + _CHUNK)
            yield start, part
            start = part
