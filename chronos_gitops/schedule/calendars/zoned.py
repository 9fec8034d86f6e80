"""A calendar in a zone: which instants are closed. Instants are whole seconds since the epoch in UTC."""

from zoneinfo import ZoneInfo

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.calendar import Calendar, CalendarEntry
from chronos_gitops.schedule.zones import timezones
from chronos_gitops.schedule.zones.wall_time import DAY


@dataclass(frozen=True, slots=True)
class ZonedCalendar:
    """``zone`` is the calendar's own, or that of the job where its file states none."""

    calendar: Calendar
    zone: ZoneInfo

    @classmethod
    def of(cls, calendar: Calendar, job_timezone: str) -> "ZonedCalendar":
        return cls(calendar, timezones.load(calendar.timezone or job_timezone))

    def entry_at(self, second: int) -> CalendarEntry | None:
        """The entry that closes the instant; None where it is open."""
        return self.calendar.entry_at(timezones.reached(self.zone, second))

    def change_after(self, second: int) -> int:
        """A later instant up to which ``entry_at`` gives the same answer; the next midnight at the latest."""
        wall = self.calendar.change_after(timezones.reached(self.zone, second))
        return max(timezones.shown(self.zone, wall), second + 1)

    def opens_at(self, second: int, limit: int) -> int | None:
        """The first open instant at or after ``second``; None when there is none up to ``limit``."""
        reached = timezones.reached(self.zone, second)
        wall = self.calendar.opens_at(
            reached, reached + max(0, limit - second) + 2 * DAY
        )  # clocks move by a day at most
        if wall is None:
            return None
        opens = second if wall == reached else max(second, timezones.shown(self.zone, wall))
        return opens if opens <= limit else None
