"""Watermarks that a clock which was ahead has left: they are taken back to now, or no job would run until then.

Rows with a tick stay, so that the unique key (job, tick) keeps a tick that ran from running again. A row that says of
ticks still to come that they were missed is not true: it ends at now, or goes.
"""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.clock import is_ahead
from chronos_gitops.engine.clock_watch import Correction
from chronos_gitops.engine.model import tick_execution_id
from chronos_gitops.engine.sql.claiming import watermarks
from chronos_gitops.engine.sql.claiming.watermarks import Watermark
from chronos_gitops.engine.sql.store import queries
from chronos_gitops.engine.sql.store.store import Session

_INSTANT = timedelta(microseconds=1)


def take_back(
    session: Session, held: Mapping[str, Watermark], now: datetime, namespace: uuid.UUID
) -> tuple[dict[str, Watermark], Correction | None]:
    """In the caller's transaction, which holds these watermarks: as they are afterwards."""
    ahead = [mark for mark in held.values() if is_ahead(mark.at, now)]
    if not ahead:
        return dict(held), None
    for mark in ahead:
        _shorten_missed(session, mark, now, namespace)
    corrected = {mark.job: _at(mark, milliseconds.whole(now)) for mark in ahead}
    watermarks.set_watermarks(session, corrected.values())
    return {**held, **corrected}, Correction(len(ahead), max(mark.at for mark in ahead) - now)


def _at(mark: Watermark, now: datetime) -> Watermark:
    """Without the moves that were decided at an instant still to come."""
    return replace(mark, at=now, moves=tuple(pair for pair in mark.moves if min(pair) <= now))


def _shorten_missed(session: Session, mark: Watermark, now: datetime, namespace: uuid.UUID) -> None:
    timing = mark.timed(watermarks.contents_of(session, {mark.timing} if mark.timing else ()))
    session.execute(queries.DROP_HELD_AFTER, {"job": mark.job, "at": milliseconds.to_ms(now)})
    for row in session.execute(queries.MISSED_AFTER, {"job": mark.job, "at": milliseconds.to_ms(now)}).fetchall():
        start = None if row["range_start"] is None else milliseconds.instant(row["range_start"]) - _INSTANT
        rest = [] if start is None or start >= now else timing.latest(start, now, 1)
        if start is None or not rest:
            session.execute(queries.DROP_EXECUTION, {"id": row["id"]})
            continue
        shortened = {
            "id": row["id"],
            "new_id": tick_execution_id(namespace, mark.job, rest[0]),
            "tick": milliseconds.to_ms(rest[0]),
            "ticks": timing.count(start, now),
        }
        session.execute(queries.SHORTEN_MISSED, shortened)
