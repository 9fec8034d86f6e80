"""What the engine says to the ledger: each function is one operation on a session, inside a transaction."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from chronos_gitops.engine.model import (
    Attempt,
    Execution,
    ExecutionDetail,
    ExecutionQuery,
    Pause,
    Reason,
    Status,
    Trigger,
    tick_execution_id,
)
from chronos_gitops.engine.sql import rows, statements
from chronos_gitops.engine.sql.store import Session
from chronos_gitops.engine.timetable import Missed
from chronos_gitops.jobs.model import Concurrency, Definition, Job


@dataclass(frozen=True, slots=True)
class Claim:
    """One execution to record before it is sent. ``tick`` is None for a manual trigger, then ``id`` must be given."""

    definition: Definition
    tick: datetime | None
    trigger: Trigger
    id: str
    scheduled_time: datetime
    not_before: datetime | None = None
    request_key: str | None = None

    @classmethod
    def of_tick(
        cls, definition: Definition, tick: datetime, trigger: Trigger, not_before: datetime | None = None
    ) -> "Claim":
        identity = tick_execution_id(definition.job.name, tick)
        return cls(definition, tick, trigger, identity, tick, not_before)


@dataclass(frozen=True, slots=True)
class Skip:
    """Missed ticks that become one skipped row."""

    definition: Definition
    missed: Missed


class Verdict(StrEnum):
    RUN = "run"
    SKIPPED = "skipped"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Claimed:
    """``KNOWN``: the ledger had this (job, tick) or request key before; ``execution`` is then what it holds."""

    claim: Claim
    verdict: Verdict
    execution: Execution
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Watermark:
    """Every tick of the job up to ``at`` is accounted for, under this schedule and zone."""

    job: str
    schedule: str
    timezone: str
    at: datetime

    @classmethod
    def of(cls, job: Job, at: datetime) -> "Watermark":
        return cls(job.name, job.schedule.text, job.timezone, at)

    def covers(self, job: Job) -> bool:
        return (self.schedule, self.timezone) == (job.schedule.text, job.timezone)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What a runner that died has left: the execution and its job as it was claimed."""

    execution: Execution
    job: Job
    next_attempt_at: datetime | None


def claim(session: Session, claims: Iterable[Claim], now: datetime) -> list[Claimed]:
    """Records all of one instant, with its overlap decisions, in the caller's one transaction."""
    return [_claim(session, each, now) for each in claims]


def skip(session: Session, skips: Iterable[Skip], now: datetime) -> list[Execution]:
    """Records what will not run, so that every due tick ends in a row."""
    return [_add_skip(session, each, now) for each in skips]


def _claim(session: Session, claim: Claim, now: datetime) -> Claimed:
    job = claim.definition.job
    known = _known(session, claim)
    if known is not None:
        return Claimed(claim, Verdict.KNOWN, known)
    is_busy = session.execute(statements.UNFINISHED_OF_JOB, {"job": job.name}).fetchone() is not None
    # Missed ticks that are caught up wait their turn instead: they are owed, so an overlap must not swallow them.
    waits_its_turn = claim.trigger is Trigger.CATCHUP
    if is_busy and job.concurrency is Concurrency.FORBID and not waits_its_turn:
        return Claimed(claim, Verdict.SKIPPED, _add(session, claim, Status.SKIPPED, Reason.OVERLAP, now))
    replaced: tuple[str, ...] = ()
    if is_busy and job.concurrency is Concurrency.REPLACE and not waits_its_turn:
        found = session.execute(statements.REPLACE_UNFINISHED, {"job": job.name, "at": rows.to_ms(now)})
        replaced = tuple(row["id"] for row in found.fetchall())
    return Claimed(claim, Verdict.RUN, _add(session, claim, Status.PENDING, None, now), replaced)


def _known(session: Session, claim: Claim) -> Execution | None:
    if claim.request_key is not None:
        parameters = {"job": claim.definition.job.name, "request_key": claim.request_key}
        row = session.execute(statements.BY_REQUEST_KEY, parameters).fetchone()
    else:
        row = session.execute(statements.BY_ID, {"id": claim.id}).fetchone()
    return None if row is None else rows.execution(row)


def _add(session: Session, claim: Claim, status: Status, reason: Reason | None, now: datetime) -> Execution:
    execution = Execution(
        id=claim.id,
        job=claim.definition.job.name,
        scheduled_time=claim.scheduled_time,
        trigger=claim.trigger,
        status=status,
        reason=reason,
        created_at=now,
        completed_at=now if status.is_final else None,
        version=claim.definition.version,
        commit=claim.definition.commit,
        path=claim.definition.path,
    )
    digest = _add_definition(session, claim.definition.job)
    extra = {
        "tick": rows.maybe_ms(claim.tick),
        "request_key": claim.request_key,
        "next_attempt_at": rows.maybe_ms(claim.not_before),
        "definition": digest,
    }
    session.execute(statements.ADD_EXECUTION, _execution_parameters(execution) | extra)
    return execution


