"""Operations on the ledger: each function is one operation on a session, inside a transaction."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.answers.version_outcomes import EndedGroup
from chronos_gitops.engine.callbacks import CallbackReport, judged, received
from chronos_gitops.engine.model import (
    EXECUTION_IDENTITY,
    Attempt,
    Execution,
    ExecutionDetail,
    ExecutionQuery,
    Pause,
    Status,
)
from chronos_gitops.engine.operations.pauses import parts
from chronos_gitops.engine.sql.store import calendar_rows, row_mapping
from chronos_gitops.engine.sql.store import queries as store_queries
from chronos_gitops.engine.sql.store.shared import contexts, plain_attempts
from chronos_gitops.engine.sql.store.store import Replica, Session
from chronos_gitops.errors import ConflictError
from chronos_gitops.jobs.model import Job
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A pending or running execution with its job as of the claim, and the fencing token that its results must have."""

    execution: Execution
    job: Job
    next_attempt_at: datetime | None
    fence: int


def is_ours(session: Session, execution_id: str, fence: int) -> bool:
    return session.execute(store_queries.IS_OURS, {"id": execution_id, "fence": fence}).fetchone() is not None


def hold(session: Session, execution_id: str) -> tuple[Execution, str | None] | None:
    """The execution and its owner, which no other transaction changes until the transaction ends."""
    row = session.execute(store_queries.HOLD_EXECUTION, {"id": execution_id}).fetchone()
    return None if row is None else (row_mapping.execution(row), row["owner"])


def receive(
    session: Session, execution_id: str, report: CallbackReport, *, at: datetime, spacing: timedelta, replica: Replica
) -> tuple[Execution, bool] | ConflictError | None:
    """The execution after a callback, and whether that changed it; None when there is none. A ConflictError is an
    answer: it must not undo what else the transaction does."""
    held = hold(session, execution_id)
    if held is None:
        return None
    execution, owner = held
    try:
        after = received(execution, report, at=at, spacing=spacing)
    except ConflictError as error:
        return error
    if after is not None:
        call_back(session, after, owner, replica)
    return after or execution, after is not None


def call_back(session: Session, after: Execution, owner: str | None, replica: Replica) -> None:
    """Writes what a callback has made of an execution that is held, and tells its owner when that is the end."""
    if not after.status.is_final:
        heard = {"id": after.id, "heartbeat_at": milliseconds.maybe_ms(after.heartbeat_at), "message": after.message}
        session.execute(store_queries.HEARD, heard)
        return
    ended = {
        "id": after.id,
        "status": after.status.value,
        "completed_at": milliseconds.maybe_ms(after.completed_at),
        "error_class": after.error_class,
        "error": after.error,
        "message": after.message,
    }
    session.execute(store_queries.END_BY_CALLBACK, ended)
    if owner not in (None, replica.id):
        replica.tell(session, owner)


def record_overdue(
    session: Session, after: Execution, deadline: datetime, next_attempt_at: datetime | None, fence: int
) -> bool:
    """The deadline of a callback has passed: what the execution has become. False when a callback or another runner was
    there first. May be asked again after a commit whose outcome is unknown."""
    recorded = {
        "id": after.id,
        "fence": fence,
        "status": after.status.value,
        "error_class": after.error_class,
        "attempts": after.attempts,
    }
    changed = recorded | {
        "error": after.error,
        "next_attempt_at": milliseconds.maybe_ms(next_attempt_at),
        "completed_at": milliseconds.maybe_ms(after.completed_at),
        "deadline": milliseconds.to_ms(deadline),
    }
    if session.execute(store_queries.CALLBACK_OVERDUE, changed).rowcount != 1:
        return session.execute(store_queries.IS_OVERDUE, recorded).fetchone() is not None
    session.execute(store_queries.ATTEMPT_OVERDUE, changed)
    return True


def called_back(session: Session, ids: Iterable[str]) -> set[str]:
    """Which of these a callback has ended."""
    found = session.execute(store_queries.CALLED_BACK, {"ids": list(ids)}).fetchall()
    return {row["id"] for row in found}


def signing_key(session: Session, name: str, fresh: bytes) -> bytes:
    """The key of this name that all runners on the database share; ``fresh`` becomes it when there is none."""
    session.execute(store_queries.ADD_SIGNING_KEY, {"name": name, "value": fresh.hex()})
    row = session.execute(store_queries.SIGNING_KEY, {"name": name}).fetchone()
    return fresh if row is None else bytes.fromhex(row["value"])


def namespace(session: Session) -> uuid.UUID:
    """The namespace of execution ids, created once in a database and shared by its runners."""
    session.execute(store_queries.ADD_IDENTITY, {"name": EXECUTION_IDENTITY, "value": str(uuid.uuid4())})
    row = session.execute(store_queries.IDENTITY, {"name": EXECUTION_IDENTITY}).fetchone()
    assert row is not None
    return uuid.UUID(row["value"])


