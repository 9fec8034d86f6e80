"""Replays in the database: the list of what runs again, and the step that begins the next item."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.model import Status, Trigger
from chronos_gitops.engine.operations.replays import Replay, ReplayItem, ReplayState, item_id
from chronos_gitops.engine.sql.claiming import watermarks
from chronos_gitops.engine.sql.claiming.claims import Claim
from chronos_gitops.engine.sql.claiming.pending_writes import CommittedWrites, PendingWrites
from chronos_gitops.engine.sql.store import queries
from chronos_gitops.engine.sql.store.row_mapping import Row
from chronos_gitops.engine.sql.store.store import Replica, Session
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.process.lazy_dataclass import dataclass

_ADD = """
INSERT INTO replays (id, job, state, requested_by, reason, pace_ms, next_at, created_at)
VALUES (:id, :job, 'running', :requested_by, :reason, :pace_ms, :created_at, :created_at) ON CONFLICT DO NOTHING
"""
_ADD_ITEM = """
INSERT INTO replay_items (replay, position, scheduled_at, replay_of, idempotency_key)
VALUES (:replay, :position, :scheduled_at, :replay_of, :idempotency_key)
"""
_COLUMNS = "id, job, state, requested_by, reason, pace_ms, created_at, ended_at"
_BY_ID = f"SELECT {_COLUMNS} FROM replays WHERE id = :id"
_HOLD: Final = f"{_BY_ID} FOR UPDATE"
_ITEMS = """
SELECT item.scheduled_at, item.replay_of, item.idempotency_key, item.execution, executions.status
FROM replay_items AS item LEFT JOIN executions ON executions.id = item.execution
WHERE item.replay = :id ORDER BY item.position
"""
_RUNNING = "SELECT id, job, pace_ms, next_at FROM replays WHERE state = 'running'"
_NEXT = """
SELECT position, scheduled_at, replay_of, idempotency_key FROM replay_items
WHERE replay = :id AND execution IS NULL ORDER BY position LIMIT 1
"""
_BEGUN = "UPDATE replay_items SET execution = :execution WHERE replay = :id AND position = :position"
_PACED = "UPDATE replays SET next_at = :next_at WHERE id = :id"
_END = "UPDATE replays SET state = :state, ended_at = :at WHERE id = :id AND state = 'running'"


class ReplayStepResult(StrEnum):
    BEGUN = "begun"
    BUSY = "busy"
    DONE = "done"
    GONE = "gone"
    """Another runner, or a cancellation, has ended the replay."""


@dataclass(frozen=True, slots=True)
class ActiveReplay:
    id: str
    job: str
    next_at: datetime


def add(session: Session, replay: Replay) -> bool:
    """False when another replay of the job is under way."""
    row = {
        "id": replay.id,
        "job": replay.job,
        "requested_by": replay.by,
        "reason": replay.reason,
        "pace_ms": milliseconds.length(replay.pace),
        "created_at": milliseconds.to_ms(replay.created_at),
    }
    if session.execute(_ADD, row).rowcount != 1:
        return False
    items = [
        {
            "replay": replay.id,
            "position": position,
            "scheduled_at": milliseconds.to_ms(item.scheduled_time),
            "replay_of": item.replay_of,
            "idempotency_key": item.key,
        }
        for position, item in enumerate(replay.items)
    ]
    session.executemany(_ADD_ITEM, items)
    return True


def find(session: Session, replay_id: str) -> Replay | None:
    row = session.execute(_BY_ID, {"id": replay_id}).fetchone()
    if row is None:
        return None
    items = tuple(map(_item, session.execute(_ITEMS, {"id": replay_id}).fetchall()))
    return Replay(
        id=row["id"],
        job=row["job"],
        by=row["requested_by"],
        reason=row["reason"],
        created_at=milliseconds.instant(row["created_at"]),
        pace=timedelta(milliseconds=row["pace_ms"]),
        state=ReplayState(row["state"]),
        ended_at=milliseconds.maybe_instant(row["ended_at"]),
        items=items,
    )


def running(session: Session) -> dict[str, ActiveReplay]:
    """The replays that are under way, by job."""
    rows = session.execute(_RUNNING).fetchall()
    return {row["job"]: ActiveReplay(row["id"], row["job"], milliseconds.instant(row["next_at"])) for row in rows}


def end(session: Session, replay_id: str, state: ReplayState, now: datetime) -> bool:
    """False when it has ended before. An item that has begun goes on."""
    ended = session.execute(_END, {"id": replay_id, "state": state.value, "at": milliseconds.to_ms(now)})
    return ended.rowcount == 1


class ReplayStep:
    """Begins the next item of a replay when nothing of its job is unfinished, in one transaction that may run twice."""

    def __init__(self, replay: ActiveReplay, definition: JobVersion, now: datetime, replica: Replica) -> None:
        self._replay = replay
        self._definition = definition
        self._now = milliseconds.whole(now)
        self._replica = replica

    def __call__(self, session: Session) -> tuple[ReplayStepResult, CommittedWrites | None]:
        job = self._replay.job
        self._replica.hold(session, job)
        watermarks.hold(session, job)
        held = session.execute(_HOLD, {"id": self._replay.id}).fetchone()
        if held is None or held["state"] != ReplayState.RUNNING:
            return ReplayStepResult.GONE, None
        if session.execute(queries.UNFINISHED_OF_JOBS, {"jobs": [job]}).fetchone() is not None:
            return ReplayStepResult.BUSY, None
        item = session.execute(_NEXT, {"id": self._replay.id}).fetchone()
        if item is None:
            end(session, self._replay.id, ReplayState.DONE, self._now)
            return ReplayStepResult.DONE, None
        written = PendingWrites(claims=[self._claim(item)]).write(session, self._replica, {}, self._now)
        begun = {"id": self._replay.id, "position": item["position"], "execution": written.claimed[0].execution.id}
        session.execute(_BEGUN, begun)
        pace = timedelta(milliseconds=held["pace_ms"])
        session.execute(_PACED, {"id": self._replay.id, "next_at": milliseconds.to_ms(self._now + pace)})
        return ReplayStepResult.BEGUN, written

    def _claim(self, item: Row) -> Claim:
        return Claim(
            self._definition,
            None,
            Trigger.REPLAY,
            item_id(self._replay.id, item["position"]),
            milliseconds.instant(item["scheduled_at"]),
            request_key=f"replay/{self._replay.id}/{item['position']}",
            replay=self._replay.id,
            replay_of=item["replay_of"],
            idempotency_key=item["idempotency_key"],
        )


def _item(row: Mapping[str, object]) -> ReplayItem:
    status = row["status"]
    return ReplayItem(
        milliseconds.instant(int(str(row["scheduled_at"]))),
        str(row["replay_of"]),
        None if row["idempotency_key"] is None else str(row["idempotency_key"]),
        None if row["execution"] is None else str(row["execution"]),
        None if status is None else Status.RUNNING if status == "waiting" else Status(str(status)),
    )