def _add_definition(session: Session, job: Job) -> str:
    session.execute(statements.ADD_DEFINITION, {"digest": job.digest, "document": json.dumps(job.document())})
    return job.digest


def _add_skip(session: Session, skip: Skip, now: datetime) -> Execution:
    missed = skip.missed
    claim = Claim.of_tick(skip.definition, missed.last, Trigger.SCHEDULE)
    execution = Execution(
        id=claim.id,
        job=claim.definition.job.name,
        scheduled_time=missed.last,
        trigger=Trigger.SCHEDULE,
        status=Status.SKIPPED,
        reason=Reason.MISSED,
        created_at=now,
        completed_at=now,
        version=skip.definition.version,
        commit=skip.definition.commit,
        path=skip.definition.path,
        count=missed.count,
        range_start=missed.first,
    )
    extra = {"tick": rows.to_ms(missed.last), "request_key": None, "next_attempt_at": None, "definition": None}
    session.execute(statements.ADD_EXECUTION, _execution_parameters(execution) | extra)
    return execution


def _execution_parameters(execution: Execution) -> dict[str, Any]:
    return {
        "id": execution.id,
        "job": execution.job,
        "scheduled_at": rows.to_ms(execution.scheduled_time),
        "trigger_kind": execution.trigger.value,
        "status": execution.status.value,
        "reason": execution.reason,
        "created_at": rows.maybe_ms(execution.created_at),
        "completed_at": rows.maybe_ms(execution.completed_at),
        "version": execution.version,
        "commit_id": execution.commit,
        "path": execution.path,
        "ticks": execution.count,
        "range_start": rows.maybe_ms(execution.range_start),
    }


def start(session: Session, execution_id: str, at: datetime) -> None:
    session.execute(statements.START_EXECUTION, {"id": execution_id, "at": rows.to_ms(at)})


def record_attempt(session: Session, execution: Execution, attempt: Attempt, next_attempt_at: datetime | None) -> bool:
    """Adds the attempt and what the execution has become; False when it was cancelled meanwhile and keeps its end."""
    _add_attempt(session, execution.id, attempt)
    after = {
        "id": execution.id,
        "attempts": attempt.number,
        "status": execution.status.value,
        "status_code": attempt.status_code,
        "error_class": attempt.error_class,
        "error": attempt.error,
        "next_attempt_at": rows.maybe_ms(next_attempt_at),
        "completed_at": rows.maybe_ms(execution.completed_at),
    }
    return session.execute(statements.AFTER_ATTEMPT, after).rowcount == 1


def _add_attempt(session: Session, execution_id: str, attempt: Attempt) -> None:
    parameters = {
        "execution": execution_id,
        "number": attempt.number,
        "started_at": rows.to_ms(attempt.started_at),
        "duration_ms": attempt.duration_ms,
        "status_code": attempt.status_code,
        "error_class": attempt.error_class,
        "error": attempt.error,
        "response": attempt.response,
        "phases": rows.maybe_phases(attempt.phases),
    }
    session.execute(statements.ADD_ATTEMPT, parameters)


def record_cancelled(session: Session, execution_id: str, attempt: Attempt) -> None:
    """Adds the attempt that ``replace`` cut off; the execution has its end already."""
    _add_attempt(session, execution_id, attempt)
    session.execute(statements.COUNT_ATTEMPTS, {"id": execution_id, "attempts": attempt.number})


def cancel(session: Session, execution_id: str, by: str, at: datetime) -> tuple[Execution, bool] | None:
    """Ends it unless it has ended; the execution as it is then, and whether this call did it. None: there is none."""
    parameters = {"id": execution_id, "error": f"cancelled by {by}", "at": rows.to_ms(at)}
    changed = session.execute(statements.CANCEL_UNFINISHED, parameters).rowcount
    row = session.execute(statements.BY_ID, {"id": execution_id}).fetchone()
    return None if row is None else (rows.execution(row), changed == 1)


def unfinished(session: Session) -> list[Unfinished]:
    found = session.execute(statements.UNFINISHED).fetchall()
    return [
        Unfinished(
            rows.execution(row),
            Job.from_document(json.loads(row["document"])),
            rows.maybe_instant(row["next_attempt_at"]),
        )
        for row in found
    ]


def watermarks(session: Session) -> dict[str, Watermark]:
    found = session.execute(statements.WATERMARKS).fetchall()
    return {
        row["job"]: Watermark(row["job"], row["schedule"], row["timezone"], rows.instant(row["watermark"]))
        for row in found
    }


