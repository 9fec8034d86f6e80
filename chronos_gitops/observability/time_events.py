"""Events that time itself causes: freezes that begin and end, another release of the time zone database."""

from collections.abc import Callable
from datetime import datetime

from chronos_gitops.jobs.calendar_set import CalendarSet
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.observability.event_log import Event, EventKind, EventLog
from chronos_gitops.plurals import plural
from chronos_gitops.schedule.calendars.calendar import Calendar
from chronos_gitops.schedule.calendars.closures import Closures
from chronos_gitops.schedule.calendars.state import state_at
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.schedule.zones import timezones


class TimeEvents:
    """``look`` often, from one thread: each event once, also over a restart. ``jobs`` is None before a JobSet runs;
    ``zone_data_before`` is the release that the runner before this one used, where it is another one."""

    def __init__(
        self,
        events: EventLog,
        *,
        jobs: Callable[[], JobSet | None],
        now: Callable[[], datetime],
        zone_data_before: Callable[[], str | None],
    ) -> None:
        self._events = events
        self._jobs = jobs
        self._now = now
        self._zone_data_before = zone_data_before
        self._is_told = False
        self._closed = _remembered(events)
        self._calendars: CalendarSet | None = None
        self._looked_at: datetime | None = None
        self._changes_at: datetime | None = None

    def look(self) -> None:
        self._tell_zone_data()
        jobs = self._jobs()
        if jobs is not None and self._is_due(jobs.calendars, self._now()):
            self._look_at_freezes(jobs, self._now())

    def _tell_zone_data(self) -> None:
        before = None if self._is_told else self._zone_data_before()
        if before is not None:
            self._is_told = True
            message = f"scheduled times now follow tzdata {timezones.rules_version()} instead of {before}"
            self._add(EventKind.TZDATA_CHANGED, message)

    def _is_due(self, calendars: CalendarSet, now: datetime) -> bool:
        """Between two changes there is nothing to see, unless files or the clock were changed."""
        before, self._looked_at = self._looked_at, now
        is_back = before is not None and now < before
        return calendars is not self._calendars or is_back or (self._changes_at is not None and now >= self._changes_at)

    def _look_at_freezes(self, jobs: JobSet, now: datetime) -> None:
        files = jobs.calendars.files.values()
        freezes = {file.name: file.calendar for file in files if file.calendar and file.calendar.applies_to is not None}
        changes: list[datetime] = []
        for name in sorted(self._closed - freezes.keys()):
            self._tell_opened(name, "was deleted")
        for name, calendar in freezes.items():
            state = state_at(calendar, now)
            changes += [] if state.next_change is None else [state.next_change]
            if state.is_closed and name not in self._closed:
                self._tell_closed(jobs, calendar, state.next_change, now)
            elif not state.is_closed and name in self._closed:
                self._tell_opened(name, "has ended")
        self._calendars, self._changes_at = jobs.calendars, min(changes, default=None)

    def _tell_closed(self, jobs: JobSet, calendar: Calendar, until: datetime | None, now: datetime) -> None:
        self._closed.add(calendar.name)
        count = sum(any(one.name == calendar.name for one in job.job.timing.freezes) for job in jobs)
        closure = Closures.of((calendar,), "UTC").at(now)
        reason = f" ({closure.entry.reason})" if closure is not None and closure.entry.reason else ""
        end = "" if until is None else f" until {rfc3339(until)}"
        self._add(
            EventKind.CALENDAR_CLOSED, f"{calendar.name} holds {plural(count, 'job')}{end}{reason}", calendar.name
        )

    def _tell_opened(self, name: str, why: str) -> None:
        self._closed.discard(name)
        self._add(EventKind.CALENDAR_OPENED, f"{name} {why}", name)

    def _add(self, kind: EventKind, message: str, calendar: str | None = None) -> None:
        self._events.add(Event(rfc3339(self._now(), milliseconds=True), kind, message, calendar=calendar))


def _remembered(events: EventLog) -> set[str]:
    """The freezes that were closed when the runner stopped."""
    closed: set[str] = set()
    for _, event in events.after(0):
        if event.type is EventKind.CALENDAR_CLOSED and event.calendar is not None:
            closed.add(event.calendar)
        elif event.type is EventKind.CALENDAR_OPENED and event.calendar is not None:
            closed.discard(event.calendar)
    return closed
