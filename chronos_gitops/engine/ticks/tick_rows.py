"""The record of a scheduled time: the row that is due, and what becomes of it where it does not run. Pure.

One rule for all engines: a row for each scheduled time, or one for a range of them.
"""

import uuid
from dataclasses import replace
from datetime import datetime

from chronos_gitops.engine.drafts import Provenance
from chronos_gitops.engine.model import Execution, HeldBy, Reason, Status, Trigger, tick_execution_id
from chronos_gitops.engine.ticks.due_queue import Missed
from chronos_gitops.schedule.calendars.steps import HeldTicks


def due(
    job: str,
    tick: datetime,
    trigger: Trigger,
    *,
    path: str | None,
    provenance: Provenance,
    now: datetime,
    namespace: uuid.UUID,
) -> Execution:
    """The pending row of one scheduled time."""
    return Execution(
        tick_execution_id(namespace, job, tick),
        job,
        tick,
        trigger,
        Status.PENDING,
        created_at=now,
        path=path,
        **provenance,
    )


def held(row: Execution, ticks: HeldTicks, calendar: HeldBy | None) -> Execution:
    """Skipped, because a calendar held the ticks; ``row`` is due at the last one."""
    return replace(
        row,
        status=Status.SKIPPED,
        reason=Reason.CALENDAR,
        completed_at=row.created_at,
        count=ticks.count,
        range_start=ticks.first if ticks.count > 1 else None,
        calendar=calendar,
        message=ticks.why or None,
        moved_to=ticks.moved_to,
        moved_from=ticks.moved_from,
    )


def missed(row: Execution, ticks: Missed, calendar: HeldBy | None = None) -> Execution:
    """Skipped, because the missed-run policy gave the ticks up; ``row`` is due at the last one. ``calendar`` had closed
    the instant at which they might have been caught up."""
    return replace(
        row,
        status=Status.SKIPPED,
        reason=Reason.MISSED,
        completed_at=row.created_at,
        count=ticks.count,
        range_start=ticks.first,
        calendar=calendar,
        message=ticks.why or None,
    )