def set_watermarks(session: Session, marks: Iterable[Watermark]) -> None:
    parameters = [
        {"job": m.job, "schedule": m.schedule, "timezone": m.timezone, "watermark": rows.to_ms(m.at)} for m in marks
    ]
    session.executemany(statements.SET_WATERMARK, parameters)


def drop_watermarks(session: Session, jobs: Iterable[str]) -> None:
    session.executemany(statements.DROP_WATERMARK, [{"job": job} for job in jobs])


def pauses(session: Session) -> dict[str, Pause]:
    return {row["job"]: rows.pause(row) for row in session.execute(statements.PAUSES).fetchall()}


def set_pause(session: Session, pause: Pause) -> None:
    session.execute(statements.LOG_PAUSE, {"job": pause.job, "at": rows.to_ms(pause.at)})
    parameters = {
        "job": pause.job,
        "reason": pause.reason,
        "paused_by": pause.by,
        "paused_at": rows.to_ms(pause.at),
        "until": rows.maybe_ms(pause.until),
    }
    session.execute(statements.SET_PAUSE, parameters)


def end_pause(session: Session, job: str, at: datetime) -> None:
    session.execute(statements.LOG_PAUSE, {"job": job, "at": rows.to_ms(at)})
    session.execute(statements.DROP_PAUSE, {"job": job})


def pauses_of(session: Session, job: str, since: datetime) -> list[Pause]:
    """Pauses of the job that held at ``since`` or later, oldest first; ``until`` of one that is over is its end."""
    found = session.execute(statements.PAUSES_OF_JOB, {"job": job, "since": rows.to_ms(since)})
    return [rows.pause(row) for row in found.fetchall()]


def executions(session: Session, query: ExecutionQuery) -> list[Execution]:
    parameters: dict[str, Any] = {"job": query.job, "limit": query.limit}
    if query.status is not None:
        parameters["status"] = query.status.value
    if query.before is not None:
        parameters |= {"before_at": rows.to_ms(query.before[0]), "before_id": query.before[1]}
    sql = statements.executions(
        job=query.job is not None, status=query.status is not None, before=query.before is not None
    )
    return [rows.execution(row) for row in session.execute(sql, parameters).fetchall()]


def execution(session: Session, execution_id: str) -> ExecutionDetail | None:
    row = session.execute(statements.BY_ID, {"id": execution_id}).fetchone()
    if row is None:
        return None
    attempts = session.execute(statements.ATTEMPTS, {"id": execution_id}).fetchall()
    return ExecutionDetail(rows.execution(row), tuple(rows.attempt(each) for each in attempts))


def latest(session: Session, jobs: Sequence[str]) -> Mapping[str, Execution]:
    found = ((job, session.execute(statements.LATEST, {"job": job}).fetchone()) for job in jobs)
    return {job: rows.execution(row) for job, row in found if row is not None}


def ticks(session: Session, job: str, since: datetime, until: datetime) -> list[Execution]:
    """Rows of the job's ticks in [since, until], oldest first; one that stands for a longer range is the last."""
    parameters = {"job": job, "since": rows.to_ms(since), "until": rows.to_ms(until)}
    found = session.execute(statements.TICKS_BETWEEN, parameters).fetchall()
    found += session.execute(statements.RANGE_OVER, parameters).fetchall()
    return [rows.execution(row) for row in found]


def running(session: Session, job: str) -> list[Execution]:
    return [rows.execution(row) for row in session.execute(statements.RUNNING, {"job": job}).fetchall()]


def jobs(session: Session) -> list[str]:
    """Every job that has rows, also those that git has forgotten."""
    return [row["job"] for row in session.execute(statements.JOBS).fetchall()]


def edge(session: Session, job: str, *, failed: bool, keep: int) -> datetime | None:
    """The time of the newest row beyond the job's newest ``keep`` failed ones, or ended ones that did not fail."""
    found = session.execute(statements.edge(failed=failed), {"job": job, "rows": keep}).fetchone()
    return None if found is None else rows.instant(found["scheduled_at"])


def forget(session: Session, job: str, *, failed: bool, until: datetime, limit: int) -> int:
    """Deletes the oldest such rows up to ``until`` with their attempts, at most ``limit``; how many they were."""
    parameters = {"job": job, "until": rows.to_ms(until), "limit": limit}
    return session.execute(statements.forget(failed=failed), parameters).rowcount


def forget_leftovers(session: Session, until: datetime, limit: int) -> int:
    """Deletes pauses that were over by ``until``, and definitions that no row needs; how many definitions."""
    session.execute(statements.FORGET_PAUSES, {"until": rows.to_ms(until)})
    return session.execute(statements.FORGET_DEFINITIONS, {"limit": limit}).rowcount
