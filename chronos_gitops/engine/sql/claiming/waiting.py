"""Executions that wait for their turn in the queue of their job, in the database: who waits, and their end."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.model import Pause, Reason, Status, Trigger
from chronos_gitops.engine.sql.store import ledger, queries, row_mapping
from chronos_gitops.engine.sql.store.store import Replica, Session
from chronos_gitops.jobs.model import Concurrency


def holds(pause: Pause | None, trigger: Trigger, created_at: datetime | None) -> bool:
    """A pause holds what its job has queued, and not what an operator triggers meanwhile."""
    if pause is None or created_at is None:
        return False
    return trigger in (Trigger.SCHEDULE, Trigger.CATCHUP) or created_at < milliseconds.whole(pause.at)


def cancel(session: Session, reasons: Mapping[str, Reason], now: datetime, replica: Replica) -> dict[str, Reason]:
    """Ends what waits in the queues of these jobs, and tells the runners that have it; what this runner has of it.
    The one whose turn it is runs to its end."""
    if not reasons:
        return {}
    pauses = ledger.pauses(session)
    rows = session.execute(queries.UNFINISHED_WITH_DEFINITIONS, {"jobs": list(reasons)}).fetchall()
    ours: dict[str, Reason] = {}
    for job, found in groupby(sorted(rows, key=lambda row: row["job"]), key=lambda row: row["job"]):
        by_guard = reasons[job] is Reason.GUARD
        asked = {"ids": list(_queued(found, pauses.get(job), by_guard=by_guard)), "reason": reasons[job].value}
        if asked["ids"]:
            ended = session.execute(queries.CANCEL_PENDING, asked | {"at": milliseconds.to_ms(now)}).fetchall()
            ours |= {row["id"]: reasons[job] for row in ended if row["owner"] == replica.id}
            for owner in {row["owner"] for row in ended} - {replica.id, None}:
                replica.tell(session, owner)
    return ours


def _queued(found: Iterable[row_mapping.Row], pause: Pause | None, *, by_guard: bool = False) -> Iterator[str]:
    """Of the unfinished executions of one job, oldest first: all that are pending but the one that begins just now. The
    guard takes what the schedule owes, whatever the job does with overlaps, and nothing that was triggered."""
    rows = list(found)
    has_turn = any(row["status"] != Status.PENDING for row in rows)
    for row in rows:
        if row["status"] != Status.PENDING:
            continue
        is_held = holds(pause, Trigger(row["trigger_kind"]), milliseconds.instant(row["created_at"]))
        if not has_turn and not is_held:
            has_turn = True
        elif by_guard:
            if Trigger(row["trigger_kind"]) in (Trigger.SCHEDULE, Trigger.CATCHUP):
                yield row["id"]
        elif json.loads(row["document"])["concurrency"] == Concurrency.QUEUE:
            yield row["id"]
