"""Each expectation beside a model of a few lines, over random rows and instants."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from harness.listed_runs import ListedRuns
from harness.machine.seeds import seeded

from chronos_gitops.engine.model import Execution, Status, Trigger
from chronos_gitops.expectations.judging.evaluate import evaluate
from chronos_gitops.expectations.judging.state import ExpectationState
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.expect import ExpectationKind

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOURS = 30
LIMITS = {
    "start_within": "5m",
    "max_duration": "20m",
    "min_duration": "2m",
    "finish_by": "06:00",
    "success_every": "150m",
}
LOOKS = 25


class Past:
    """Rows of ticks as a story without a scheduler: begin, end and outcome are drawn for each."""

    def __init__(self, random: Random) -> None:
        schedule = random.choice(["0 * * * *", "*/20 * * * *", "0 2 * * *", "30 5,6 * * *"])
        document: dict[str, Any] = {"name": "a", "schedule": schedule, "enabled": True, "expect": LIMITS}
        self.job = Job.from_document(document | {"webhook": {"url": "http://x.example"}})
        self.ticks = list(self.job.timing.between(SINCE, SINCE + HOURS * 60 * MINUTE))
        self.rows = [self.row(random, tick) for tick in self.ticks if random.random() < 0.9]

    def row(self, random: Random, tick: datetime) -> Execution:
        began = tick + random.choice([0, 1, 5, 6, 15]) * MINUTE
        ended = began + random.choice([1, 2, 3, 19, 20, 21, 40]) * MINUTE
        status = random.choice([Status.SUCCESS, Status.SUCCESS, Status.FAILED])
        made = Execution(tick.isoformat(), "a", tick, Trigger.SCHEDULE, status, created_at=tick)
        return _with(made, started_at=began, completed_at=ended)

    def at(self, now: datetime) -> list[Execution]:
        known = [row for row in self.rows if row.scheduled_time <= now]
        return [_as_of(row, now) for row in known]


def _with(row: Execution, **fields: Any) -> Execution:
    return Execution(**{name: getattr(row, name) for name in row.__slots__} | fields)


def _as_of(row: Execution, now: datetime) -> Execution:
    assert row.started_at is not None
    assert row.completed_at is not None
    if row.started_at > now:
        return _with(row, status=Status.PENDING, started_at=None, completed_at=None)
    return row if row.completed_at <= now else _with(row, status=Status.RUNNING, completed_at=None)


def broken(past: Past, now: datetime) -> set[str]:
    """The model: what each limit says, word by word."""
    seen = past.at(now)
    begun = [row for row in seen if row.started_at is not None]
    wins = [row for row in begun if row.status is Status.SUCCESS]
    found = set()

    starts = {row.scheduled_time: row.started_at for row in begun}
    due = {tick: tick + 5 * MINUTE for tick in past.ticks if tick <= now}
    in_time = {tick: tick in starts and starts[tick] <= due[tick] for tick in due}
    judged = [tick for tick in due if in_time[tick] or due[tick] <= now]
    if judged and not in_time[max(judged)]:
        found.add("start_within")

    decided = []
    for row in begun:
        limit = row.started_at + 20 * MINUTE
        if (row.completed_at or now + (not row.completed_at and now >= limit) * MINUTE) > limit:
            decided.append((row.completed_at is None, limit, row.id, True))
        elif row.status is Status.SUCCESS:
            decided.append((False, row.completed_at, row.id, False))
    if decided and max(decided)[3]:  # of two at one instant the later id decides
        found.add("max_duration")

    if wins:
        last = max(wins, key=lambda row: (row.completed_at, row.id))
        if last.completed_at - last.started_at < 2 * MINUTE:
            found.add("min_duration")

    if now - max([SINCE, *(row.completed_at for row in wins)]) >= 150 * MINUTE:
        found.add("success_every")

    overdue = [tick for tick in past.ticks if deadline(tick) <= now]
    if overdue and not any(row.started_at >= overdue[-1] for row in wins):
        found.add("finish_by")
    return found


def deadline(tick: datetime) -> datetime:
    at = tick.replace(hour=6, minute=0)
    return at if at > tick else at + timedelta(days=1)


def looks(case: int, count: int) -> set[tuple[str, bool]]:
    """Compares at random instants and at the edges of rows, and answers what was seen."""
    random = seeded(case)
    past = Past(random)
    edges = [at for row in past.rows for at in (row.started_at, row.completed_at) if at is not None]
    since, seen = dict.fromkeys(ExpectationKind, SINCE), set()
    for _ in range(count):
        now = random.choice([*random.sample(edges, min(3, len(edges))), SINCE + random.randrange(HOURS * 60) * MINUTE])
        now = min(now, SINCE + HOURS * 60 * MINUTE)  # ticks are known up to there
        told = evaluate(past.job, ListedRuns(past.at(now), now), (), since, now)
        states = {one.kind.value for one in told if one.state is ExpectationState.BROKEN}
        assert states == broken(past, now), (case, now)
        seen |= {(name, name in states) for name in LIMITS}
    return seen


@pytest.mark.parametrize("case", range(40))
def test_every_expectation_is_broken_when_the_model_says_so(case: int) -> None:
    looks(case, LOOKS)


def test_the_model_sees_each_expectation_kept_and_broken() -> None:
    seen = set().union(*(looks(case, LOOKS) for case in range(12)))
    assert seen == {(name, is_broken) for name in LIMITS for is_broken in (True, False)}
