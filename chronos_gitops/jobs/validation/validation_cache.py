"""Results of validating files, kept for the next validation of the same tree."""

from collections.abc import Container, Iterable, Mapping
from datetime import datetime

from chronos_gitops.jobs.bound_jobs import BoundJobs
from chronos_gitops.jobs.validation.file_result import FileResult
from chronos_gitops.jobs.validation.files import TreeEntry
from chronos_gitops.jobs.validation.layers.kept_values import KeptValues


class ValidationCache:
    """Results by path, blob, layers and day; keeps only those that the last validation used."""

    def __init__(self) -> None:
        self.bound = BoundJobs()
        self.kept = KeptValues()
        self._known: dict[datetime | None, dict[str, FileResult]] = {}
        self._used: dict[datetime | None, dict[str, FileResult]] = {}

    def get(
        self, path: str, blob: str, layers: str, today: datetime | None, calendars: Container[str] = ()
    ) -> FileResult | None:
        """``calendars`` are the names that a job may name now."""
        parsed = self._known.get(today, {}).get(path)
        if parsed is None or (parsed.identity.blob, parsed.layers) != (blob, layers):
            return None
        if not _has_same_calendars(parsed, calendars):
            return None
        self.put(parsed, today)
        return parsed

    def former(self, entries: Iterable[TreeEntry], calendars: Container[str]) -> Mapping[str, FileResult]:
        """By path, the results of files that are the same and only have other layers or policies."""
        known = self._known.get(None, {})
        found = ((entry, known[entry.path]) for entry in entries if entry.path in known)
        return {
            entry.path: one
            for entry, one in found
            if one.identity.blob == entry.blob and _has_same_calendars(one, calendars)
        }

    def put(self, parsed: FileResult, today: datetime | None) -> None:
        self._used.setdefault(today, {})[parsed.path] = parsed

    def evict_unused(self) -> None:
        self._known, self._used = self._used, {}
        self.kept.forget_all_but({path for used in self._known.values() for path in used})


def _has_same_calendars(parsed: FileResult, calendars: Container[str]) -> bool:
    return not parsed.calendars or parsed.unknown_calendars == {one for one in parsed.calendars if one not in calendars}
