"""A message about a calendar whose dates end soon."""

from datetime import datetime
from urllib.parse import quote

from chronos_gitops.jobs.calendar_set import CalendarFile
from chronos_gitops.jobs.validation import calendar_files
from chronos_gitops.notifications import message
from chronos_gitops.notifications.incidents import ChangeKind, IncidentChange
from chronos_gitops.notifications.message import Notification
from chronos_gitops.plurals import plural, verb
from chronos_gitops.schedule.timestamps import utc_text


def of_horizon(change: IncidentChange, file: CalendarFile, jobs: int, public_url: str, now: datetime) -> Notification:
    """``jobs`` is the number of jobs that follow the calendar, which has a content and ``covers_until``."""
    calendar = file.calendar
    assert calendar is not None, "it is in force"
    is_over = change.news is ChangeKind.RECOVERED
    if is_over:
        title = f"{calendar.name} has more dates again"
        lines: tuple[str, ...] = (
            f"It is complete until {calendar.covers_until or 'further notice'}.",
            f"It lasted since {utc_text(change.incident.since)}.",
        )
    else:
        still = "still: " if change.news is ChangeKind.STILL_FAILING else ""
        left = calendar_files.days_left(calendar, now)
        assert left is not None, "it states covers_until"
        title = still + calendar_files.horizon(
            calendar, left, f"{plural(jobs, 'job')} {verb(jobs, 'follows', 'follow')} it"
        )
        facts = [
            f"File: {message.one_line(file.path)}",
            "After that day dates do not count: jobs run as on any other day.",
            f"{calendar_files.NEXT_DATES.capitalize()}, and move covers_until.",
        ]
        action = "Check the calendars: chronos-gitops validate"
        lines = message.body(change.incident.since, facts, (), action)
    links = (("calendar", f"{public_url}/api/v1/calendars/{quote(calendar.name)}"),) if public_url else ()
    data = {
        "calendar": calendar.name,
        "path": message.one_line(file.path),
        "commit": file.commit,
        "covers_until": None if calendar.covers_until is None else calendar.covers_until.isoformat(),
        "jobs": jobs,
        "incident": change.incident.id,
        "links": dict(links),
    }
    kind = "calendar.recovered" if is_over else "calendar.horizon"
    return Notification(change.id, change.incident.id, kind, now, title, lines, links, data)
