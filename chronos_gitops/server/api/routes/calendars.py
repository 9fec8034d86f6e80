"""Calendars: what each closes, and the jobs that it holds."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import Blueprint, Response

from chronos_gitops.errors import NotFoundError
from chronos_gitops.jobs.calendar_set import CalendarFile
from chronos_gitops.schedule.calendars.calendar import Calendar, CalendarEntry
from chronos_gitops.schedule.calendars.calendar_json import selection_document
from chronos_gitops.schedule.calendars.entry_changes import EntryChanges
from chronos_gitops.schedule.calendars.state import state_at
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import READ, ApiOperation, Endpoint, answer
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import pagination
from chronos_gitops.server.api.request_context import service
from chronos_gitops.versions.calendar_versions import (
    CalendarVersion,
    calendar_versions,
    entry_changes,
)
from chronos_gitops.versions.history import Index

blueprint = Blueprint("calendars", __name__, url_prefix="/api/v1/calendars")
CALENDAR = endpoint.path("calendar", "The name of the calendar: the stem of its file")


@blueprint.get(
    "",
    declared=Endpoint(
        ApiOperation(
            "listCalendars",
            "jobs",
            "Calendars in force",
            "Sorted by name. If a file is invalid, its last valid content stays in force, and `problems` has the "
            "errors. A calendar without a timezone is shown in UTC.",
            {200: answer("Calendars by name", ref("CalendarList"))},
        ),
        role=READ,
        is_scoped=True,
        parameters=pagination.PAGED,
    ),
)
def list_calendars() -> Response:
    return pagination.by_name(seen(), lambda file: file.name, _item)


@blueprint.get(
    "/<calendar>",
    declared=Endpoint(
        ApiOperation(
            "getCalendar",
            "jobs",
            "One calendar",
            "Its entries with their lines, its state now, and how many jobs it holds.",
            {200: answer("The calendar", ref("Calendar"))},
            errors=(404,),
        ),
        role=READ,
        is_scoped=True,
        parameters=(CALENDAR,),
    ),
)
def one_calendar(calendar: str) -> dict[str, Any]:
    found = service().jobs().calendars.files.get(calendar)
    if found is None or not _is_seen(found):
        raise NotFoundError(f'there is no calendar "{calendar[:64]}"', hint="GET /api/v1/calendars lists them")
    return _item(found)


@blueprint.get(
    "/<calendar>/versions",
    declared=Endpoint(
        ApiOperation(
            "listCalendarVersions",
            "versions",
            "Versions of a calendar",
            "The commits that changed its file, newest first, with the entries that each brought and took; also of a "
            "calendar that is gone. An edit of a calendar makes no version of a job.",
            {200: answer("Versions, newest first", ref("CalendarVersionList"))},
            errors=(404,),
        ),
        role=READ,
        is_scoped=True,
        is_heavy=True,
        parameters=(CALENDAR, *pagination.PAGED),
    ),
)
def list_versions(calendar: str) -> Response:
    in_force, index, source = service().jobs().calendars.files.get(calendar), _index(), service().follower.source
    is_hidden = caller_scope.is_limited() and (in_force is None or not _is_seen(in_force))
    known = {} if is_hidden or index.head is None else calendar_versions(source.git, source.jobs, index.head)
    if calendar not in known:
        raise NotFoundError(f'there is no calendar "{calendar[:64]}"', hint="GET /api/v1/calendars lists them")
    size = pagination.limit()
    before = pagination.position(lambda values: int(values[0]))
    rest = [one for one in reversed(known[calendar]) if before is None or one.position < before]
    page = rest[:size]
    items = [_version(*pair) for pair in zip(page, entry_changes(source.git, page), strict=True)]
    return pagination.answer(items, [page[-1].position] if len(rest) > size else None)


def seen() -> list[CalendarFile]:
    """Those in force that the caller sees, by name."""
    return [file for file in service().jobs().calendars.files.values() if _is_seen(file)]


def _index() -> Index:
    return service().follower.index()


def _version(found: CalendarVersion, entries: EntryChanges) -> dict[str, Any]:
    shown = {"version": None if _index().is_partial else found.position} | found.document()
    if caller_scope.is_limited():
        return shown | {"message": "", "entries_added": [], "entries_removed": []}
    return shown | {"entries_added": list(entries.added), "entries_removed": list(entries.removed)}


def freezes() -> list[dict[str, Any]]:
    """Those that hold now, with the number of jobs that the caller sees."""
    return [freeze_in_force(calendar, until) for calendar, until in closed_freezes()]


def freeze_in_force(calendar: Calendar, until: datetime | None) -> dict[str, Any]:
    return {"name": calendar.name, "jobs": _jobs(calendar.name), "until": responses.instant(until)}


def closed_freezes() -> Iterator[tuple[Calendar, datetime | None]]:
    """The freezes that hold now and that the caller sees, each with the instant at which it opens."""
    for file in seen():
        if file.calendar is None or file.calendar.applies_to is None:
            continue
        state = state_at(file.calendar, service().now())
        if state.is_closed:
            yield file.calendar, state.next_change


def _item(file: CalendarFile) -> dict[str, Any]:
    calendar = file.calendar
    assert calendar is not None, "what is in force has a content"
    state = state_at(calendar, service().now())
    is_limited = caller_scope.is_limited()  # such a caller sees name, place and effect, and no text
    selection = None if is_limited else calendar.applies_to
    return {
        "name": file.name,
        "description": None if is_limited else calendar.description,
        "timezone": calendar.timezone or None,
        "covers_until": None if calendar.covers_until is None else calendar.covers_until.isoformat(),
        "closed": [] if is_limited else [_entry(entry) for entry in calendar.closed],
        "open": [] if is_limited else [_entry(entry) for entry in calendar.open],
        "applies_to": None if selection is None else selection_document(selection),
        "except": [] if selection is None else sorted(selection.except_jobs),
        "path": file.path,
        "commit": file.commit,
        "problems": [] if is_limited else [problem.document() for problem in file.problems],
        "jobs": _jobs(file.name),
        "closed_now": state.is_closed,
        "next_change": responses.instant(state.next_change),
    }


def _is_seen(file: CalendarFile) -> bool:
    """A caller with folders sees the calendars that concern its jobs."""
    return not caller_scope.is_limited() or _jobs(file.name) > 0


def _jobs(name: str) -> int:
    timings = (definition.job.timing for definition in caller_scope.jobs())
    return sum(any(one.name == name for one in (*timing.skip, *timing.freezes)) for timing in timings)


def _entry(entry: CalendarEntry) -> dict[str, Any]:
    return {"entry": entry.text, "reason": entry.reason, "line": entry.line}
