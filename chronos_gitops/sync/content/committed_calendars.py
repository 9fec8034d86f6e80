"""The commits and the earlier contents of calendar files."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import GitError
from chronos_gitops.git.log import commits_of_path
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.validation.calendar_files import parse_calendar

_MOST_READ: Final = 20


class CommittedCalendars:
    """Calendars in the history; unreadable ones are left out."""

    def __init__(self, git: Git) -> None:
        self._git = git

    def dated(
        self, calendars: CalendarSet, known: CalendarSet, head: str | None, committed: Mapping[str, str]
    ) -> CalendarSet:
        """With the commit of each file; None while the file differs from it. One that is as ``known`` costs nothing."""
        return CalendarSet.in_force(
            {name: self._dated(file, known.files.get(name), head, committed) for name, file in calendars.files.items()}
        )

    def last_readable(self, name: str, path: str, head: str | None) -> CalendarFile | None:
        """The newest content of the path on the branch that is a calendar, with its commit."""
        for commit in self._commits(head, path, _MOST_READ):
            try:
                content = self._git.run("cat-file", "blob", f"{commit}:{path}")
            except GitError:
                continue  # deleted by this commit, or not here
            file = parse_calendar(name, path, "", content)
            if file.calendar is not None:
                return replace(file, commit=commit)
        return None

    def _dated(
        self, file: CalendarFile, known: CalendarFile | None, head: str | None, committed: Mapping[str, str]
    ) -> CalendarFile:
        if file.is_last_good:
            return file
        if known is not None and (known.blob, known.path) == (file.blob, file.path) and known.commit is not None:
            return replace(file, commit=known.commit)
        if committed.get(file.path) != file.blob:
            return file
        return replace(file, commit=next(iter(self._commits(head, file.path, 1)), None))

    def _commits(self, head: str | None, path: str, count: int) -> Iterable[str]:
        try:
            return () if head is None else commits_of_path(self._git, head, path, count)
        except GitError:
            return ()
