"""The calendars of one job together: a time is closed if any of them closes it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.calendar import Calendar, CalendarEntry
from chronos_gitops.schedule.calendars.zoned import ZonedCalendar
from chronos_gitops.schedule.zones import timezones
from chronos_gitops.schedule.zones.wall_time import DAY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Closure:
    """Why an instant is closed: the calendar, and the entry of its file."""

    calendar: str
    entry: CalendarEntry


@dataclass(frozen=True, slots=True)
class Closures:
    """``calendars`` in the order in which they give the reason."""

    calendars: tuple[ZonedCalendar, ...]

    @classmethod
    def of(cls, calendars: Sequence[Calendar], job_timezone: str) -> "Closures":
        return cls(tuple(ZonedCalendar.of(calendar, job_timezone) for calendar in calendars))

    def __bool__(self) -> bool:
        return bool(self.calendars)

    def at(self, instant: datetime) -> Closure | None:
        """The first closure of the instant; None where it is open."""
        return self.at_second((instant - _EPOCH) // _SECOND)

    def at_second(self, second: int) -> Closure | None:
        """The same for a whole second since the epoch."""
        for zoned in self.calendars:
            if (entry := zoned.entry_at(second)) is not None:
                return Closure(zoned.calendar.name, entry)
        return None

    def opens_at(self, instant: datetime, limit: datetime) -> datetime | None:
        """The first open instant at or after this one, in whole seconds; None when there is none up to ``limit``."""
        second, last = ((at - _EPOCH) // _SECOND for at in (instant, limit))
        begin, unchanged = second, 0
        while unchanged < len(self.calendars):
            for zoned in self.calendars:
                opens = zoned.opens_at(second, last)
                if opens is None:
                    return None
                unchanged = unchanged + 1 if opens == second else 1
                second = opens
                if unchanged >= len(self.calendars):
                    break
        return instant if second == begin else datetime.fromtimestamp(second, UTC)

    def unchanged_until(self, instant: datetime) -> datetime | None:
        """A later instant up to which the closure is the same, the next midnight of a calendar at the latest; None
        where there is no calendar."""
        second = (instant - _EPOCH) // _SECOND
        edge = min((zoned.change_after(second) for zoned in self.calendars), default=None)
        return None if edge is None else datetime.fromtimestamp(edge, UTC)

    def stretches(
        self, after: datetime, until: datetime, *, cut_at_midnights_of: ZoneInfo | None = None
    ) -> Iterator[tuple[datetime, datetime, Closure | None]]:
        """(after, until] cut where the closure changes, and at the midnights of a zone: (after, until, closure)."""
        start = after + _INSTANT
        while start <= until:
            second = (start - _EPOCH) // _SECOND
            closure = self.at_second(second)
            edges = [zoned.change_after(second) for zoned in self.calendars]
            if cut_at_midnights_of is not None:
                edges.append(_midnight_after(cut_at_midnights_of, second))
            edge = datetime.fromtimestamp(min(edges), UTC) if edges else until + _INSTANT
            yield start - _INSTANT, min(until, edge - _INSTANT), closure
            start = edge


def _midnight_after(zone: ZoneInfo, second: int) -> int:
    """The first instant of the next day with instants, as the zone's clock reaches it."""
    day = timezones.reached(zone, second) // DAY * DAY
    found = second
    while found <= second:
        day += DAY
        found = timezones.shown(zone, day)
    return found
