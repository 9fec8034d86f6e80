"""The state of a calendar at an instant: closed or not, and until when."""

from datetime import UTC, datetime, timedelta

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.calendar import Calendar
from chronos_gitops.schedule.calendars.zoned import ZonedCalendar

_LOOK_AHEAD = timedelta(days=3653)


@dataclass(frozen=True, slots=True)
class CalendarState:
    """``next_change`` is when it opens, or closes again; None where nothing changes within ten years."""

    is_closed: bool
    next_change: datetime | None


def state_at(calendar: Calendar, now: datetime) -> CalendarState:
    """In its own zone; in UTC where it states none."""
    zoned = ZonedCalendar.of(calendar, "UTC")
    second, last = int(now.timestamp()), int((now + _LOOK_AHEAD).timestamp())
    if zoned.entry_at(second) is not None:
        opens = zoned.opens_at(second, last)
        return CalendarState(True, None if opens is None else datetime.fromtimestamp(opens, UTC))
    at = zoned.change_after(second)
    while at <= last and zoned.entry_at(at) is None:
        at = zoned.change_after(at)
    return CalendarState(False, datetime.fromtimestamp(at, UTC) if at <= last else None)
