"""A calendar as JSON, for state that outlives its file: what the parser reads, and the line of each entry."""

from collections.abc import Mapping, Sequence
from typing import Any

from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.calendars.calendar import Calendar, CalendarEntry
from chronos_gitops.schedule.calendars.selection import Selection

_RANGE = " to "


def to_document(calendar: Calendar) -> dict[str, Any]:
    """``from_document`` is its inverse."""
    document: dict[str, Any] = {
        "name": calendar.name,
        "closed": [_entry(entry) for entry in calendar.closed],
        "open": [_entry(entry) for entry in calendar.open],
        "lines": [[entry.line for entry in entries] for entries in (calendar.closed, calendar.open)],
    }
    if calendar.timezone:
        document["timezone"] = calendar.timezone
    if calendar.description:
        document["description"] = calendar.description
    if calendar.covers_until is not None:
        document["covers_until"] = calendar.covers_until.isoformat()
    if calendar.applies_to is not None:
        document |= _selection(calendar.applies_to)
    return document


def from_document(document: Mapping[str, Any]) -> Calendar:
    """CalendarError for what is none."""
    lines: Mapping[str, Sequence[int]] = dict(zip(("closed", "open"), document["lines"], strict=True))
    fields = {key: value for key, value in document.items() if key not in ("name", "lines")}
    return parser.parse(document["name"], fields, lambda path: lines[str(path[0])][int(path[1])])


def selection_document(selection: Selection) -> str | dict[str, Any]:
    """``applies_to`` as a file says it."""
    environments = sorted(selection.environments)
    chosen = {"folder": selection.folder, "tags": dict(selection.tags), "environments": environments}
    return {key: value for key, value in chosen.items() if value} or "all"


def _selection(selection: Selection) -> dict[str, Any]:
    applies = {"applies_to": selection_document(selection)}
    return applies | ({"except": {"jobs": sorted(selection.except_jobs)}} if selection.except_jobs else {})


def _entry(entry: CalendarEntry) -> str | dict[str, str]:
    reason = {"reason": entry.reason} if entry.reason else {}
    if _RANGE in entry.text:
        first, _, last = entry.text.partition(_RANGE)
        return {"from": first, "to": last} | reason
    return {"date": entry.text} | reason if reason else entry.text
