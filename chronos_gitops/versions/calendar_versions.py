"""Versions of calendars, and those of them that gave a job other scheduled times (TIME section 4)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.log import Commit, commits
from chronos_gitops.jobs.folders import outside
from chronos_gitops.jobs.layers.file_roles import CALENDARS
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.validation.calendar_files import parse_calendar
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.calendar import Calendar
from chronos_gitops.schedule.calendars.changed_ticks import changed_ticks
from chronos_gitops.schedule.calendars.entry_changes import EntryChanges
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.versions.version import VersionChange

_YEAR: Final = timedelta(days=366)
_MOST_COMPARED: Final = 50


@dataclass(frozen=True, slots=True)
class CalendarVersion:
    """A commit that changed the file of a calendar. ``blob`` is empty where it deleted it, ``before`` where it made it;
    ``position`` counts from 1."""

    name: str
    position: int
    path: str
    blob: str
    before: str
    commit: Commit

    @property
    def change(self) -> VersionChange:
        if not self.blob:
            return VersionChange.DELETED
        return VersionChange.CHANGED if self.before else VersionChange.CREATED

    def document(self) -> dict[str, Any]:
        """The commit and its change, in the API and on the command line."""
        made = self.commit
        return {
            "commit": made.sha,
            "author": made.author_name,
            "author_email": made.author_email,
            "committed_at": rfc3339(made.committed_at),
            "message": f"{made.subject}\n\n{made.body}".strip(),
            "change": self.change.value,
            "path": self.path,
        }


def calendar_versions(git: Git, jobs: str, head: str) -> Mapping[str, Sequence[CalendarVersion]]:
    """By name, oldest first; also of calendars that are gone."""
    folder = outside(CALENDARS, jobs)
    found: dict[str, list[CalendarVersion]] = {}
    for commit in commits(git, folder, None, head):
        for edit in commit.edits:
            name = edit.path.removeprefix(f"{folder}/").removesuffix(".yaml")
            if "/" in name or not edit.path.endswith(".yaml"):
                continue
            known = found.setdefault(name, [])
            before = known[-1].blob if known else ""
            if edit.blob != before:
                known.append(CalendarVersion(name, len(known) + 1, edit.path, edit.blob, before, commit))
    return found


def entry_changes(git: Git, versions: Iterable[CalendarVersion]) -> Iterator[EntryChanges]:
    """Of each; none where a side is no calendar."""
    listed = list(versions)
    contents = _contents(git, listed)
    for version in listed:
        before, after = _calendar(version, version.before, contents), _calendar(version, version.blob, contents)
        yield EntryChanges.between(before, after)


def retiming(
    git: Git, job: Job, path: str, environment: str | None, versions: Mapping[str, Sequence[CalendarVersion]]
) -> list[CalendarVersion]:
    """Those that moved a tick of the job, by its schedule and its other calendars of today, in the year after each."""
    concerned = [calendar.name for calendar in (*job.timing.skip, *job.timing.freezes)]
    listed = [version for name in concerned for version in versions.get(name, ())[-_MOST_COMPARED:]]
    contents = _contents(git, listed)
    found = []
    for version in listed:
        sides = (_calendar(version, blob, contents) for blob in (version.before, version.blob))
        old, new = (_with(job, path, environment, calendar) for calendar in sides)
        after = version.commit.committed_at
        if old != new and next(changed_ticks(old, new, after, after + _YEAR), None) is not None:
            found.append(version)
    return found


def _with(job: Job, path: str, environment: str | None, calendar: Calendar) -> Timing:
    """The timing of the job with this content of one of its calendars."""
    chosen = calendar.applies_to
    is_chosen = chosen is None or chosen.chooses(job.name, path, dict(job.tags), environment)
    content = calendar if is_chosen else Calendar.unresolved(calendar.name)
    skip = [content if known.name == calendar.name else known for known in job.timing.skip]
    freezes = [content if known.name == calendar.name else known for known in job.timing.freezes]
    return job.timing.with_calendars(skip, freezes)


def _contents(git: Git, versions: Iterable[CalendarVersion]) -> Mapping[str, bytes]:
    return git.read_many(sorted({blob for one in versions for blob in (one.before, one.blob) if blob}))


def _calendar(version: CalendarVersion, blob: str, contents: Mapping[str, bytes]) -> Calendar:
    """One that closes nothing for a file that is not there, or cannot be read."""
    content = contents.get(blob)
    file = None if content is None else parse_calendar(version.name, version.path, blob, content)
    return Calendar.unresolved(version.name) if file is None or file.calendar is None else file.calendar
