"""Watermarks that a clock which was ahead has left: they are taken back to now, or no job would run until then.

Rows of what was sent stay, so that the unique key (job, tick) keeps a tick that ran from running again. A row of a
tick still to come that was not sent goes, so that the tick runs when it comes; one that says of such ticks that they
were skipped ends at now.
"""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.clock import TOLERANCE, is_ahead
from chronos_gitops.engine.clock_watch import Correction
from chronos_gitops.engine.model import Execution, Reason, Status, Trigger, tick_execution_id
from chronos_gitops.engine.sql.claiming import watermarks
from chronos_gitops.engine.sql.claiming.watermarks import Watermark
from chronos_gitops.engine.sql.store import calendar_rows, ledger, queries
from chronos_gitops.engine.sql.store.store import Session
from chronos_gitops.engine.ticks.skipped_until import skipped_until

_INSTANT = timedelta(microseconds=1)


def take_back(
    session: Session, held: Mapping[str, Watermark], now: datetime, namespace: uuid.UUID
) -> tuple[dict[str, Watermark], Correction | None]:
    """In the caller's transaction, which holds these watermarks: as they are afterwards."""
    ahead = [mark for mark in held.values() if is_ahead(mark.at, now)]
    if not ahead:
        return dict(held), None
    for mark in ahead:
        _shorten_skipped(session, mark, now, namespace)
    corrected = {mark.job: _at(mark, milliseconds.whole(now)) for mark in ahead}
    watermarks.set_watermarks(session, corrected.values())
    return {**held, **corrected}, Correction(len(ahead), max(mark.at for mark in ahead) - now)


def is_early(execution: Execution, now: datetime) -> bool:
    """True for a scheduled execution of a tick still to come that was not sent yet."""
    is_due = execution.trigger in (Trigger.SCHEDULE, Trigger.CATCHUP)
    is_unsent = execution.status is Status.PENDING and not execution.attempts
    return is_due and is_unsent and is_ahead(execution.scheduled_time, now)


def changes_by_now(session: Session, runs: set[str], awaiting: set[str], owner: str, now: datetime) -> ledger.Changes:
    """``ledger.changes`` once early executions are gone that the runner does not have."""
    for row in session.execute(
        queries.EARLY_OF_OWNER, {"owner": owner, "after": milliseconds.to_ms(now + TOLERANCE)}
    ).fetchall():
        if row["id"] not in runs:
            session.execute(queries.DROP_EXECUTION, {"id": row["id"]})
    return ledger.changes(session, runs, awaiting, owner)


def _at(mark: Watermark, now: datetime) -> Watermark:
    """Without the moves that were decided at an instant still to come."""
    return replace(mark, at=now, moves=tuple(pair for pair in mark.moves if min(pair) <= now))


def _shorten_skipped(session: Session, mark: Watermark, now: datetime, namespace: uuid.UUID) -> None:
    timing = mark.timed(calendar_rows.contents_of(session, {mark.timing} if mark.timing else ()))
    for row in session.execute(queries.SKIPPED_AFTER, {"job": mark.job, "at": milliseconds.to_ms(now)}).fetchall():
        start = None if row["range_start"] is None else milliseconds.instant(row["range_start"]) - _INSTANT
        rest = None if start is None else skipped_until(timing, Reason(row["reason"]), start, now)
        if rest is None:
            session.execute(queries.DROP_EXECUTION, {"id": row["id"]})
            continue
        shortened = {
            "id": row["id"],
            "new_id": tick_execution_id(namespace, mark.job, rest.last),
            "tick": milliseconds.to_ms(rest.last),
            "ticks": rest.count,
        }
        session.execute(queries.SHORTEN_SKIPPED, shortened)
