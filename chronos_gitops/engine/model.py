"""Executions, attempts, pauses. Frozen values; times are aware and in UTC."""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Any

from chronos_gitops.engine import milliseconds
from chronos_gitops.jobs.model import Job
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.observed import Observed
from chronos_gitops.webhooks.transport.timings import PhaseTimes

EXECUTION_IDENTITY = "executions"
"""The name of the namespace that an engine makes once and keeps beside its executions."""


def tick_execution_id(namespace: uuid.UUID, job: str, tick: datetime) -> str:
    """The id of the one execution of (job, tick): the same on every replica and after every restart. ``namespace`` is
    the engine's own, so that two installations never send the same Idempotency-Key."""
    return str(uuid.uuid5(namespace, f"{job}@{tick.astimezone(UTC).isoformat(timespec='milliseconds')}"))


class Status(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in (Status.PENDING, Status.RUNNING)


class Trigger(StrEnum):
    SCHEDULE = "schedule"
    MANUAL = "manual"
    CATCHUP = "catchup"
    REPLAY = "replay"


class Reason(StrEnum):
    """Why an execution was skipped or cancelled."""

    OVERLAP = "overlap"
    MISSED = "missed"
    REPLACED = "replaced"
    OPERATOR = "operator"
    BACKLOG = "backlog"
    GUARD = "guard"
    CALENDAR = "calendar"
    DISABLED = "disabled"
    DELETED = "deleted"
    REQUIRES = "requires"


_CANCELLED_BECAUSE: dict[str | None, str] = {
    Reason.REPLACED: "a newer execution replaced this one",
    Reason.OPERATOR: "an operator cancelled it",
    Reason.DISABLED: "the job was disabled before its turn came",
    Reason.DELETED: "the job was deleted before its turn came",
    Reason.GUARD: "the guard paused the job before its turn came",
}


def cancelled_because(reason: str | None) -> str:
    """Why an execution was cancelled, in words."""
    return _CANCELLED_BECAUSE.get(reason, "the execution was cancelled")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP request. ``response`` holds at most the first 4 KiB of the body, scrubbed of secrets; ``phases`` is None
    when nothing was sent, and for attempts that an earlier version recorded; ``observed`` is None for those, too."""

    number: int
    started_at: datetime
    duration_ms: int
    status_code: int | None = None
    error_class: str | None = None
    error: str | None = None
    response: str | None = None
    phases: PhaseTimes | None = None
    observed: Observed | None = None


@dataclass(frozen=True, slots=True)
class HeldBy:
    """The entry of a calendar that held a tick. ``path`` is None where the calendar has no file any more, ``commit``
    also while the file differs from HEAD."""

    name: str
    reason: str
    path: str | None
    line: int
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class TriggerInputs:
    """The texts that a manual trigger gives to variables, and the job with them."""

    job: Job
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Gate:
    """Of an execution that requires a success of ``job``: ``met`` by that ``execution``, or not so far. It waits
    ``since`` then, and ``until`` then at most."""

    job: str
    since: datetime
    until: datetime
    met: bool = False
    execution: str | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """The durable record of one tick or of one manual trigger.

    A skipped row may stand for several missed ticks: ``count`` of them, from ``range_start`` to ``scheduled_time``.
    ``attempts`` is their number; the attempts themselves come with ``ExecutionDetail``. ``callback_deadline`` is set
    while the target has accepted the work and its callback is awaited; ``heartbeat_at`` is when it last posted that it
    is at it, ``message`` what it said last, and ``is_called_back`` whether a callback ended it. ``draft``: what ran
    was never committed; see ``engine.drafts``. ``calendar`` held a skipped tick; ``moved_to`` is the tick that took its
    place, ``moved_from`` the held tick whose place this one takes. ``replay`` is
    the id of the replay that ran it, ``replay_of`` the row of the scheduled time that it runs again,
    ``idempotency_key`` what is sent in place of the id.
    """

    id: str
    job: str
    scheduled_time: datetime
    trigger: Trigger
    status: Status
    reason: str | None = None
    attempts: int = 0
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    duration_ms: int | None = None
    status_code: int | None = None
    error_class: str | None = None
    error: str | None = None
    version: int | None = None
    commit: str | None = None
    path: str | None = None
    count: int = 1
    range_start: datetime | None = None
    callback_deadline: datetime | None = None
    heartbeat_at: datetime | None = None
    message: str | None = None
    is_called_back: bool = False
    variables: Mapping[str, str] | None = None
    """The texts that its trigger gave to variables."""
    draft: bool = False
    base_version: int | None = None
    base_commit: str | None = None
    calendar: HeldBy | None = None
    moved_to: datetime | None = None
    moved_from: datetime | None = None
    replay: str | None = None
    replay_of: str | None = None
    idempotency_key: str | None = None
    requires: Gate | None = None
    """Its gate, once it was looked at."""

    @property
    def waiting_for(self) -> str | None:
        """``callback`` or ``requires``, or None while it waits for no other."""
        if self.callback_deadline is not None and not self.status.is_final:
            return "callback"
        is_at_gate = self.requires is not None and not self.requires.met and self.status is Status.PENDING
        return "requires" if is_at_gate else None


@dataclass(frozen=True, slots=True)
class ExecutionDetail:
    """``job`` is the job as it was claimed; None where nothing was to be sent."""

    execution: Execution
    attempts: tuple[Attempt, ...]
    job: Job | None = None


@dataclass(frozen=True, slots=True)
class ExecutionQuery:
    """Newest first by (scheduled_time, id); ``before`` is that pair of the last row of the page before.

    Filters add up; no ``statuses`` mean every status. Scheduled times are in [since, until).
    """

    job: str | None = None
    statuses: tuple[Status, ...] = ()
    limit: int = 100
    before: tuple[datetime, str] | None = None
    trigger: Trigger | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """An operator's stop of one job, at runtime; never a commit (CONTRACT 5).

    ``bulk`` is the id of the call that paused many jobs at once; ``extends`` is the shorter pause that it replaced.
    One by the guard has the ``version`` that only failed, and the digest of its job as ``content``; it stands
    ``beside`` an operator's.
    """

    job: str
    reason: str
    by: str
    at: datetime
    until: datetime | None = None
    bulk: str | None = None
    extends: "Pause | None" = None
    version: int | None = None
    content: str | None = None
    beside: "Pause | None" = None

    @property
    def ends_at(self) -> datetime | None:
        """When it ends by itself; None while nothing but a person or an edit ends it."""
        return None if self.beside is not None else self.until

    def holds_at(self, now: datetime) -> bool:
        return self.ends_at is None or now < self.ends_at


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """``ok`` is False when executions cannot be recorded or the loop has stopped; ``detail`` says which.
    ``open_circuits`` are the hosts that no request is made to for now. ``backlog`` says that scheduled times
    are skipped because too many executions are unfinished. ``liveness_failure`` says why only a restart
    may help, and is empty while the runner is alive."""

    ok: bool
    detail: str
    running: int = 0
    heartbeat_at: datetime | None = None
    heartbeat_age: timedelta = timedelta(0)
    open_circuits: tuple[str, ...] = ()
    backlog: str = ""
    liveness_failure: str = ""


_FIELDS: tuple[str, ...] = Execution.__slots__
_values_of: Callable[[Execution], tuple[Any, ...]] = attrgetter(*_FIELDS)
"""``dataclasses.replace`` reads field by field, which takes twice as long: each execution is finished once."""


def finished(
    execution: Execution, status: Status, *, at: datetime, reason: str | None = None, **seen: Any
) -> Execution:
    """``seen``: further fields that its last attempt has changed."""
    started = seen.get("started_at", execution.started_at)
    duration_ms = None if started is None else max(0, milliseconds.length(at - started))
    values = dict(zip(_FIELDS, _values_of(execution), strict=True))
    values |= seen
    values |= {"status": status, "completed_at": at, "duration_ms": duration_ms, "callback_deadline": None}
    values["reason"] = reason or execution.reason
    return Execution(**values)
