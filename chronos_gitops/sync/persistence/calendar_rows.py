"""The calendars of a JobSet as rows of the last good state."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.schedule.calendars.calendar import Calendar
from chronos_gitops.schedule.calendars.calendar_json import from_document, to_document


def calendar_rows(jobs: JobSet) -> list[dict[str, Any]]:
    """Those in force, and those without a file that a quarantined job goes on with."""
    rows = [
        {"path": file.path, "blob": file.blob, "commit": file.commit, "calendar": to_document(file.calendar)}
        for file in jobs.calendars.files.values()
        if file.calendar is not None
    ]
    return [*rows, *({"calendar": to_document(calendar)} for calendar in _gone(jobs))]


def with_calendars(revision: str | None, definitions: Iterable[JobVersion], rows: Sequence[dict[str, Any]]) -> JobSet:
    """The JobSet that the rows were made of."""
    files: dict[str, CalendarFile] = {}
    gone: dict[str, Calendar] = {}
    for row in rows:
        calendar = from_document(row["calendar"])
        if "path" in row:
            files[calendar.name] = CalendarFile(calendar.name, row["path"], row["blob"], calendar, commit=row["commit"])
        else:
            gone[calendar.name] = calendar
    calendars = CalendarSet.in_force(files)
    known = CalendarSet.in_force(
        files | {name: CalendarFile(name, "", "", calendar) for name, calendar in gone.items() if name not in files}
    )
    return JobSet.of(revision, (_bound(one, known) for one in definitions), calendars)


def _bound(definition: JobVersion, calendars: CalendarSet) -> JobVersion:
    job = bound(definition.job, definition.path, definition.identity.environment, calendars)
    return definition if job is definition.job else replace(definition, job=job)


def _gone(jobs: JobSet) -> list[Calendar]:
    skipped = (calendar for one in jobs if one.quarantined for calendar in one.job.timing.skip)
    return list({one.name: one for one in skipped if one.name not in jobs.calendars.files}.values())
