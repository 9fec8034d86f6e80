"""Gauges of calendars: whether each is closed, and until when its dates are complete."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from prometheus_client.core import Metric

from chronos_gitops.jobs.calendar_set import CalendarSet
from chronos_gitops.observability.metrics.families import labelled
from chronos_gitops.schedule.calendars.state import state_at


def collect(calendars: CalendarSet, now: datetime) -> Iterator[Metric]:
    """Nothing for a repository without calendars."""
    found = {file.name: file.calendar for file in calendars.files.values() if file.calendar is not None}
    if not found:
        return
    closed = {name: float(state_at(calendar, now).is_closed) for name, calendar in found.items()}
    yield labelled("chronos_calendar_closed", "1 while the calendar is closed.", "calendar", closed)
    until = {
        name: (datetime.combine(calendar.covers_until, time(), UTC) + timedelta(days=1)).timestamp()
        for name, calendar in found.items()
        if calendar.covers_until is not None
    }
    text = "End of the dates of the calendar (covers_until), in UTC."
    yield labelled("chronos_calendar_covers_until_timestamp_seconds", text, "calendar", until)