def cancel(session: Session, execution_id: str, by: str, at: datetime, replica: Replica) -> Execution | None:
    """Ends it unless it has ended, and tells who runs it; the execution as it is then. None: there is none."""
    parameters = {"id": execution_id, "error": f"cancelled by {by}", "at": milliseconds.to_ms(at)}
    for changed in session.execute(store_queries.CANCEL_UNFINISHED, parameters).fetchall():
        if changed["owner"] not in (None, replica.id):
            replica.tell(session, changed["owner"])
    row = session.execute(store_queries.BY_ID, {"id": execution_id}).fetchone()
    return None if row is None else row_mapping.execution(row)


def owned(session: Session, owner: str) -> set[str]:
    """The ids of all that the runner has to run."""
    found = session.execute(store_queries.UNFINISHED_OF_OWNER, {"owner": owner}).fetchall()
    return {row["id"] for row in found}


def lost(session: Session, ids: Iterable[str], owner: str) -> dict[str, str | None]:
    """Which of these are no longer the runner's to run: the reason of a cancelled one, None for one that went on."""
    found = session.execute(store_queries.LOST, {"ids": list(ids), "owner": owner}).fetchall()
    return {row["id"]: row["reason"] if row["status"] == Status.CANCELLED else None for row in found}


Changes = tuple[set[str], dict[str, str | None], list[Unfinished]]


def changes(session: Session, runs: set[str], awaiting: set[str], owner: str) -> Changes:
    """Of the executions that a runner has: what was called back, what it lost, and what is new for it."""
    ended = called_back(session, awaiting) if awaiting else set()
    gone = lost(session, runs - ended, owner) if runs else {}
    new = owned(session, owner) - runs
    return ended, gone, unfinished(session, new) if new else []


def unfinished(session: Session, ids: Iterable[str]) -> list[Unfinished]:
    found = session.execute(store_queries.UNFINISHED, {"ids": list(ids)}).fetchall()
    return [
        Unfinished(
            row_mapping.execution(row),
            Job.from_document(json.loads(row["document"])),
            milliseconds.maybe_instant(row["next_attempt_at"]),
            row["fence"],
        )
        for row in found
    ]


def pauses(session: Session) -> dict[str, Pause]:
    return {row["job"]: row_mapping.pause(row) for row in session.execute(store_queries.PAUSES).fetchall()}


def paused(session: Session, jobs: Sequence[str]) -> set[str]:
    """Which of these jobs are paused."""
    return {row["job"] for row in session.execute(store_queries.PAUSED, {"jobs": list(jobs)}).fetchall()}


def pause_of(session: Session, job: str) -> Pause | None:
    row = session.execute(store_queries.PAUSE_OF_JOB, {"job": job}).fetchone()
    return None if row is None else row_mapping.pause(row)


def set_pause(session: Session, pause: Pause, at: datetime | None = None) -> None:
    """In the place of the one that is there; what of that goes on is not over."""
    _log(session, pause_of(session, pause.job), at or pause.at, goes_on=list(parts(pause)))
    session.execute(store_queries.SET_PAUSE, {"job": pause.job, **row_mapping.pause_columns(pause)})


def end_pause(session: Session, job: str, at: datetime) -> None:
    _log(session, pause_of(session, job), at)
    session.execute(store_queries.DROP_PAUSE, {"job": job})


def _log(session: Session, ended: Pause | None, at: datetime, goes_on: Sequence[Pause] = ()) -> None:
    """A pause whose end came unobserved was over at that end."""
    for one in parts(ended):
        if one.at < at and one not in goes_on:
            until = at if one.until is None else min(one.until, at)
            row = {"reason": one.reason, "paused_by": one.by, "paused_at": milliseconds.to_ms(one.at)}
            session.execute(store_queries.LOG_PAUSE, {"job": one.job, **row, "ended_at": milliseconds.to_ms(until)})


def pauses_of(session: Session, job: str, since: datetime) -> list[Pause]:
    """Pauses of the job that held at ``since`` or later, oldest first; ``until`` of one that is over is its end."""
    found = session.execute(store_queries.PAUSES_OF_JOB, {"job": job, "since": milliseconds.to_ms(since)})
    return [part for row in found.fetchall() for part in parts(row_mapping.pause(row))]


def executions(session: Session, query: ExecutionQuery) -> list[Execution]:
    """As ``ExecutionQuery`` says."""
    asked: dict[str, Any] = {
        "job": query.job,
        "statuses": row_mapping.stored_statuses(query.statuses) or None,
        "trigger": query.trigger and query.trigger.value,
        "since": milliseconds.maybe_ms_up(query.since),
        "until": milliseconds.maybe_ms_up(query.until),
    }
    if query.before is not None:
        asked |= {"before_at": milliseconds.to_ms(query.before[0]), "before_id": query.before[1]}
    given = {name: value for name, value in asked.items() if value is not None}
    found = session.execute(store_queries.executions(given), given | {"limit": query.limit})
    return [row_mapping.execution(row) for row in found.fetchall()]


