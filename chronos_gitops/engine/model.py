"""What happened: executions, attempts, pauses. Frozen values; times are aware and in UTC."""

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from chronos_gitops.jobs.model import Job
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


class Reason(StrEnum):
    """Why an execution was skipped or cancelled."""

    OVERLAP = "overlap"
    MISSED = "missed"
    REPLACED = "replaced"
    OPERATOR = "operator"
    BACKLOG = "backlog"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP request. ``response`` holds at most the first 4 KiB of the body, scrubbed of secrets; ``phases`` is None
    when nothing was sent, and for attempts that an earlier version recorded."""

    number: int
    started_at: datetime
    duration_ms: int
    status_code: int | None = None
    error_class: str | None = None
    error: str | None = None
    response: str | None = None
    phases: PhaseTimes | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """The durable record of one tick or of one manual trigger.

    A skipped row may stand for several missed ticks: ``count`` of them, from ``range_start`` to ``scheduled_time``.
    ``attempts`` is their number; the attempts themselves come with ``ExecutionDetail``. ``callback_deadline`` is set
    while the target has accepted the work and its callback is awaited; ``heartbeat_at`` is when it last posted that it
    is at it, ``message`` what it said last, and ``is_called_back`` whether a callback ended it.
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

    @property
    def waiting_for(self) -> str | None:
        """``callback``, or None while it waits for nobody."""
        return None if self.callback_deadline is None or self.status.is_final else "callback"


@dataclass(frozen=True, slots=True)
class ExecutionDetail:
    """``job`` is the job as it was claimed; None where nothing was to be sent."""

    execution: Execution
    attempts: tuple[Attempt, ...]
    job: Job | None = None


@dataclass(frozen=True, slots=True)
class ExecutionQuery:
    """Newest first by (scheduled_time, id); ``before`` is that pair of the last row of the page before."""

    job: str | None = None
    status: Status | None = None
    limit: int = 100
    before: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """An operator's stop of one job, at runtime; never a commit (CONTRACT 5)."""

    job: str
    reason: str
    by: str
    at: datetime
    until: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        return self.until is None or now < self.until


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


def finished(execution: Execution, status: Status, *, at: datetime, reason: str | None = None) -> Execution:
    started = execution.started_at
    duration_ms = None if started is None else max(0, round((at - started).total_seconds() * 1000))
    return replace(
        execution,
        status=status,
        completed_at=at,
        duration_ms=duration_ms,
        reason=reason or execution.reason,
        callback_deadline=None,
    )
