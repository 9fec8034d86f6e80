"""Results of validating files, kept for the next validation of the same tree."""

from collections.abc import Container, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime

from chronos_gitops.jobs.bound_jobs import BoundJobs
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.folders import one_of_each_folder
from chronos_gitops.jobs.layers.tree import Layers
from chronos_gitops.jobs.validation.file_result import FileResult
from chronos_gitops.jobs.validation.files import TreeEntry
from chronos_gitops.jobs.validation.layers.kept_values import KeptValues
from chronos_gitops.schedule.calendars.calendar import Calendar


class ValidationCache:
    """The results of the last validation, by path. A file that is as it was costs a look-up and no call."""

    def __init__(self) -> None:
        self._bound = BoundJobs()
        self._bound_results: Mapping[str, tuple[FileResult, FileResult]] = {}
        self._in_force: Sequence[Calendar | None] = ()
        self.kept = KeptValues()
        self.calendar_files: Mapping[str, CalendarFile] = {}
        self._results: Mapping[str, FileResult] = {}
        self._today: datetime | None = None
        self._calendars: Set[str] | None = None
        """Names that jobs could name in the last validation; None where that is not known."""

    def known(
        self, entries: Sequence[TreeEntry], layers: Layers, today: datetime | None, calendars: Mapping[str, object]
    ) -> dict[str, FileResult]:
        """The results that still hold, by path. ``calendars`` are those that a job may name now."""
        if today != self._today:
            return {}
        results = self._results
        some = one_of_each_folder([entry.path for entry in entries])
        keys = {folder: layers.verdict_key(path) for folder, path in some.items()}
        found = {
            entry.path: one
            for entry in entries
            if (one := results.get(entry.path)) is not None
            and one.identity.blob == entry.blob
            and one.layers == keys[entry.path.rpartition("/")[0]]
        }
        if calendars.keys() == self._calendars:
            return found
        return {path: one for path, one in found.items() if not one.calendars or _has_same_calendars(one, calendars)}

    def former(self, entries: Iterable[TreeEntry], calendars: Container[str]) -> Mapping[str, FileResult]:
        """By path, the results of files that are the same and only have other layers or policies."""
        known = self._results if self._today is None else {}
        found = ((entry, known[entry.path]) for entry in entries if entry.path in known)
        return {
            entry.path: one
            for entry, one in found
            if one.identity.blob == entry.blob and _has_same_calendars(one, calendars)
        }

    def bound_jobs(
        self, jobs: Mapping[str, FileResult], environment: str | None, calendars: CalendarSet
    ) -> dict[str, FileResult]:
        """The jobs, by name, with the calendars in force."""
        in_force = [file.calendar for file in calendars.files.values()]
        known = self._bound_results if in_force == self._in_force else {}
        same = {name: was for name, one in jobs.items() if (was := known.get(name)) is not None and was[0] is one}
        others = [(name, one) for name, one in jobs.items() if name not in same]
        fresh = {name: (one, self._with_calendars(one, environment, calendars)) for name, one in others}
        self._bound_results, self._in_force = {**same, **fresh}, in_force
        return {name: bound for name, (_, bound) in self._bound_results.items()}

    def _with_calendars(self, one: FileResult, environment: str | None, calendars: CalendarSet) -> FileResult:
        if one.job is None:
            return one
        job = self._bound.bind(one.job, one.path, environment, calendars)
        return one if job is one.job else replace(one, job=job)

    def keep(self, results: Mapping[str, FileResult], today: datetime | None, calendars: Iterable[str] | None) -> None:
        """The results of a validation of the whole tree replace all earlier ones."""
        self._results, self._today = results, today
        self._calendars = None if calendars is None else frozenset(calendars)
        self.kept.forget_all_but(results.keys())


def _has_same_calendars(parsed: FileResult, calendars: Container[str]) -> bool:
    return not parsed.calendars or parsed.unknown_calendars == {one for one in parsed.calendars if one not in calendars}
