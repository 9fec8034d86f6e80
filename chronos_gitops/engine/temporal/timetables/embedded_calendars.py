"""Calendars inside the document that a timetable was given: a worker needs no git to know what is closed."""

from dataclasses import replace
from typing import Any

from chronos_gitops.jobs.calendar_set import NO_CALENDARS, CalendarFile, CalendarSet
from chronos_gitops.jobs.model import Job
from chronos_gitops.schedule.calendars.calendar_json import from_document, to_document


def embed(job: Job, calendars: CalendarSet) -> dict[str, Any] | None:
    """None for a job without calendars, whose documents stay as they were."""
    timing = job.timing
    if not timing.has_calendars:
        return None
    names = [calendar.name for calendar in (*timing.skip, *timing.freezes)]
    files = {name: calendars.files[name] for name in names if name in calendars.files}
    return {
        "skip": [to_document(calendar) for calendar in timing.skip],
        "freezes": [to_document(calendar) for calendar in timing.freezes],
        "files": {name: [file.path, file.commit] for name, file in files.items()},
    }


def with_embedded(job: Job, embedded: dict[str, Any] | None) -> Job:
    """The job with the calendars that ``embed`` has written."""
    if embedded is None:
        return job
    skip, freezes = (list(map(from_document, embedded[kind])) for kind in ("skip", "freezes"))
    return replace(job, timing=job.timing.with_calendars(skip, freezes))


def files_of(embedded: dict[str, Any] | None) -> CalendarSet:
    """The places of the calendars, for rows of what they hold."""
    if embedded is None:
        return NO_CALENDARS
    contents = {one["name"]: from_document(one) for one in (*embedded["skip"], *embedded["freezes"])}
    found = {
        name: CalendarFile(name, path, "", contents.get(name), commit=commit)
        for name, (path, commit) in embedded["files"].items()
    }
    return CalendarSet.in_force(found)
