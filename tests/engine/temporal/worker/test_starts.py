"""Executions that a decision starts itself: the decision may be lost with its runner, and is made again then."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from harness.engine_harness import Bench, eventually, jobset
from harness.programs.temporal import run, sleep_since
from temporalio.client import Client

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status
from chronos_gitops.engine.temporal.worker import starts
from chronos_gitops.engine.temporal.workflows.messages import Order, Situation, TimetableOrders

SECOND = timedelta(seconds=1)


class Lost:
    """Decisions that fail after what they have started, as when their runner is killed there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.left = times
        real = starts.begin

        async def begin(situation: Situation, verdict: TimetableOrders) -> TimetableOrders:
            decided = await real(situation, verdict)
            if decided.started and self.left > 0:
                self.left -= 1
                raise RuntimeError("the runner was killed")
            return decided

        monkeypatch.setattr(starts, "begin", begin)


@pytest.mark.parametrize("concurrency", ["allow", "forbid"])
def test_a_decision_that_is_lost_after_a_start_doubles_nothing_and_misses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, concurrency: str
) -> None:
    lost = Lost(monkeypatch, 2)
    engine = bench.start(bench.job(schedule="@every 1s", concurrency=concurrency))
    bench.seen.wait_until(lambda: not lost.left and len(bench.seen.ended) >= 6, 60)
    engine.pause("daily-backup", reason="seen enough", by="ada")
    sent = [request.execution_id for request in bench.receiver.requests]
    assert len(set(sent)) == len(sent)
    assert is_complete(eventually(lambda: is_complete(rows(engine)) and rows(engine)))


def test_forbid_counts_what_a_lost_decision_has_started(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when other scheduled times are due together with it by then, so that the timetable starts none itself."""
    lost = Lost(monkeypatch, 1)
    engine = bench.start(bench.job(path="/hold/answer", schedule="@every 1s"))
    bench.seen.wait_until(lambda: not lost.left and len(bench.seen.ended) >= 5, 60)
    assert {row.reason for row in bench.seen.ended} == {"overlap"}
    assert len(bench.receiver.requests) == 1
    engine.pause("daily-backup", reason="seen enough", by="ada")
    bench.receiver.release("answer")


def test_a_runner_that_was_frozen_starts_nothing_itself(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another runner may have decided meanwhile, of a job that is paused by then."""
    monkeypatch.setattr(starts, "_DOUBTFUL_S", -1.0)

    async def refuse(*_: object) -> None:
        raise AssertionError("it has started an execution")

    monkeypatch.setattr(starts, "_start", refuse)
    bench.start(bench.job(schedule="@every 1s", concurrency="allow"))
    assert {row.status for row in bench.seen.wait(3)} == {Status.SUCCESS}


def test_a_pause_after_a_lost_decision_counts_the_execution_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, client: Callable[[], Any]
) -> None:
    """It has run, so it is no scheduled time that the pause has made the job miss."""
    del client
    lost = Lost(monkeypatch, 1)
    engine = bench.start(bench.job(schedule="@every 2s", missed_run_policy="ignore"))
    bench.seen.wait(1)
    eventually(lambda: not lost.left)
    engine.pause("daily-backup", reason="the move", by="ada")
    [first] = bench.seen.wait(1)[:1]
    eventually(lambda: datetime.now(UTC) - first.scheduled_time > 5 * SECOND)
    engine.resume("daily-backup")
    bench.seen.wait(3)
    engine.pause("daily-backup", reason="seen enough", by="ada")
    found = eventually(lambda: is_complete(rows(engine), 2 * SECOND) and rows(engine))
    assert [row.status for row in found if row.id == first.id] == [Status.SUCCESS]


def test_what_is_started_already_when_an_outage_ends_is_not_missed(bench: Bench, client: Callable[[], Any]) -> None:
    """A decision was lost with its runner, and no other one was there for a while."""
    job = bench.job(schedule="* * * * *", missed_run_policy="ignore", concurrency="allow")
    since = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5, seconds=30)
    begun: list[str] = []

    async def asleep() -> None:
        found: Client = await client()
        await sleep_since(found, jobset(job).definitions[job.name], since)

    run(asleep())
    real = starts._is_there

    async def is_there(execution_id: str) -> bool:
        if not begun:
            begun.append(execution_id)
            return True
        return await real(execution_id)

    starts._is_there, restore = is_there, real
    try:
        engine = bench.start(job)
        missed = eventually(lambda: [row for row in rows(engine) if row.status is Status.SKIPPED], 60)
    finally:
        starts._is_there = restore
    assert missed[0].range_start == since.replace(second=0) + timedelta(minutes=2)


def test_an_order_that_waits_for_a_turn_or_has_an_end_is_left_to_the_timetable() -> None:
    row = {"id": "a", "trigger": "schedule", "status": "pending"}
    assert starts._is_plain(Order(row))
    assert not starts._is_plain(Order(row, not_before=1))
    assert not starts._is_plain(Order(row | {"trigger": "catchup"}))
    assert not starts._is_plain(Order(row | {"status": "skipped"}))


def rows(engine: Engine) -> list[Execution]:
    return list(engine.executions(ExecutionQuery(job="daily-backup", limit=1000)))


def is_complete(found: list[Execution], each: timedelta = SECOND) -> bool:
    """Every scheduled time between the first and the last has one row."""
    ticks = []
    for row in found:
        first = row.range_start or row.scheduled_time
        ticks += [first + number * each for number in range(round((row.scheduled_time - first) / each) + 1)]
    ticks.sort()
    return bool(ticks) and all(later - earlier == each for earlier, later in itertools.pairwise(ticks))
