"""What a timetable does at an instant: which ticks to claim, which to give up, when to look again. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chronos_gitops.engine.clock import is_ahead
from chronos_gitops.engine.due_queue import LATE, Missed, catch_up, given_up
from chronos_gitops.engine.model import Trigger
from chronos_gitops.jobs.model import Job
from chronos_gitops.schedule.schedule import Schedule, jitter

AT_ONCE = 20
"""Ticks that one decision claims at most; what is still due follows in the next one."""


@dataclass(frozen=True, slots=True)
class Claim:
    tick: datetime
    trigger: Trigger
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """``mark``: every tick up to here is accounted for, None while the job is disabled. ``wake_at`` is when the next
    tick is due, jitter included; None: never, or not before somebody says something."""

    mark: datetime | None
    wake_at: datetime | None = None
    claims: tuple[Claim, ...] = ()
    missed: Missed | None = None

    @property
    def follows_an_outage(self) -> bool:
        return self.missed is not None or any(claim.trigger is Trigger.CATCHUP for claim in self.claims)


def decide(job: Job, mark: datetime, now: datetime, *, is_resumed: bool = False, late: timedelta = LATE) -> Decision:
    """What is due at ``now``. A gap longer than ``late``, or one that a pause made, follows the missed-run policy."""
    claims: list[Claim] = []
    if is_ahead(mark, now):  # the server's clock was; what ran then keeps its workflow id
        mark = now
    while (due := _due(job, mark)) is not None and due[1] <= now and len(claims) < AT_ONCE:
        if is_resumed or now - due[1] > late:
            return _caught_up(job, mark, now, tuple(claims))
        mark = due[0]
        claims.append(Claim(mark, Trigger.SCHEDULE))
    return Decision(mark, None if due is None else due[1], tuple(claims))


def settle(before: Job | None, after: Job, mark: datetime | None, now: datetime) -> Decision:
    """What an edit means: it fires nothing, and what the old schedule still owed is given up."""
    if not after.enabled:
        return Decision(None)
    if before is None or mark is None:
        return Decision(now)
    if _timing(before) == _timing(after):
        return Decision(mark)
    return Decision(now, missed=given_up(before.schedule, mark, now))


def _caught_up(job: Job, mark: datetime, now: datetime, claims: tuple[Claim, ...]) -> Decision:
    decided = catch_up(job, mark, now)
    owed = [Claim(tick, Trigger.CATCHUP, now + jitter(job.name, tick, job.jitter)) for tick in decided.run]
    due = _due(job, now)
    return Decision(max(mark, now), None if due is None else due[1], (*claims, *owed), decided.missed)


def _due(job: Job, mark: datetime) -> tuple[datetime, datetime] | None:
    tick = job.schedule.next_after(mark)
    return None if tick is None else (tick, tick + jitter(job.name, tick, job.jitter))


def _timing(job: Job) -> Schedule:
    return job.schedule
