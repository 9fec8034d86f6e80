"""What a change of the tree means: two JobSets to a Plan, without IO and without a clock."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from chronos_gitops.jobs.job_set import JobSetDiff, diff
from chronos_gitops.jobs.masking import masked
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.planning.load_forecast import BusyMinute, busiest_minute
from chronos_gitops.jobs.planning.review_flags import ReviewFlag, RunnerState, flags, hosts

NEXT_RUNS: Final = 5
_YEAR: Final = timedelta(days=365)
_SAFE_DELETIONS: Final = 3
_SAFE_SHARE: Final = 0.3


class Operation(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    MOVED = "moved"
    REMOVED = "removed"
    FORMATTING = "formatting"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field by its dotted name, as JSON values with literal credentials as ``***``; None for no value."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Runs:
    """When a job runs from the plan's instant on: the next five ticks in UTC, and how many a day over a year."""

    next: tuple[datetime, ...]
    per_day: float
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class JobChange:
    """What happens to one job. MOVED: only its file's place; CHANGED may move it too; FORMATTING: only its text."""

    job: str
    operation: Operation
    path_before: str | None
    path_after: str | None
    fields: tuple[FieldChange, ...] = ()
    runs_before: Runs | None = None
    runs_after: Runs | None = None
    flags: tuple[ReviewFlag, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes by job name. ``unsafe`` are deletions a runner would hold (CONTRACT 3), under ``checksum``.

    ``peaks`` are the busiest minutes of the whole tree before and after; ``live`` is what a runner was asked.
    """

    changes: tuple[JobChange, ...]
    unsafe: tuple[str, ...] = ()
    checksum: str | None = None
    peaks: tuple[BusyMinute | None, BusyMinute | None] = (None, None)
    live: RunnerState | None = None

    def of(self, operation: Operation) -> tuple[JobChange, ...]:
        return tuple(change for change in self.changes if change.operation is operation)

    def runs_per_day(self) -> tuple[float, float]:
        """Of the changed jobs together, before and after."""
        before = sum(_per_day(change.runs_before) for change in self.changes)
        after = sum(_per_day(change.runs_after) for change in self.changes)
        return round(before, 2), round(after, 2)


def plan(
    before: JobSet,
    after: JobSet,
    *,
    at: datetime,
    live: RunnerState | None = None,
    allowed_deletions: int | None = None,
) -> Plan:
    """What going from one set to the other means for runs from the instant ``at`` on."""
    difference = diff(before, after)
    known = hosts(before)
    found = (
        _change(name, operation, before.get(name), after.get(name), at, known, live or RunnerState())
        for name, operation in sorted(_operations(difference, before, after).items())
    )
    changes = tuple(found)
    unsafe = held_deletions(before, after, allowed=allowed_deletions)
    checksum = deletion_checksum(unsafe) if unsafe else None
    return Plan(changes, unsafe, checksum, busiest_minute(before, after, at=at) if changes else (None, None), live)


def held_deletions(before: JobSet, after: JobSet, *, allowed: int | None = None) -> tuple[str, ...]:
    """The names of all deleted jobs where they wait for approval, else ().

    They wait when no job would be left, and when they are more than max(3, 30 %) of what there was, unless the commit
    allows exactly this number.
    """
    deleted = tuple(sorted(before.definitions.keys() - after.definitions.keys()))
    is_much = not len(after) or len(deleted) > max(_SAFE_DELETIONS, _SAFE_SHARE * len(before))
    return deleted if is_much and len(deleted) != allowed else ()


def deletion_checksum(names: Iterable[str]) -> str:
    """What an operator approves: the same for the same names in any order."""
    return "sha256:" + hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()


def field_changes(before: Job, after: Job) -> tuple[FieldChange, ...]:
    """Every field whose value differs, defaults filled in, sorted by name as the document orders them."""
    old, new = _flat(before.document()), _flat(after.document())
    shown_old, shown_new = _flat(masked(before.document())), _flat(masked(after.document()))
    return tuple(
        FieldChange(field, shown_old.get(field), shown_new.get(field))
        for field in dict.fromkeys((*old, *new))
        if old.get(field) != new.get(field)
    )


def _operations(difference: JobSetDiff, before: JobSet, after: JobSet) -> dict[str, Operation]:
    """By name; of several differences the weightiest. A job at another version with the same text has not changed."""
    is_edited = {
        name for name in difference.reversioned if before.definitions[name].blob != after.definitions[name].blob
    }
    return (
        dict.fromkeys(is_edited, Operation.FORMATTING)
        | dict.fromkeys(difference.moved, Operation.MOVED)
        | dict.fromkeys(difference.redefined, Operation.CHANGED)
        | dict.fromkeys(difference.removed, Operation.REMOVED)
        | dict.fromkeys(difference.added, Operation.ADDED)
    )


def _change(
    name: str,
    operation: Operation,
    before: JobVersion | None,
    after: JobVersion | None,
    at: datetime,
    known: frozenset[str],
    live: RunnerState,
) -> JobChange:
    old, new = (None if side is None else side.job for side in (before, after))
    return JobChange(
        name,
        operation,
        None if before is None else before.path,
        None if after is None else after.path,
        () if old is None or new is None else field_changes(old, new),
        None if old is None else _runs(old, at),
        None if new is None else _runs(new, at),
        tuple(flags(old, new, at=at, known=known, live=live)),
    )


def _runs(job: Job, at: datetime) -> Runs:
    if not job.enabled:
        return Runs((), 0.0, job.timezone)
    per_day = round(job.schedule.count(at, at + _YEAR) / _YEAR.days, 2)
    return Runs(job.schedule.upcoming(at, NEXT_RUNS), per_day, job.timezone)


def _per_day(runs: Runs | None) -> float:
    return 0.0 if runs is None else runs.per_day


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested maps as dotted names; what is None is absent."""
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        elif value is not None:
            flat[f"{prefix}{key}"] = value
    return flat
