"""Versions of a calendar, and the calendar commits in the history of a job, for ``history``."""

from typing import Any

from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.tables import table
from chronos_gitops.errors import NotFoundError
from chronos_gitops.jobs.validation.quoting import printable
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.rollback.local_checkout import Offline
from chronos_gitops.schedule.calendars.entry_changes import EntryChanges
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.versions.calendar_versions import (
    CalendarVersion,
    calendar_versions,
    entry_changes,
    retiming,
)
from chronos_gitops.versions.history import Index

_HEADER = ("version", "commit", "date", "author", "change", "entries", "message")


def tell_versions(checkout: Offline, index: Index, name: str, style: Format) -> None:
    """Newest first. NotFoundError for a calendar that never existed."""
    known = calendar_versions(checkout.git, checkout.jobs, str(index.head))
    if name not in known:
        hint = did_you_mean(name, known) or "a calendar is known by its file in _calendars, once it is committed"
        raise NotFoundError(f'no calendar "{name[:64]}" in the history', hint=hint)
    newest_first = known[name][::-1]
    changes = list(entry_changes(checkout.git, newest_first))
    items = [document(*pair, is_partial=index.is_partial) for pair in zip(newest_first, changes, strict=True)]
    rows = [_row(*pair, is_partial=index.is_partial) for pair in zip(newest_first, changes, strict=True)]
    found = {"items": items, "history": "partial" if index.is_partial else "complete"}
    tell(style, found, lambda: table(_HEADER, rows))


def lines_of_job(checkout: Offline, index: Index, name: str, environment: str | None) -> list[CalendarVersion]:
    """Commits that moved a scheduled time of the job since it exists; none for one that is not valid now."""
    head = str(index.head)
    versions = calendar_versions(checkout.git, checkout.jobs, head)
    if not versions:
        return []
    parsed = checkout.judge(checkout.files(head), index).jobs.get(name)
    if parsed is None or parsed.job is None:
        return []
    began = index.known(name)[0].committed_at
    found = retiming(checkout.git, parsed.job, parsed.path, environment, versions)
    return [one for one in found if one.commit.committed_at >= began]


def document(version: CalendarVersion, changes: EntryChanges | None, *, is_partial: bool = False) -> dict[str, Any]:
    """A line in the history of a job has no number, and no entries."""
    shown = {"calendar": version.name} | version.document()
    if changes is None:
        return shown
    number = None if is_partial else version.position
    return {"version": number} | shown | {"entries_added": changes.added, "entries_removed": changes.removed}


def _row(version: CalendarVersion, changes: EntryChanges, *, is_partial: bool) -> tuple[str, ...]:
    made, number = version.commit, "-" if is_partial else str(version.position)
    entries = f"+{len(changes.added)} -{len(changes.removed)}"
    words = (rfc3339(made.committed_at), printable(made.author_name), version.change.value, entries)
    return (number, made.sha[:12], *words, printable(made.subject)[:80])
