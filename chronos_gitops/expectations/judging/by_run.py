"""Expectations about single executions: ``max_duration`` and ``min_duration``."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Final

from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.expectations.judging.state import Expectation, ExpectationState, Question, is_replay
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations

_LOOKED_AT: Final = 50


@dataclass(frozen=True, slots=True)
class _Judged:
    """``at`` is when it was decided."""

    at: datetime
    is_broken: bool
    run: Execution


def max_duration(asked: Question) -> Expectation:
    """A run that is over the limit breaks it while it runs, whatever ends beside it."""
    limit = durations.parse(asked.limit)
    running = [run for run in _counted(asked, asked.runs.unfinished()) if run.started_at is not None]
    over = [
        _Judged(run.started_at + limit, True, run) for run in running if run.started_at and _age(run, asked) >= limit
    ]
    waiting = [run.started_at + limit for run in running if run.started_at and _age(run, asked) < limit]
    ended = _newest(_ended_within(asked, limit))
    judged = sorted(over, key=lambda one: one.at, reverse=True) + ended
    return _told(asked, judged, min(waiting, default=None))


def min_duration(asked: Question) -> Expectation:
    limit = durations.parse(asked.limit)
    successes = (run for run in _counted(asked, asked.runs.ended()) if run.status is Status.SUCCESS)
    judged = (_Judged(run.completed_at, _age(run, asked) < limit, run) for run in successes if run.completed_at)
    return _told(asked, _newest(judged), None)


def _told(asked: Question, judged: list[_Judged], next_at: datetime | None) -> Expectation:
    if judged and judged[0].is_broken:
        count = sum(1 for _ in takewhile(lambda one: one.is_broken, judged[: asked.count_to]))
        return _answer(asked, ExpectationState.BROKEN, judged[0], count, next_at)
    if next_at is not None or not judged:
        return asked.answer(ExpectationState.PENDING, due_at=next_at, next_at=next_at)
    return _answer(asked, ExpectationState.MET, judged[0], 0, None)


def _answer(
    asked: Question, state: ExpectationState, one: _Judged, count: int, next_at: datetime | None
) -> Expectation:
    found = durations.render(_age(one.run, asked))
    due_at = one.at if state is ExpectationState.BROKEN else None
    return asked.answer(state, due_at=due_at, found=found, execution=one.run, count=count, next_at=next_at)


def _ended_within(asked: Question, limit: timedelta) -> Iterator[_Judged]:
    """A failure within the limit says nothing of the duration."""
    for run in _counted(asked, asked.runs.ended()):
        if run.completed_at is None or run.started_at is None:
            continue
        if _age(run, asked) > limit:
            yield _Judged(run.started_at + limit, True, run)
        elif run.status is Status.SUCCESS:
            yield _Judged(run.completed_at, False, run)


def _counted(asked: Question, runs: Iterable[Execution]) -> Iterator[Execution]:
    """Replays are not judged, nor what began before the limit counted."""
    return (run for run in runs if run.started_at and run.started_at >= asked.since and not is_replay(run))


def _newest(judged: Iterable[_Judged]) -> list[_Judged]:
    return sorted(islice(judged, _LOOKED_AT), key=lambda one: (one.at, one.run.id), reverse=True)


def _age(run: Execution, asked: Question) -> timedelta:
    assert run.started_at is not None
    return max((run.completed_at or asked.now) - run.started_at, timedelta(0))
