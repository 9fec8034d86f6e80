"""The calendars that an engine keeps beside a job: contents, and the path and commit of each file, without git."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

from chronos_gitops.jobs.calendar_set import NO_CALENDARS, CalendarFile, CalendarSet
from chronos_gitops.jobs.model import Job
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.calendar import Calendar
from chronos_gitops.schedule.calendars.calendar_json import from_document, to_document
from chronos_gitops.schedule.timing import Timing


@dataclass(frozen=True)
class EmbeddedCalendars:
    """The calendars that a job names, its freezes, and by name the path and commit of each file that is known."""

    skip: tuple[Calendar, ...]
    freezes: tuple[Calendar, ...]
    places: dict[str, list[str | None]]

    @classmethod
    def of(cls, timing: Timing, calendars: CalendarSet) -> "EmbeddedCalendars":
        names = [calendar.name for calendar in (*timing.skip, *timing.freezes)]
        files = {name: calendars.files[name] for name in names if name in calendars.files}
        places = {name: [file.path, file.commit] for name, file in files.items()}
        return cls(tuple(timing.skip), tuple(timing.freezes), places)

    @classmethod
    def read(cls, document: dict[str, Any]) -> "EmbeddedCalendars":
        """CalendarError for what ``document`` has not written."""
        skip, freezes = (tuple(map(from_document, document[kind])) for kind in ("skip", "freezes"))
        return cls(skip, freezes, document["files"])

    def document(self) -> dict[str, Any]:
        return {
            "skip": [to_document(calendar) for calendar in self.skip],
            "freezes": [to_document(calendar) for calendar in self.freezes],
            "files": self.places,
        }

    def timing(self, own: Timing) -> Timing:
        """The timing of a job with these contents of its calendars."""
        return own.with_calendars(self.skip, self.freezes)

    @cached_property
    def files(self) -> CalendarSet:
        """The places of the calendars, for rows of what they hold."""
        return CalendarSet.in_force({file.name: file for file in self._files()})

    def _files(self) -> Iterator[CalendarFile]:
        for calendar in (*self.skip, *self.freezes):
            path, commit = self.places.get(calendar.name, (None, None))
            if path is not None:
                yield CalendarFile(calendar.name, path, "", calendar, commit=commit)


def embed(job: Job, calendars: CalendarSet) -> dict[str, Any] | None:
    """None for a job without calendars, whose documents stay as they were."""
    timing = job.timing
    return EmbeddedCalendars.of(timing, calendars).document() if timing.has_calendars else None


def with_embedded(job: Job, embedded: dict[str, Any] | None) -> Job:
    """The job with the calendars that ``embed`` has written."""
    return job if embedded is None else replace(job, timing=EmbeddedCalendars.read(embedded).timing(job.timing))


def files_of(embedded: dict[str, Any] | None) -> CalendarSet:
    return NO_CALENDARS if embedded is None else EmbeddedCalendars.read(embedded).files
