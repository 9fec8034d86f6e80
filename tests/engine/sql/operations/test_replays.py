"""Replays on both databases: keys, order, restarts after each item, and ticks that fall beside them."""

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.clock import HandClock
from harness.engine_harness import NOON, Bench, Seen, eventually, jobset
from harness.engines import on_postgres, on_sqlite

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status, Trigger
from chronos_gitops.engine.operations.replays import Replay, ReplayItem, ReplayState, ReplayUnderWay
from chronos_gitops.errors import NotFoundError

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
JOB = "daily-backup"
EVERYTHING = ExecutionQuery(job=JOB, limit=10_000)


@pytest.fixture(params=["sqlite", "postgres"])
def bench(request: pytest.FixtureRequest, data_folder: Path, receiver: Receiver, seen: Seen) -> Iterator[Bench]:
    is_sqlite = request.param == "sqlite"
    maker = on_sqlite(data_folder / "ledger.db") if is_sqlite else on_postgres(request.getfixturevalue("postgres_url"))
    bench = Bench(maker, receiver, HandClock(NOON), seen)
    yield bench
    bench.stop_all()


def of_ticks(engine: Engine, ticks: list[datetime], **fields: Any) -> Replay:
    items = tuple(ReplayItem(tick, engine.tick_id(JOB, tick), engine.tick_id(JOB, tick)) for tick in ticks)
    return Replay(str(uuid.uuid4()), JOB, "ada", "the target was down", NOON, items=items, **fields)


def last(count: int) -> list[datetime]:
    return [NOON - number * MINUTE for number in range(count, 0, -1)]


def over(engine: Engine, replay: Replay) -> Replay:
    eventually(lambda: engine.replay_of_id(replay.id).state is not ReplayState.RUNNING)
    return engine.replay_of_id(replay.id)


def replayed(engine: Engine) -> list[Execution]:
    rows = [row for row in engine.executions(EVERYTHING) if row.trigger is Trigger.REPLAY]
    return sorted(rows, key=lambda row: row.created_at or NOON)


def test_runs_each_once_oldest_first_with_the_key_of_its_tick(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule="@yearly"))
    ticks = last(5)
    replay = of_ticks(engine, ticks)
    engine.replay(replay)
    engine.replay(replay)  # said again
    done = over(engine, replay)
    assert (done.state, [item.status for item in done.items]) == (ReplayState.DONE, [Status.SUCCESS] * 5)
    rows = [engine.execution(item.execution or "").execution for item in done.items]
    assert [row.scheduled_time for row in rows] == ticks
    for row, tick in zip(rows, ticks, strict=True):
        key = engine.tick_id(JOB, tick)
        assert (row.trigger, row.replay, row.replay_of, row.idempotency_key) == (Trigger.REPLAY, replay.id, key, key)
        assert row.id != key
    sent = [(header(seen, "Idempotency-Key"), seen.execution_id) for seen in bench.receiver.requests]
    assert sent == [(row.idempotency_key, row.id) for row in rows]
    assert [row for row in engine.ticks(JOB, ticks[0], ticks[-1]) if row.trigger is Trigger.REPLAY] == []


def test_a_failed_item_does_not_stop_the_rest(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule="@yearly", path="/status/404"))
    replay = of_ticks(engine, last(3))
    engine.replay(replay)
    done = over(engine, replay)
    assert [item.status for item in done.items] == [Status.FAILED] * 3


def test_one_at_a_time_and_cancel(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule="@yearly", path="/hold/answer", concurrency="allow"))
    replay = of_ticks(engine, last(3))
    engine.replay(replay)
    assert bench.receiver.wait_for(1, 30)
    with pytest.raises(ReplayUnderWay):
        engine.replay(of_ticks(engine, last(1)))
    assert engine.cancel_replay(replay.id).state is ReplayState.CANCELLED
    bench.receiver.release("answer")
    bench.seen.wait(1)
    assert [item.status for item in engine.replay_of_id(replay.id).items] == [Status.SUCCESS, None, None]
    assert len(bench.receiver.requests) == 1
    with pytest.raises(NotFoundError):
        engine.replay_of_id("nothing")


def test_starts_are_paced(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule="@yearly"))
    replay = of_ticks(engine, last(3), pace=10 * SECOND)
    engine.replay(replay)
    bench.seen.wait(1)
    assert len(replayed(engine)) == 1
    for count in (2, 3):
        bench.clock.turn(10 * SECOND)
        bench.seen.wait(count)
        assert len(replayed(engine)) == count


def test_a_row_for_many_keeps_the_job_whose_ticks_they_were(bench: Bench) -> None:
    engine = bench.after_outage(bench.job(schedule="*/5 * * * *", missed_run_policy="ignore"), 10 * MINUTE * 6)
    [row] = eventually(lambda: engine.executions(EVERYTHING))
    assert (row.reason, row.count) == ("missed", 12)
    job = engine.execution(row.id).job
    assert job is not None
    assert row.range_start is not None
    assert job.timing.count(row.range_start - SECOND, row.scheduled_time) == 12


