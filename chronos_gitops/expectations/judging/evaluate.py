"""The state of every expectation of a job: a pure function of the job, its ticks, its rows, its pauses and the time.

So every runner says the same, also after a restart, and earlier looks change nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from chronos_gitops.engine.model import Pause
from chronos_gitops.expectations.judging import by_run, by_tick
from chronos_gitops.expectations.judging.state import (
    Expectation,
    ExpectationState,
    Judge,
    Question,
    RunHistory,
    is_in,
    is_operators,
)
from chronos_gitops.expectations.judging.success_every import success_every
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.expect import ExpectationKind

_JUDGES: Final[Mapping[ExpectationKind, Judge]] = {
    ExpectationKind.START_WITHIN: by_tick.start_within,
    ExpectationKind.MAX_DURATION: by_run.max_duration,
    ExpectationKind.MIN_DURATION: by_run.min_duration,
    ExpectationKind.FINISH_BY: by_tick.finish_by,
    ExpectationKind.SUCCESS_EVERY: success_every,
}


def evaluate(
    job: Job,
    runs: RunHistory,
    pauses: Sequence[Pause],
    since: Mapping[ExpectationKind, datetime],
    now: datetime,
    *,
    count_to: int = 1,
) -> tuple[Expectation, ...]:
    """``since`` is from when each limit counts, now where there is none; a later one was set by a clock that was ahead.
    ``pauses`` are all since the earliest of them, with their ends."""
    limits = {} if job.expect is None else job.expect.limits()
    known = [pause for pause in pauses if pause.at <= now]
    found = []
    for kind, limit in limits.items():
        begins = _since(min(since.get(kind, now), now), known, now)
        asked = Question(kind, limit, job, runs, known, begins, now, count_to)
        found.append(asked.answer(ExpectationState.OFF) if _is_off(asked) else _JUDGES[kind](asked))
    return tuple(found)


def _since(since: datetime, pauses: Sequence[Pause], now: datetime) -> datetime:
    """An operator's pause that is over begins everything anew."""
    ends = [pause.until for pause in pauses if is_operators(pause) and pause.until is not None and pause.until <= now]
    return max([since, *ends])


def _is_off(asked: Question) -> bool:
    """The guard's pause leaves ``success_every`` on, because no person chose it."""
    is_patient = asked.kind is ExpectationKind.SUCCESS_EVERY
    holding = [pause for pause in asked.pauses if is_in(pause, asked.now)]
    is_paused = any(is_operators(pause) or not is_patient for pause in holding)
    return not asked.job.enabled or is_paused or (is_patient and asked.job.timing.ended(asked.now))
