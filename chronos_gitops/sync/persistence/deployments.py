"""The times at which this runner began to run each version, which git cannot know."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from sys import intern
from typing import Any, Final

from chronos_gitops.jobs.job_set import JobSetDiff
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.state.atomic_files import append_line, read_lines, write_atomically
from chronos_gitops.versions.history import Index

_FORMAT: Final = 1
_KEPT: Final = 200_000
_log = logging.getLogger(__name__)

Deployed = tuple[str, str]
"""A job's name and the commit of its version."""


class Deployments:
    """One file of JSON lines: the first names what is followed, each later one an instant and what began to run then.

    The first time counts: a version that comes back is a new commit. Losing the file loses these times, nothing else.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._header = {"format": _FORMAT, "identity": identity}
        self._goes_on = False
        self._times: dict[Deployed, datetime] = {}
        self._newest: datetime | None = None
        self.since: datetime | None = None
        for at, found in self._lines():
            self._take(at, found)
        if len(self._times) > _KEPT:
            self._times = dict(sorted(self._times.items(), key=lambda entry: entry[1])[-_KEPT:])
            self._rewrite()

    def at(self, job: str, commit: str) -> datetime | None:
        """None for a version that this runner did not run, or not since the file began."""
        return self._times.get((job, commit))

    def note(self, changes: JobSetDiff, jobs: JobSet, index: Index, at: datetime) -> None:
        """The versions that begin to run with ``jobs``; a job that is gone is its deletion, if that was committed."""
        fresh = [entry for entry in _entries(changes, jobs, index) if entry not in self._times]
        if not fresh:
            return
        self._take(at, fresh)
        grouped: dict[str, list[str]] = {}
        for job, commit in fresh:
            grouped.setdefault(commit, []).append(job)
        self._append({"at": at.astimezone(UTC).isoformat(), "commits": grouped})

    def _take(self, at: datetime, found: Iterable[Deployed]) -> None:
        if self._newest is not None and at < self._newest:
            self._bound(at)
        self._newest = at
        self.since = at if self.since is None else min(at, self.since)
        for entry in found:
            self._times.setdefault(entry, at)

    def _bound(self, at: datetime) -> None:
        """Bound all start times by ``at``: later ones were written by a clock that was ahead."""
        self._times = {entry: min(began, at) for entry, began in self._times.items()}

    def _append(self, line: Mapping[str, Any]) -> None:
        if not self._goes_on:
            self._rewrite()
            return
        try:
            append_line(self._path, line)
        except OSError as error:
            _log.warning("the time of deployment could not be saved", extra={"error": str(error)})

    def _rewrite(self) -> None:
        lines = [
            self._header,
            *({"at": at.isoformat(), "commits": {commit: [job]}} for (job, commit), at in self._times.items()),
        ]
        try:
            write_atomically(self._path, "".join(f"{json.dumps(line)}\n" for line in lines).encode())
            self._goes_on = True
        except OSError as error:
            _log.warning("the times of deployment could not be saved", extra={"error": str(error)})

    def _lines(self) -> Iterator[tuple[datetime, list[Deployed]]]:
        try:
            first, *rest = read_lines(self._path)
            if first != self._header:
                raise ValueError("it belongs to another repository")
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            _log.warning("the times of deployment begin anew", extra={"error": str(error)})
            return
        self._goes_on = True
        for said in rest:
            try:
                commits: Mapping[str, list[str]] = said["commits"]
                at = datetime.fromisoformat(said["at"])
                yield at, [(intern(job), intern(commit)) for commit, jobs in commits.items() for job in jobs]
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # another version's


def _entries(changes: JobSetDiff, jobs: JobSet, index: Index) -> Iterator[Deployed]:
    for name in (*changes.added, *changes.changed):
        definition = jobs.definitions[name]
        if definition.commit is not None and not definition.draft:
            yield name, definition.commit
    for name in changes.removed:
        newest = index.current(name)
        if newest is not None and not newest.blob:
            yield name, newest.commit
