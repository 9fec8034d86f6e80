"""``success_every``: from the end of one success to the end of the next, whatever the schedule says."""

from datetime import datetime, timedelta
from typing import Final

from chronos_gitops.expectations.judging.state import Expectation, ExpectationState, Question
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.schedule.timing import OnSkip, Timing

_INSTANT: Final = timedelta(microseconds=1)


def success_every(asked: Question) -> Expectation:
    limit, success = durations.parse(asked.limit), asked.runs.last_success()
    ended = None if success is None else success.completed_at
    base = asked.since if ended is None else max(ended, asked.since)
    base = _after_dropped(asked.job.timing, base, limit, asked.now)
    due_at = base + limit
    found = None if ended is None else rfc3339(ended)
    if asked.now >= due_at:
        return asked.answer(ExpectationState.BROKEN, due_at=due_at, found=found, execution=success, count=1)
    is_met = ended is not None and ended >= asked.since
    state = ExpectationState.MET if is_met else ExpectationState.PENDING
    return asked.answer(state, due_at=due_at, found=found, execution=success, next_at=due_at)


def _after_dropped(timing: Timing, base: datetime, limit: timedelta, now: datetime) -> datetime:
    """The base after ticks that a calendar dropped while it was not broken; one that was moved counts at its target."""
    while True:
        until = min(now, base + limit - _INSTANT)
        moved = max((at for at in _dropped(timing, base, until)), default=base)
        if moved <= base:
            return base
        base = moved


def _dropped(timing: Timing, after: datetime, until: datetime) -> list[datetime]:
    if after >= until:
        return []
    if timing.on_skip is OnSkip.DROP:  # days and not ticks: a freeze may drop a million
        return [found.last for found in timing.held_ranges(after, until)]
    held = timing.held(after, until)
    return [one.time if one.move is None or one.move.target is None else one.move.target for one in held]
