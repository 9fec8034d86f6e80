"""``start`` and ``end`` of a job: the instants between which its schedules count."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.errors import Field, ScheduleError
from chronos_gitops.schedule.schedule_list import ScheduleList
from chronos_gitops.schedule.zones import timezones, wall_time
from chronos_gitops.schedule.zones.wall_time import DAY

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Bounds:
    """From ``start`` on and before ``end``; None is unbounded. Each is the first instant that shows its time."""

    start: datetime | None = None
    end: datetime | None = None

    @classmethod
    def parse(cls, start: str, end: str, zone: ZoneInfo) -> "Bounds":
        """Of a date or local time each, empty for none; a date as ``end`` includes its day. Raises ScheduleError."""
        bounds = cls(_instant(start, "start", zone), _instant(end, "end", zone))
        if bounds.start is not None and bounds.end is not None and bounds.end <= bounds.start:
            raise ScheduleError("end is not after start", hint="an end that is a date includes its day", field="end")
        return bounds

    @property
    def limited(self) -> bool:
        return self.start is not None or self.end is not None

    def hold(self, instant: datetime) -> bool:
        """True if the instant lies between start and end."""
        return (self.start is None or instant >= self.start) and (self.end is None or instant < self.end)

    def clip(self, after: datetime, until: datetime) -> tuple[datetime, datetime]:
        """(after, until] without what lies outside; empty when the result is not ascending."""
        if self.start is not None:
            after = max(after, self.start - _INSTANT)
        if self.end is not None:
            until = min(until, self.end - _INSTANT)
        return after, until


@dataclass(frozen=True, slots=True)
class BoundedSchedules:
    """The nominal ticks of a job: what its schedules name between start and end. Ranges are (after, until]."""

    schedules: ScheduleList
    bounds: Bounds

    def next_after(self, instant: datetime) -> datetime | None:
        """The first nominal tick strictly after the instant."""
        tick = self.schedules.next_after(self.bounds.clip(instant, instant)[0])
        return tick if tick is not None and self.bounds.hold(tick) else None

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The nominal ticks in (after, until], ascending."""
        after, until = self.bounds.clip(after, until)
        return self.schedules.between(after, until) if after < until else iter(())

    def count(self, after: datetime, until: datetime) -> int:
        after, until = self.bounds.clip(after, until)
        return self.schedules.count(after, until) if after < until else 0

    def latest(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """The newest ``limit`` nominal ticks in (after, until], ascending."""
        after, until = self.bounds.clip(after, until)
        return self.schedules.latest(after, until, limit) if after < until else []

    def gap_ticks(self, after: datetime, until: datetime) -> list[datetime]:
        """The nominal ticks in (after, until] that stand for times a forward change of the clock skips."""
        after, until = self.bounds.clip(after, until)
        return self.schedules.gap_ticks(after, until) if after < until else []


def _instant(text: str, field: Field, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    midnight = wall_time.parse_date(text)
    wall = wall_time.parse_time(text) if midnight is None else midnight
    if wall is None and wall_time.has_offset(text):
        hint = f"write the local time; the zone is {zone.key}"
        raise ScheduleError(f'"{text[:40]}" has an offset', hint=hint, field=field)
    if wall is None:
        hint = wall_time.hint(text, f"write {field}: 2026-12-24 or {field}: 2026-12-24T18:00")
        raise ScheduleError(f'"{text[:40]}" is no date or local time', hint=hint, field=field)
    if midnight is not None and field == "end":
        wall += DAY
    return datetime.fromtimestamp(timezones.shown(zone, wall), UTC)
