"""The plan of a change: two JobSets to a Plan, without IO and without a clock."""

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from chronos_gitops.jobs.job_set import JobSetDiff, diff
from chronos_gitops.jobs.layers.comparison import distinct
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.planning.applied_timings import after_apply
from chronos_gitops.jobs.planning.calendar_changes import CalendarChange, calendar_changes
from chronos_gitops.jobs.planning.held import deletion_checksum, disabled_by_layers, held_deletions
from chronos_gitops.jobs.planning.layers.layer_change import LayerChange
from chronos_gitops.jobs.planning.load_forecast import BusyMinute, busiest_minute
from chronos_gitops.jobs.planning.refusals import Refusals
from chronos_gitops.jobs.planning.review_flags import FlagKind, ReviewFlag, RunnerState, flags, hosts
from chronos_gitops.jobs.planning.secret_changes import SecretChanges, secret_changes
from chronos_gitops.jobs.planning.zone_changes import ZoneDataChange, zone_changes
from chronos_gitops.jobs.promises.backtest import Backtest
from chronos_gitops.jobs.promises.gate_flags import dependents, gates_of_others, own_gate
from chronos_gitops.jobs.secrets.masking import masked
from chronos_gitops.jobs.templates.time_variables import NoSuchTime
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.applied import AppliedTiming
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.schedule.zones.timezones import ZoneData

NEXT_RUNS: Final = 5
_YEAR: Final = timedelta(days=365)


class Operation(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    MOVED = "moved"
    REMOVED = "removed"
    FORMATTING = "formatting"


class Cause(StrEnum):
    OWN = "own"
    INHERITED = "inherited"
    """The job's own file is untouched: a layer changes it."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field by its dotted name, as JSON values with literal credentials as ``***``; None for no value."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Runs:
    """When a job runs from the plan's instant on: the next five ticks in UTC, and how many a day over a year.
    ``variables`` are its times as texts of the first of them. From ``known_until`` on the dates of one of its calendars
    are not complete."""

    next: tuple[datetime, ...]
    per_day: float
    timezone: str = "UTC"
    variables: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    known_until: datetime | None = field(default=None, compare=False)

    def is_unknown(self, tick: datetime) -> bool:
        return self.known_until is not None and tick >= self.known_until


@dataclass(frozen=True, slots=True)
class JobChange:
    """The change of one job. MOVED: only its file's place; CHANGED may move it too; FORMATTING: only its text.
    ``environments`` are those in which this happens, None where none are declared; ``inherited_from`` are the layers
    that contribute to it. ``backtest`` is set if one was requested and the runner has the job."""

    job: str
    operation: Operation
    path_before: str | None
    path_after: str | None
    fields: tuple[FieldChange, ...] = ()
    runs_before: Runs | None = None
    runs_after: Runs | None = None
    flags: tuple[ReviewFlag, ...] = ()
    environments: tuple[str, ...] | None = None
    cause: Cause = Cause.OWN
    inherited_from: tuple[str, ...] = ()
    backtest: Backtest | None = None

    @property
    def moves_runs(self) -> bool:
        """True if it runs before and after, at other times."""
        before, after = self.runs_before, self.runs_after
        if before is None or after is None or not (before.next and after.next):
            return False
        return (before.next, before.per_day) != (after.next, after.per_day)


class EnvironmentStatus(StrEnum):
    NEW = "new"
    GONE = "gone"
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """One environment after the change, or before it where it is gone: its jobs and how often they run. ``plan`` is
    what changes there."""

    name: str
    status: EnvironmentStatus
    jobs: int
    enabled: int
    per_day: float
    plan: "Plan"


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes by job name. ``unsafe`` are deletions a runner would hold (CONTRACT 3), under ``checksum``.

    ``peaks`` are the busiest minutes of the whole tree before and after; ``live`` is what a runner was asked;
    ``secrets`` are the uses of secrets that come and go; ``layers`` are the edited values of layers. Where
    ``environments`` are declared, loads and held deletions are theirs, and ``unsafe`` are those of any of them.
    ``refusals`` are the jobs that layers, calendars and policies make invalid, in any environment. ``zone_data``:
    another release of the time zone database was given, and this is what it does to the jobs after the change.
    """

    changes: tuple[JobChange, ...]
    unsafe: tuple[str, ...] = ()
    checksum: str | None = None
    peaks: tuple[BusyMinute | None, BusyMinute | None] = (None, None)
    live: RunnerState | None = None
    secrets: SecretChanges = field(default_factory=SecretChanges)
    layers: tuple[LayerChange, ...] = ()
    environments: tuple[EnvironmentPlan, ...] = ()
    calendars: tuple[CalendarChange, ...] = ()
    refusals: Refusals = field(default_factory=Refusals)
    zone_data: ZoneDataChange | None = None

    @property
    def has_changes(self) -> bool:
        """True if anything runs otherwise, a job becomes invalid, or an environment comes or goes."""
        is_other = any(one.status is not EnvironmentStatus.STAYS for one in self.environments)
        is_other = is_other or bool(self.zone_data and self.zone_data.jobs)
        return bool(self.changes or self.calendars or self.refusals.invalid) or is_other

    def of(self, operation: Operation) -> tuple[JobChange, ...]:
        return tuple(change for change in self.changes if change.operation is operation)

    def count(self, operation: Operation) -> int:
        """Of jobs; one may have several changes, for several environments."""
        return len({change.job for change in self.of(operation)})

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
    zone_data: ZoneData | None = None,
) -> Plan:
    """Plan the change from one set to the other for runs from the instant ``at`` on; with ``zone_data``, also the
    effect of that tzdata release on the jobs afterwards."""
    difference = diff(before, after)
    known = hosts(before)
    found = (
        _change(name, operation, before.get(name), after.get(name), at, known, live or RunnerState())
        for name, operation in sorted(_operations(difference, before, after).items())
    )
    changes = _with_gates(tuple(found), before, after, at, live or RunnerState())
    disabled = disabled_by_layers(before.definitions, after.definitions, at)
    unsafe = held_deletions(before, after, disabled, allowed=allowed_deletions)
    checksum = deletion_checksum(unsafe, disabled) if unsafe else None
    peaks = busiest_minute(before, after, at=at) if changes else (None, None)
    secrets = secret_changes(before, after, [change.job for change in changes])
    calendars = calendar_changes(before, after, difference, at)
    zones = None if zone_data is None else zone_changes(after, zone_data, at)
    return Plan(changes, unsafe, checksum, peaks, live, secrets, calendars=calendars, zone_data=zones)