@pytest.mark.parametrize("how", ["paused", "disabled"])
def test_goes_on_while_the_job_is(bench: Bench, how: str) -> None:
    engine = bench.start(bench.job(schedule="@yearly", enabled=how != "disabled"))
    if how == "paused":
        engine.pause(JOB, reason="work", by="ada")
    replay = of_ticks(engine, last(3))
    engine.replay(replay)
    assert over(engine, replay).state is ReplayState.DONE


def test_a_deleted_job_ends_it(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule="@yearly", path="/hold/answer"))
    replay = of_ticks(engine, last(3))
    engine.replay(replay)
    assert bench.receiver.wait_for(1, 30)
    engine.apply(replace(jobset(), revision="d" * 40))
    bench.receiver.release("answer")
    assert over(engine, replay).state is ReplayState.CANCELLED
    assert len(bench.receiver.requests) == 1


@pytest.mark.parametrize("path", ["/ok", "/hold/answer"])
def test_a_restart_after_or_in_each_item_repeats_none(bench: Bench, path: str) -> None:
    """Without grace: what is under way is cut off, and goes on as the same execution."""
    job = bench.job(schedule="@yearly", path=path)
    engine = bench.start(job)
    replay = of_ticks(engine, last(6), pace=10 * SECOND)
    engine.replay(replay)
    for number in range(1, 7):
        eventually(lambda number=number: bench.receiver.wait_for(number, 1))
        if path == "/ok":
            bench.seen.wait(number)
        bench.stop(engine)
        engine = bench.start(job)
        bench.clock.turn(10 * SECOND)
        if number == 2:
            bench.receiver.release("answer")
    eventually(lambda: bench.clock.turn(SECOND) or engine.replay_of_id(replay.id).state is ReplayState.DONE)
    done = over(engine, replay)
    assert [item.status for item in done.items] == [Status.SUCCESS] * 6
    assert Counter(row.scheduled_time for row in replayed(engine)) == Counter(last(6))


@pytest.mark.parametrize("concurrency", ["forbid", "replace", "allow", "queue"])
def test_a_tick_never_loses_to_it(bench: Bench, concurrency: str) -> None:
    """The item hangs while ticks fall: each of them runs, and before the next item."""
    engine = bench.start(bench.job(schedule="*/10 * * * * *", path="/hold/answer", concurrency=concurrency))
    replay = of_ticks(engine, last(2))
    engine.replay(replay)
    assert bench.receiver.wait_for(1, 30)
    ticks = [NOON + number * 10 * SECOND for number in (1, 2, 3)]
    for tick in ticks:
        bench.clock.turn(10 * SECOND)
        eventually(lambda tick=tick: engine.ticks(JOB, tick, tick))
        [row] = engine.ticks(JOB, tick, tick)
        assert (row.status.is_final, row.reason) == (False, None)
    assert [item.status for item in engine.replay_of_id(replay.id).items] == [Status.RUNNING, None]
    bench.receiver.release("answer")
    done = over(engine, replay)
    assert [item.status for item in done.items] == [Status.SUCCESS] * 2
    assert [row.status for row in engine.ticks(JOB, ticks[0], ticks[-1])] == [Status.SUCCESS] * 3
    order = [header(seen, "X-Chronos-Scheduled-Time") for seen in bench.receiver.requests]
    assert sorted(order[1:4]) == [f"2026-03-02T12:00:{second}Z" for second in (10, 20, 30)]


@pytest.mark.parametrize("concurrency", ["forbid", "replace", "allow", "queue"])
def test_a_tick_each_second_beside_a_long_one(bench: Bench, concurrency: str) -> None:
    engine = bench.start(bench.job(schedule="* * * * * *", concurrency=concurrency))
    replay = of_ticks(engine, last(100))
    engine.replay(replay)
    for number in range(1, 31):
        bench.clock.turn(SECOND)
        tick = NOON + number * SECOND
        eventually(lambda tick=tick: [row.status.is_final for row in engine.ticks(JOB, tick, tick)] == [True])
    done = over(engine, replay)
    assert [item.status for item in done.items] == [Status.SUCCESS] * 100
    rows = bench_ticks(engine)
    assert len(rows) == 30
    assert {row.status for row in rows} == {Status.SUCCESS}


def header(seen: Any, name: str) -> str:
    return str(dict(seen.headers)[name])


def bench_ticks(engine: Engine) -> list[Execution]:
    since, until = NOON + SECOND, NOON + 30 * SECOND
    eventually(lambda: all(row.status.is_final for row in engine.ticks(JOB, since, until)))
    return list(engine.ticks(JOB, since, until))
