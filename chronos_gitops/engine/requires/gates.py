"""The gate of one execution: since when it waits, which success opens it, and its end. Pure: one rule for all engines.

A gate is open at t when an execution of the required job ended as a success in (t - success_within, t]. It is asked
from ``since`` to ``until``, so the successes that open it are those that ended in (since - success_within, until]. That
range depends on no look, so late looks and restarts change nothing.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from chronos_gitops.engine.clock import is_ahead
from chronos_gitops.engine.model import Execution, Gate, Status, Trigger
from chronos_gitops.jobs.model import Concurrency, Job
from chronos_gitops.jobs.promises.requires import Requires, Unmet
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.schedule import jitter


class Passage(StrEnum):
    """Next step of an execution at its gate."""

    START = "start"
    WAIT = "wait"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class GateCondition:
    """Successes of ``job`` that open a gate: ended in (``after``, ``until``]. Of a replay the scheduled time counts,
    too: it lies no longer than ``within`` before ``since``, or before its end where that is later."""

    job: str
    after: datetime
    until: datetime
    since: datetime
    within: timedelta

    def admits(self, success: Execution) -> bool:
        ended = success.completed_at
        if success.job != self.job or success.status is not Status.SUCCESS or ended is None:
            return False
        if not self.after < ended <= self.until:
            return False
        return success.trigger is not Trigger.REPLAY or success.scheduled_time > max(self.since, ended) - self.within


def gate_of(execution: Execution, job: Job, now: datetime) -> Gate | None:
    """The gate that it stands at, or None: manual triggers and replays have none, nor what has begun. ``now`` is when
    it would start. The deadline is kept with the row, and one from a clock that was ahead does not count."""
    required = job.requires
    is_due = execution.trigger in (Trigger.SCHEDULE, Trigger.CATCHUP)
    if required is None or not is_due or execution.status is not Status.PENDING:
        return None
    known = execution.requires
    if known is not None and not is_ahead(known.since, now):
        return known
    since = _start(execution, job, now)
    return Gate(required.job, since, since + required.wait)


def _start(execution: Execution, job: Job, now: datetime) -> datetime:
    """A scheduled time starts after its jitter, however late the gate is looked at; what waits for its turn, then."""
    tick = execution.scheduled_time
    at = tick + jitter(job.name, tick, job.jitter)
    waits_for_turn = execution.trigger is Trigger.CATCHUP or job.concurrency is Concurrency.QUEUE
    return now if waits_for_turn or is_ahead(at, now) else at


def wanted(gate: Gate, required: Requires, now: datetime) -> GateCondition:
    """``now`` bounds what a clock that was ahead has written."""
    within = required.success_within
    return GateCondition(gate.job, gate.since - within, min(gate.until, max(now, gate.since)), gate.since, within)


def looked(gate: Gate, success: Execution | None) -> Gate:
    """One that was found open stays so, with the success that opened it."""
    return gate if success is None or gate.met else replace(gate, met=True, execution=success.id)


def passage(gate: Gate, required: Requires, now: datetime) -> Passage:
    """Of a gate that was looked at ``now``: a success at the very end of the wait still opens it."""
    if gate.met:
        return Passage.START
    if now < gate.until:
        return Passage.WAIT
    return Passage.START if required.otherwise is Unmet.RUN else Passage.SKIP


def newest(found: Iterable[Execution], asked: GateCondition) -> Execution | None:
    """The success that opens the gate: of several the one that ended last."""
    admitted = {(one.completed_at, one.id): one for one in found if one.completed_at and asked.admits(one)}
    return admitted[max(admitted)] if admitted else None