def execution(session: Session, execution_id: str) -> ExecutionDetail | None:
    row = session.execute(store_queries.BY_ID, {"id": execution_id}).fetchone()
    if row is None:
        return None
    attempts = attempts_of(session, execution_id)
    claimed = session.execute(store_queries.DEFINITION_OF, {"id": execution_id}).fetchone()
    job = None if claimed is None else Job.from_document(json.loads(claimed["document"]))
    found = row_mapping.execution(row)
    return ExecutionDetail(found, tuple(judged(each, found) for each in attempts), job)


def attempts_of(session: Session, execution_id: str) -> list[Attempt]:
    plain = session.execute(store_queries.PLAIN_ATTEMPT, {"id": execution_id}).fetchone()
    if plain is not None:
        return [plain_attempts.read(plain)]
    found = session.execute(store_queries.ATTEMPTS, {"id": execution_id}).fetchall()
    return [row_mapping.attempt(row) for row in found]


def latest(
    session: Session, jobs: Sequence[str], until: datetime, known: row_mapping.KnownExecutions
) -> Mapping[str, Execution]:
    """The newest of each up to ``until``: later ones were recorded by a clock that was ahead."""
    asked = {"jobs": list(jobs), "until": milliseconds.to_ms(until)}
    found = session.execute(store_queries.LATEST, asked).fetchall() if jobs else []
    return {row["job"]: known.of(row) for row in found}


def recent(session: Session, jobs: Sequence[str], count: int, until: datetime) -> Mapping[str, Sequence[Execution]]:
    queries = ((job, ExecutionQuery(job=job, limit=count, before=(until, ""))) for job in jobs)
    found = ((job, executions(session, query)) for job, query in queries)
    return {job: rows for job, rows in found if rows}


def ticks(session: Session, job: str, since: datetime, until: datetime) -> list[Execution]:
    """Rows of the job's ticks in [since, until], oldest first; one that stands for a longer range is the last."""
    parameters = {"job": job, "since": milliseconds.to_ms(since), "until": milliseconds.to_ms(until)}
    between = session.execute(store_queries.TICKS_BETWEEN, parameters).fetchall()
    beyond = session.execute(store_queries.RANGE_OVER, parameters).fetchall()
    return [row_mapping.execution(row) for row in (*between, *beyond)]


def last_success(session: Session, job: str, until: datetime) -> Execution | None:
    row = session.execute(store_queries.LAST_SUCCESS, {"job": job, "until": milliseconds.to_ms(until)}).fetchone()
    return None if row is None else row_mapping.execution(row)


def running(session: Session, job: str) -> list[Execution]:
    return [row_mapping.execution(row) for row in session.execute(store_queries.RUNNING, {"job": job}).fetchall()]


def ended_of_versions(session: Session, job: str) -> list[EndedGroup]:
    """Finished executions of the job, grouped by version. Executions of drafts belong to no version."""
    found = session.execute(store_queries.ENDED_OF_VERSIONS, {"job": job}).fetchall()
    return [
        EndedGroup(
            row["commit_id"],
            row["status"],
            row["count"],
            row["first"],
            row["last"],
            [int(text) for text in (row["durations"] or "").split(",") if text],
        )
        for row in found
    ]


def jobs(session: Session) -> list[str]:
    """Every job that has rows, also those that git has forgotten."""
    return [row["job"] for row in session.execute(store_queries.JOBS).fetchall()]


def edge(session: Session, job: str, *, failed: bool, keep: int) -> datetime | None:
    """The time of the newest row beyond the job's newest ``keep`` failed ones, or ended ones that did not fail."""
    found = session.execute(store_queries.edge(failed=failed), {"job": job, "rows": keep}).fetchone()
    return None if found is None else milliseconds.instant(found["scheduled_at"])


def forget(session: Session, job: str, *, failed: bool, until: datetime, limit: int) -> int:
    """Deletes the oldest such rows up to ``until`` with their attempts, at most ``limit``; how many they were."""
    parameters = {"job": job, "until": milliseconds.to_ms(until), "limit": limit}
    return session.execute(store_queries.forget(failed=failed), parameters).rowcount


def forget_leftovers(session: Session, until: datetime, limit: int) -> int:
    """Deletes pauses, bulk calls, ended replays and contexts up to ``until``, and calendars and definitions that no row
    needs; how many of these definitions."""
    for leftovers in (store_queries.FORGET_PAUSES, store_queries.FORGET_BULK_CALLS, store_queries.FORGET_REPLAYS):
        session.execute(leftovers, {"until": milliseconds.to_ms(until)})
    session.execute(calendar_rows.FORGET)
    contexts.forget(session, until)
    return session.execute(store_queries.FORGET_DEFINITIONS, {"limit": limit}).rowcount
