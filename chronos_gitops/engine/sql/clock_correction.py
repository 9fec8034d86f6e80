"""Watermarks that a clock which was ahead has left: they are taken back to now, or no job would run until then.

Rows with a tick stay, so that the unique key (job, tick) keeps a tick that ran from running again. A row that says of
ticks still to come that they were missed is not true: it ends at now, or goes.
"""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chronos_gitops.engine.clock import is_ahead
from chronos_gitops.engine.model import tick_execution_id
from chronos_gitops.engine.sql import claims
from chronos_gitops.engine.sql.claims import Watermark
from chronos_gitops.engine.sql.store import queries, row_mapping
from chronos_gitops.engine.sql.store.store import Session
from chronos_gitops.schedule.schedule import Schedule

log = logging.getLogger(__name__)
_INSTANT = timedelta(microseconds=1)
_REPORTED_FOR = timedelta(minutes=2)
"""Long enough for what asks for health once a minute."""


@dataclass(frozen=True, slots=True)
class Correction:
    """``jobs`` watermarks were ahead of the clock, by ``most`` at most."""

    jobs: int
    most: timedelta


def take_back(
    session: Session, held: Mapping[str, Watermark], now: datetime, namespace: uuid.UUID
) -> tuple[dict[str, Watermark], Correction | None]:
    """In the caller's transaction, which holds these watermarks: as they are afterwards."""
    ahead = [mark for mark in held.values() if is_ahead(mark.at, now)]
    if not ahead:
        return dict(held), None
    for mark in ahead:
        _shorten_missed(session, mark, now, namespace)
    corrected = {mark.job: replace(mark, at=row_mapping.whole(now)) for mark in ahead}
    claims.set_watermarks(session, corrected.values())
    return {**held, **corrected}, Correction(len(ahead), max(mark.at for mark in ahead) - now)


def _shorten_missed(session: Session, mark: Watermark, now: datetime, namespace: uuid.UUID) -> None:
    schedule = Schedule.parse(mark.schedule, mark.timezone, key=mark.job)
    for row in session.execute(queries.MISSED_AFTER, {"job": mark.job, "at": row_mapping.to_ms(now)}).fetchall():
        start = None if row["range_start"] is None else row_mapping.instant(row["range_start"]) - _INSTANT
        rest = [] if start is None or start >= now else schedule.latest(start, now, 1)
        if start is None or not rest:
            session.execute(queries.DROP_EXECUTION, {"id": row["id"]})
            continue
        shortened = {
            "id": row["id"],
            "new_id": tick_execution_id(namespace, mark.job, rest[0]),
            "tick": row_mapping.to_ms(rest[0]),
            "ticks": schedule.count(start, now),
        }
        session.execute(queries.SHORTEN_MISSED, shortened)


class ClockWatch:
    """Sees the clock go back, and tells of watermarks that were taken back: in the log once, in health for a while."""

    def __init__(self) -> None:
        self._latest: datetime | None = None
        self._told: tuple[datetime, str] | None = None

    def went_back(self, now: datetime) -> bool:
        """Whether the clock shows less than it has shown, by more than the tolerance; once for each time."""
        has_gone_back = self._latest is not None and is_ahead(self._latest, now)
        self._latest = now if self._latest is None or has_gone_back else max(self._latest, now)
        return has_gone_back

    def note(self, correction: Correction, now: datetime) -> None:
        ahead = timedelta(seconds=round(correction.most.total_seconds()))
        sentence = f"the clock was ahead by {ahead}; the watermarks of {correction.jobs} jobs were taken back to now"
        log.error("clock_was_ahead", extra={"ahead": str(ahead), "jobs": correction.jobs})
        self._told = (now, f"{sentence}, {now:%Y-%m-%dT%H:%M:%SZ}; see to the clock of this machine or database")

    def trouble(self, now: datetime) -> str:
        """May be asked from any thread; empty when all is well."""
        told = self._told
        return told[1] if told is not None and told[0] <= now < told[0] + _REPORTED_FOR else ""
