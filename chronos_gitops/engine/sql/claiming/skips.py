"""Ticks that will not run: one row for each, or for a range of them, so that every due tick ends in a row."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.drafts import provenance_of
from chronos_gitops.engine.model import Execution, HeldBy, Trigger
from chronos_gitops.engine.sql.claiming import claims
from chronos_gitops.engine.sql.store import queries
from chronos_gitops.engine.sql.store.store import Replica, Session
from chronos_gitops.engine.ticks import tick_rows
from chronos_gitops.engine.ticks.due_queue import DueTicks, Missed, given_up
from chronos_gitops.jobs.model import Job, JobVersion
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.steps import HeldTicks

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Skip:
    """Missed ticks that become one skipped row; ``ticks`` tells them. ``definition`` is None when the job was deleted
    while no runner knew it. ``calendar`` had closed the instant at which they might have been caught up."""

    job: str
    definition: JobVersion | None
    missed: Missed
    ticks: DueTicks
    calendar: HeldBy | None = None

    @property
    def owed_by(self) -> Job | None:
        """The job by whose schedule the ticks were due, from which a replay enumerates them."""
        return None if self.definition is None else self.definition.job


@dataclass(frozen=True, slots=True)
class Hold:
    """Ticks that a calendar held, as one skipped row."""

    job: str
    definition: JobVersion | None
    held: HeldTicks
    calendar: HeldBy | None

    @property
    def owed_by(self) -> Job | None:
        return None if self.definition is None else self.definition.job


def skip(session: Session, skips: Sequence[Skip], now: datetime, replica: Replica) -> list[Execution]:
    """Records what will not run, so that every due tick ends in a row."""
    left = _unrecorded(session, skips)
    return _record(session, [(_skipped(each, now, replica.namespace), each.owed_by) for each in left])


def hold_ticks(session: Session, holds: Sequence[Hold], now: datetime, replica: Replica) -> list[Execution]:
    """Records what calendars held, so that every due tick ends in a row."""
    return _record(session, [(_held(each, now, replica.namespace), each.owed_by) for each in holds])


def _record(session: Session, found: Sequence[tuple[Execution, Job | None]]) -> list[Execution]:
    """Each with the job by whose schedule its ticks were due: a replay enumerates a range by it."""
    if found:
        claims.add_definitions(session, [job for _, job in found if job is not None])
        parameters = [
            claims.parameters(execution)
            | {
                "tick": milliseconds.to_ms(execution.scheduled_time),
                "definition": None if job is None else job.digest,
            }
            for execution, job in found
        ]
        session.executemany(queries.ADD_EXECUTION, parameters)
    return [execution for execution, _ in found]


def _unrecorded(session: Session, skips: Sequence[Skip]) -> list[Skip]:
    """Without the ticks that have rows: none has, unless a watermark was taken back."""
    jobs = [skip.job for skip in skips]
    found = session.execute(queries.NEWEST_TICKS, {"jobs": jobs}).fetchall() if jobs else []
    newest = {row["job"]: row["tick"] for row in found if row["tick"] is not None}
    rest: list[Skip] = []
    for each in skips:
        if newest.get(each.job, -1) < milliseconds.to_ms(each.missed.first):
            rest.append(each)
        else:
            rest += _between_recorded(session, each)
    return rest


def _between_recorded(session: Session, skip: Skip) -> list[Skip]:
    missed = skip.missed
    asked = {
        "job": skip.job,
        "first": milliseconds.to_ms(missed.first),
        "last": milliseconds.to_ms(missed.last),
    }
    recorded = [milliseconds.instant(row["tick"]) for row in session.execute(queries.TICKS_RECORDED, asked).fetchall()]
    edges = [missed.first - _INSTANT, *recorded]
    ends = [*(tick - _INSTANT for tick in recorded), missed.last]
    gaps = (given_up(skip.ticks, since, until) for since, until in zip(edges, ends, strict=True))
    return [replace(skip, missed=replace(gap, why=missed.why)) for gap in gaps if gap is not None]


def _held(hold: Hold, now: datetime, namespace: uuid.UUID) -> Execution:
    return tick_rows.held(_row(hold, hold.held.last, now, namespace), hold.held, hold.calendar)


def _skipped(skip: Skip, now: datetime, namespace: uuid.UUID) -> Execution:
    return tick_rows.missed(_row(skip, skip.missed.last, now, namespace), skip.missed, skip.calendar)


def _row(ticks: Skip | Hold, last: datetime, now: datetime, namespace: uuid.UUID) -> Execution:
    definition = ticks.definition
    return tick_rows.due(
        ticks.job,
        last,
        Trigger.SCHEDULE,
        path=None if definition is None else definition.path,
        provenance=provenance_of(definition),
        now=now,
        namespace=namespace,
    )
