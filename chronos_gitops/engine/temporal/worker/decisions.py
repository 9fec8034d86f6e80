"""The decision of a timetable at an instant: ticks to claim, ticks to give up, the next wake-up. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from chronos_gitops.engine.model import Trigger
from chronos_gitops.engine.ticks.due_queue import CATCHUP_LIMIT, LATE, Missed, catch_up, given_up
from chronos_gitops.engine.ticks.owed_ticks import OwedTicks, applied_late, owed
from chronos_gitops.jobs.model import Job
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.closures import Closure
from chronos_gitops.schedule.calendars.steps import (
    NO_COMMITS,
    Commits,
    HeldTicks,
    Moves,
    ScheduleStep,
    ended_rows,
    held_so_far,
    next_step,
    withdrawn,
    without_move,
)
from chronos_gitops.schedule.schedule import jitter

AT_ONCE = 20
"""Ticks that one decision claims at most; what is still due follows in the next one."""


@dataclass(frozen=True, slots=True)
class TickClaim:
    tick: datetime
    trigger: Trigger
    not_before: datetime | None = None
    moved_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class TimetableDecision:
    """``mark``: every tick up to here is decided, None while the job is disabled. ``wake_at`` is when the next step is
    due, jitter included; None: never, or not before a message arrives. ``held`` are ticks that calendars held,
    ``moves`` those under way, ``late`` the ``@at`` entries of the edited job that were past when it was applied."""

    mark: datetime | None
    wake_at: datetime | None = None
    claims: tuple[TickClaim, ...] = ()
    missed: Missed | None = None
    held: tuple[HeldTicks, ...] = ()
    moves: Moves = ()
    late: tuple[Missed, ...] = ()
    closure: Closure | None = None
    """Closes the instant at which the ``missed`` ticks might have been caught up."""
    withdrawn: tuple[datetime, ...] = ()
    """Targets of moves that an edit ends; ``why`` is what the rows that name them say."""
    why: str = ""

    @property
    def follows_an_outage(self) -> bool:
        return self.missed is not None or any(claim.trigger is Trigger.CATCHUP for claim in self.claims)


def decide(
    job: Job,
    mark: datetime,
    now: datetime,
    *,
    moves: Moves = (),
    is_resumed: bool = False,
    late: timedelta = LATE,
    commits: Commits = NO_COMMITS,
) -> TimetableDecision:
    """Decide the scheduled times due at ``now``. A gap longer than ``late``, or one made by a pause, follows the
    missed-run policy."""
    claims: list[TickClaim] = []
    held: list[HeldTicks] = []
    while (due := _due(job, mark, moves, commits)) is not None and due[1] <= now:
        if len(claims) + len(held) >= AT_ONCE:
            break
        if is_resumed or now - due[1] > late:
            gap = owed(job.timing, mark, now, moves, commits=commits)
            return _caught_up(job, mark, now, gap, tuple(claims), held, goes_on=not is_resumed)
        step = due[0]
        mark, moves = step.at, step.moves
        held += step.held
        if step.tick is not None:
            claims.append(TickClaim(step.tick, Trigger.SCHEDULE, moved_from=step.moved_from))
    return TimetableDecision(mark, None if due is None else due[1], tuple(claims), held=tuple(held), moves=moves)


def settle(
    before: Job | None,
    after: Job | None,
    mark: datetime | None,
    now: datetime,
    *,
    moves: Moves = (),
    is_paused: bool = False,
    is_released: bool = False,
    late: timedelta = LATE,
    commits: Commits = NO_COMMITS,
    commit: str = "",
) -> TimetableDecision:
    """An edit or a removal (``after`` is None) fires nothing: ticks that the old schedule still owed are given up, and
    moves under way end; so are those that fell in the guard's pause, which the edit ends (``is_released``). Where only
    contents of calendars changed, what is open under both is owed as before."""
    is_enabled = after is not None and after.enabled
    if before is None or mark is None:
        is_first = before is None and is_enabled
        late_entries = applied_late(after.timing, None, now) if is_first and after is not None else ()
        return TimetableDecision(now if is_enabled else None, late=late_entries)
    old = before.timing
    if is_enabled and after is not None and old.own_digest == after.timing.own_digest and not is_released:
        if old.digest == after.timing.digest:
            return TimetableDecision(mark, moves=moves)
        gap = owed(after.timing, mark, now, moves, old=old, commits=commits)
        return _retimed(after, mark, now, gap, is_paused=is_paused, late=late)
    gap = owed(old, mark, now, moves)
    missed = given_up(gap.ticks, mark, now)
    late_entries = applied_late(after.timing, old, now) if is_enabled and after is not None else ()
    to_come, why = withdrawn(gap.moves, now), f"withdrawn by {commit[:8] or 'an edit'}"
    held = tuple(without_move(one, to_come, why) for one in gap.held)
    mark_after = now if is_enabled else None
    return TimetableDecision(
        mark_after, missed=missed, held=held, late=late_entries, withdrawn=tuple(to_come), why=why if to_come else ""
    )


def close_held(job: Job, mark: datetime, now: datetime, moves: Moves = ()) -> TimetableDecision:
    """A pause begins: the row of the date under way ends with what is held by now."""
    held = held_so_far(job.timing, mark, now)
    return TimetableDecision(mark if held is None else held.last, held=() if held is None else (held,), moves=moves)


def _retimed(
    job: Job, mark: datetime, now: datetime, gap: OwedTicks, *, is_paused: bool, late: timedelta
) -> TimetableDecision:
    first = gap.ticks.next_after(mark)
    if is_paused:
        return TimetableDecision(
            max(mark, now), missed=given_up(gap.ticks, mark, now), held=tuple(gap.held), moves=gap.moves
        )
    if first is not None and now - first > late:
        return _caught_up(job, mark, now, gap, (), [])
    claims = (
        TickClaim(tick, Trigger.SCHEDULE, tick + jitter(job.name, tick, job.jitter), gap.origins.get(tick))
        for tick in gap.ticks.latest(mark, now, CATCHUP_LIMIT)
    )
    return TimetableDecision(max(mark, now), claims=tuple(claims), held=tuple(gap.held), moves=gap.moves)


def _caught_up(
    job: Job,
    mark: datetime,
    now: datetime,
    gap: OwedTicks,
    claims: tuple[TickClaim, ...],
    held: Sequence[HeldTicks],
    *,
    goes_on: bool = False,
) -> TimetableDecision:
    """``goes_on``: the row of the date under way ends later."""
    ended, decided_until = ended_rows(job.timing, gap.held, now) if goes_on else (gap.held, now)
    decided = catch_up(job, mark, now, gap.ticks)
    run = [
        TickClaim(tick, Trigger.CATCHUP, now + jitter(job.name, tick, job.jitter), gap.origins.get(tick))
        for tick in decided.run
    ]
    due = _due(job, decided_until, gap.moves)
    wake_at = None if due is None else due[1]
    return TimetableDecision(
        max(mark, decided_until),
        wake_at,
        (*claims, *run),
        decided.missed,
        held=(*held, *ended),
        moves=gap.moves,
        closure=job.timing.closure(now),
    )


def _due(job: Job, mark: datetime, moves: Moves, commits: Commits = NO_COMMITS) -> tuple[ScheduleStep, datetime] | None:
    step = next_step(job.timing, mark, moves, commits=commits)
    if step is None:
        return None
    return step, step.at if step.tick is None else step.at + jitter(job.name, step.at, job.jitter)