def field_changes(before: Job, after: Job) -> tuple[FieldChange, ...]:
    """Every field whose value differs, defaults filled in, sorted by name as the document orders them."""
    old, new = _flat(before.document()), _flat(after.document())
    shown_old, shown_new = _flat(masked(before.document())), _flat(masked(after.document()))
    return tuple(
        FieldChange(field, shown_old.get(field), shown_new.get(field))
        for field in dict.fromkeys((*old, *new))
        if distinct(old.get(field)) != distinct(new.get(field))
    )


def _operations(difference: JobSetDiff, before: JobSet, after: JobSet) -> dict[str, Operation]:
    """By name; of several differences the weightiest. A job at another version with the same text has not changed."""
    old, new = before.definitions, after.definitions
    is_edited = {name for name in difference.reversioned if old[name].identity.blob != new[name].identity.blob}
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
        None if new is None else _runs(new, at, after_apply(old, new, at)),
        tuple(flags(old, new, at=at, known=known, live=live)),
        cause=_cause(before, after),
    )


def _with_gates(
    changes: tuple[JobChange, ...], before: JobSet, after: JobSet, at: datetime, live: RunnerState
) -> tuple[JobChange, ...]:
    """With flags about ``requires``: of the jobs that change, and of those that wait for them."""
    waiting = dependents(after)
    touched = {change.job for change in changes if change.operation is not Operation.FORMATTING}

    def found(change: JobChange) -> Iterator[str]:
        old, new = _job(before, change.job), _job(after, change.job)
        if new is not None and new != old:
            required = None if new.requires is None else _job(after, new.requires.job)
            yield from own_gate(old, new, required, live.not_running, at)
        others = [job for job in waiting.get(change.job, ()) if job.name not in touched]
        yield from gates_of_others(old, new, others, live.not_running, at)

    def told(change: JobChange) -> JobChange:
        flagged = tuple(ReviewFlag(FlagKind.REQUIRES, words) for words in found(change))
        return replace(change, flags=(*change.flags, *flagged)) if flagged else change

    return tuple(map(told, changes))


def _job(jobs: JobSet, name: str) -> Job | None:
    definition = jobs.get(name)
    return None if definition is None else definition.job


def _cause(before: JobVersion | None, after: JobVersion | None) -> Cause:
    if before is None or after is None or before.path != after.path:
        return Cause.OWN
    return Cause.INHERITED if before.identity.blob == after.identity.blob else Cause.OWN


def _runs(job: Job, at: datetime, applied: Timing | AppliedTiming | None = None) -> Runs:
    if not job.enabled:
        return Runs((), 0.0, job.timezone)
    per_day = round(job.timing.count(at, at + _YEAR) / _YEAR.days, 2)
    upcoming = (applied or job.timing).upcoming(at, NEXT_RUNS)
    texts = next_texts(job, upcoming[0]) if upcoming else ()
    return Runs(upcoming, per_day, job.timezone, texts, job.timing.known_until)


def next_texts(job: Job, scheduled: datetime) -> tuple[tuple[str, str], ...]:
    """The times of a job as the texts of this run; () where one has no value then."""
    try:
        return tuple(job.texts_at(scheduled).items())
    except NoSuchTime:
        return ()


def runs_per_day(jobs: JobSet, *, at: datetime) -> float:
    """Of all jobs together, over the year from ``at`` on."""
    return round(sum(_runs(definition.job, at).per_day for definition in jobs), 2)


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
