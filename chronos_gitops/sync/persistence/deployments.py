"""The times at which this runner began to run each version, which git cannot know."""

import json
import logging
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path
from typing import Any, Final

from chronos_gitops.jobs.job_set import JobSetDiff
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.state.atomic_files import append_line, read_lines, write_atomically
from chronos_gitops.versions.history import Index

_FORMAT: Final = 1
_KEPT: Final = 200_000
_FEW: Final = 100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
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
        self._unsaved: list[Mapping[str, Any]] = []
        self._times = _Times()
        self._newest: datetime | None = None
        self.since: datetime | None = None
        found = self._read()
        if len(found) > _KEPT:
            found = dict(sorted(found.items(), key=lambda entry: entry[1])[-_KEPT:])
            self._unsaved = [_line(at, [entry]) for entry, at in found.items()]
            self._rewrite()
        self._times.add(list(found), found.values())

    def at(self, job: str, commit: str) -> datetime | None:
        """None for a version that this runner did not run, or not since the file began."""
        return self._times.get((job, commit))

    def note(self, changes: JobSetDiff, jobs: JobSet, index: Index, at: datetime) -> None:
        """The versions that begin to run with ``jobs``; a job that is gone is its deletion, if that was committed."""
        fresh = [entry for entry in _entries(changes, jobs, index) if self._times.get(entry) is None]
        if not fresh:
            return
        if self._is_back(at):
            self._times.bound(at)
        self._times.add(fresh, repeat(at))
        self._append(_line(at, fresh))

    def _read(self) -> dict[Deployed, datetime]:
        times: dict[Deployed, datetime] = {}
        for at, found in self._lines():
            if self._is_back(at):
                times = {entry: min(began, at) for entry, began in times.items()}
            for entry in found:
                times.setdefault(entry, at)
        return times

    def _is_back(self, at: datetime) -> bool:
        """True where the times before must be bounded by this one: later ones were written by a clock that was
        ahead."""
        is_back = self._newest is not None and at < self._newest
        self._newest = at
        self.since = at if self.since is None else min(at, self.since)
        return is_back

    def _append(self, line: Mapping[str, Any]) -> None:
        if not self._goes_on:
            self._unsaved.append(line)
            self._rewrite()
            return
        try:
            append_line(self._path, line)
        except OSError as error:
            _log.warning("the time of deployment could not be saved", extra={"error": str(error)})

    def _rewrite(self) -> None:
        lines = [self._header, *self._unsaved]
        try:
            write_atomically(self._path, "".join(f"{json.dumps(line)}\n" for line in lines).encode())
            self._goes_on = True
            self._unsaved = []
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
            _log.warning("the times of deployment are reset", extra={"error": str(error)})
            return
        self._goes_on = True
        for said in rest:
            try:
                commits: Mapping[str, list[str]] = said["commits"]
                at = datetime.fromisoformat(said["at"])
                yield at, [(job, commit) for commit, jobs in commits.items() for job in jobs]
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # another version's


class _Times:
    """Times by entry, 16 bytes for each: a runner has one of each version that it ever ran. An entry is its hash of 64
    bits, and a time counts microseconds."""

    def __init__(self) -> None:
        self._columns = array("q"), array("q")
        """Sorted keys and their times, replaced together: they are read in other threads."""

    def get(self, entry: Deployed) -> datetime | None:
        keys, times = self._columns
        key = hash(entry)
        at = bisect_left(keys, key)
        return _EPOCH + timedelta(microseconds=times[at]) if at < len(keys) and keys[at] == key else None

    def add(self, entries: Sequence[Deployed], times: Iterable[datetime]) -> None:
        """Of entries that are not known."""
        added = zip(map(hash, entries), map(_microseconds, times), strict=False)
        keys, known = (column[:] for column in self._columns)
        if len(entries) > _FEW:
            found = dict(zip(keys, known, strict=True)) | dict(added)
            keys = array("q", sorted(found))
            known = array("q", map(found.__getitem__, keys))
        else:
            for key, at in added:
                place = bisect_left(keys, key)
                keys.insert(place, key)
                known.insert(place, at)
        self._columns = keys, known

    def bound(self, at: datetime) -> None:
        """No time is later."""
        keys, times = self._columns
        latest = _microseconds(at)
        self._columns = keys, array("q", (min(one, latest) for one in times))


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _line(at: datetime, entries: Iterable[Deployed]) -> Mapping[str, Any]:
    grouped: dict[str, list[str]] = {}
    for job, commit in entries:
        grouped.setdefault(commit, []).append(job)
    return {"at": at.astimezone(UTC).isoformat(), "commits": grouped}


def _entries(changes: JobSetDiff, jobs: JobSet, index: Index) -> Iterator[Deployed]:
    for name in (*changes.added, *changes.changed):
        definition = jobs.definitions[name]
        if definition.commit is not None and not definition.draft:
            yield name, definition.commit
    for name in changes.removed:
        newest = index.current(name)
        if newest is not None and not newest.blob:
            yield name, newest.commit
