"""Expectations about scheduled times: ``start_within`` and ``finish_by``.

Ticks come from the schedule, never from rows, which are missing exactly when nothing claims them.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.expectations.judging.state import Expectation, ExpectationState, Question, is_replay
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.daily import daily
from chronos_gitops.schedule.schedule import jitter
from chronos_gitops.schedule.timestamps import rfc3339

_INSTANT: Final = timedelta(microseconds=1)
_UNDECIDED: Final = 1000
"""Maximum number of scheduled times that are not due yet, counted from the newest."""
_SUCCESSES: Final = 50
_CLOCK_REACH: Final = timedelta(days=3)


def start_within(asked: Question) -> Expectation:
    limit, spread, now = durations.parse(asked.limit), asked.job.jitter, asked.now

    def due(tick: datetime) -> datetime:
        return tick + jitter(asked.job.name, tick, spread) + limit

    decided = judged_ticks(asked, asked.since, now - limit - spread, asked.count_to)
    edge = decided[-1] if decided else asked.since
    recent = judged_ticks(asked, edge, now, _UNDECIDED)
    ticks = [*decided, *recent]
    spans = [(part[0], part[-1]) for part in (decided, recent) if part]
    rows = {row.scheduled_time: row for begin, end in spans for row in asked.runs.ticks(begin, end)}
    waiting = [due(tick) for tick in ticks if due(tick) > now and not _has_started(rows.get(tick), due(tick))]
    following = asked.job.timing.next_after(now)
    next_at = min(waiting, default=None if following is None else due(following))
    newest = [tick for tick in reversed(ticks) if due(tick) <= now or _has_started(rows.get(tick), due(tick))]
    broken = [tick for tick in newest[: asked.count_to] if not _has_started(rows.get(tick), due(tick))]
    if newest and broken[:1] == newest[:1]:
        count = next((n for n, tick in enumerate(newest[: asked.count_to]) if tick not in broken), len(broken))
        row = rows.get(newest[0])
        found = None if row is None or row.started_at is None else rfc3339(row.started_at)
        state = ExpectationState.BROKEN
        return asked.answer(state, due_at=due(newest[0]), found=found, execution=row, count=count, next_at=next_at)
    if waiting or not newest:
        return asked.answer(ExpectationState.PENDING, due_at=next_at, next_at=next_at)
    row = rows[newest[0]]
    return asked.answer(ExpectationState.MET, found=_started(row), execution=row, next_at=next_at)


def finish_by(asked: Question) -> Expectation:
    """By the newest tick that is satisfied or overdue; a success satisfies every tick up to its beginning."""
    clock = daily(asked.limit, asked.job.timezone)
    success = _newest_begun(asked)
    began = None if success is None else _began(success)
    newest = _only(judged_ticks(asked, asked.since, asked.now, 1))
    if newest is None or (began is not None and began >= newest):
        following = asked.job.timing.next_after(asked.now)
        next_at = None if following is None else clock.next_after(following)
        if newest is None:
            return asked.answer(ExpectationState.PENDING, due_at=next_at, next_at=next_at)
        return asked.answer(ExpectationState.MET, found=_completed(success), execution=success, next_at=next_at)
    passed = clock.latest(asked.now - _CLOCK_REACH, asked.now, 1)
    overdue = _only(judged_ticks(asked, asked.since, passed[-1] - _INSTANT, 1)) if passed else None
    following = clock.next_after(newest)
    if overdue is not None and (began is None or began < overdue):
        due_at, next_at = clock.next_after(overdue), clock.next_after(asked.now)
        return asked.answer(ExpectationState.BROKEN, due_at=due_at, count=1, next_at=next_at)
    return asked.answer(ExpectationState.PENDING, due_at=following, next_at=following)


def judged_ticks(asked: Question, after: datetime, until: datetime, most: int) -> list[datetime]:
    """The newest ticks in (after, until] that no pause takes away, ascending."""
    kept: list[datetime] = []
    while after < until and len(kept) < most:
        found = asked.job.timing.latest(after, until, most - len(kept))
        kept = [tick for tick in found if not asked.is_paused_at(tick)] + kept
        if len(found) < most - len(kept) or not found:
            break
        holding = [pause.at for pause in asked.pauses if pause.at <= found[0] and pause.holds_at(found[0])]
        until = min([found[0], *holding]) - _INSTANT
    return kept[-most:]


def _has_started(row: Execution | None, by: datetime) -> bool:
    return row is not None and row.started_at is not None and row.started_at <= by


def _newest_begun(asked: Question) -> Execution | None:
    successes: Iterator[Execution] = (row for row in asked.runs.ended() if row.status is Status.SUCCESS)
    last = asked.runs.last_success()
    found = [*islice(successes, _SUCCESSES), *([] if last is None else [last])]
    return max(found, key=_began, default=None)


def _began(success: Execution) -> datetime:
    """A replay does the work of its tick."""
    return success.scheduled_time if is_replay(success) else success.started_at or success.scheduled_time


def _only(ticks: list[datetime]) -> datetime | None:
    return ticks[-1] if ticks else None


def _started(row: Execution) -> str | None:
    return None if row.started_at is None else rfc3339(row.started_at)


def _completed(row: Execution | None) -> str | None:
    return None if row is None or row.completed_at is None else rfc3339(row.completed_at)
