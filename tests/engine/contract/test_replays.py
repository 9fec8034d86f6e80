"""Replays on each engine: keys, order, restarts after each item, and ticks that fall beside them."""

import itertools
import uuid
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from harness.clock import HandClock
from harness.engine_harness import Bench, eventually, jobset

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Reason, Status, Trigger
from chronos_gitops.engine.operations.replays import Replay, ReplayEnd, ReplayItem, ReplayState, ReplayUnderWay
from chronos_gitops.engine.ticks.overlap import MAX_WAIT_BEHIND_REPLAY
from chronos_gitops.errors import NotFoundError
from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.schedule.calendars import parser

pytestmark = pytest.mark.timeout(300)  # a server's clock, on a slow machine
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
JOB = "daily-backup"
NEVER = "@yearly"
EVERYTHING = ExecutionQuery(job=JOB, limit=10_000)
PATIENCE = 120.0


def of_ticks(bench: Bench, engine: Engine, ticks: list[datetime], **fields: Any) -> Replay:
    items = tuple(ReplayItem(tick, engine.tick_id(JOB, tick), engine.tick_id(JOB, tick)) for tick in ticks)
    now = bench.clock.now().replace(microsecond=0)
    return Replay(str(uuid.uuid4()), JOB, "ada", "the target was down", now, items=items, **fields)


def last(bench: Bench, count: int) -> list[datetime]:
    end = bench.clock.now().replace(microsecond=0) - HOUR
    return [end - number * MINUTE for number in range(count, 0, -1)]


def over(engine: Engine, replay: Replay) -> Replay:
    eventually(lambda: engine.replay_of_id(replay.id).state is not ReplayState.RUNNING, PATIENCE)
    return engine.replay_of_id(replay.id)


def become(engine: Engine, replay: Replay, *statuses: Status | None) -> None:
    """The rows of a server's list follow a moment after."""
    eventually(lambda: [item.status for item in engine.replay_of_id(replay.id).items] == list(statuses), PATIENCE)


def replayed(engine: Engine) -> list[Execution]:
    rows = [row for row in engine.executions(EVERYTHING) if row.trigger is Trigger.REPLAY]
    return sorted(rows, key=lambda row: (row.created_at, row.scheduled_time))


def header(seen: Any, name: str) -> str:
    return str(dict(seen.headers)[name])


def test_runs_each_once_oldest_first_with_the_key_of_its_tick(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=NEVER))
    ticks = last(bench, 5)
    replay = of_ticks(bench, engine, ticks)
    engine.replay(replay)
    engine.replay(replay)  # said again
    done = over(engine, replay)
    engine.replay(replay)
    become(engine, replay, *[Status.SUCCESS] * 5)
    assert done.state is ReplayState.DONE
    assert replace(done, items=(), state=replay.state, ended_at=None) == replace(replay, items=())
    assert done.ended_at is not None
    rows = [engine.execution(item.execution or "").execution for item in done.items]
    assert [row.scheduled_time for row in rows] == ticks
    for row, tick in zip(rows, ticks, strict=True):
        key = engine.tick_id(JOB, tick)
        assert (row.trigger, row.replay, row.replay_of, row.idempotency_key) == (Trigger.REPLAY, replay.id, key, key)
        assert row.id != key
    sent = [(header(seen, "Idempotency-Key"), seen.execution_id) for seen in bench.receiver.requests]
    assert sent == [(row.idempotency_key, row.id) for row in rows]
    assert [row for row in engine.ticks(JOB, ticks[0], ticks[-1]) if row.trigger is Trigger.REPLAY] == []
    bench.seen.wait_until(lambda: bool(bench.seen.replays))
    assert bench.seen.replays == [ReplayEnd(replay.id, JOB, "ada", ReplayState.DONE, begun=5, total=5)]


def test_a_new_key_is_that_of_the_new_execution(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=NEVER))
    replay = of_ticks(bench, engine, last(bench, 1))
    replay = replace(replay, items=(replace(replay.items[0], key=None),))
    engine.replay(replay)
    [item] = over(engine, replay).items
    assert item.key is None
    [seen] = bench.receiver.requests
    assert header(seen, "Idempotency-Key") == item.execution


def test_more_than_a_batch(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=NEVER))
    ticks = last(bench, 30)
    replay = of_ticks(bench, engine, ticks)
    engine.replay(replay)
    assert over(engine, replay).state is ReplayState.DONE
    assert [header(seen, "X-Chronos-Scheduled-Time") for seen in bench.receiver.requests] == [
        tick.strftime("%Y-%m-%dT%H:%M:%SZ") for tick in ticks
    ]


def test_a_failed_item_does_not_stop_the_rest(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=NEVER, path="/status/404"))
    replay = of_ticks(bench, engine, last(bench, 3))
    engine.replay(replay)
    assert over(engine, replay).state is ReplayState.DONE
    become(engine, replay, *[Status.FAILED] * 3)


def test_one_at_a_time_and_cancel(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=NEVER, path="/hold/answer", concurrency="allow"))
    replay = of_ticks(bench, engine, last(bench, 3))
    engine.replay(replay)
    assert bench.receiver.wait_for(1, 30)
    other = of_ticks(bench, engine, last(bench, 1))
    with pytest.raises(ReplayUnderWay):
        engine.replay(other)
    with pytest.raises(NotFoundError):
        engine.replay_of_id(other.id)
    for _ in range(2):
        assert engine.cancel_replay(replay.id).state is ReplayState.CANCELLED
    bench.receiver.release("answer")
    become(engine, replay, Status.SUCCESS, None, None)
    engine.replay(other)
    assert over(engine, other).state is ReplayState.DONE
    become(engine, replay, Status.SUCCESS, None, None)
    assert len(bench.receiver.requests) == 2
    bench.seen.wait_until(lambda: len(bench.seen.replays) == 2)
    assert sorted((end.state, end.begun, end.total) for end in bench.seen.replays) == [
        (ReplayState.CANCELLED, 1, 3),
        (ReplayState.DONE, 1, 1),
    ]
    for call in (engine.replay_of_id, engine.cancel_replay):
        with pytest.raises(NotFoundError):
            call("nothing")
        with pytest.raises(NotFoundError):
            call(str(uuid.uuid4()))


def test_starts_are_paced(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=NEVER))
    replay = of_ticks(bench, engine, last(bench, 3), pace=2 * SECOND)
    engine.replay(replay)
    for count in (1, 2, 3):
        bench.seen.wait(count)
        assert len(bench.receiver.requests) == count
        bench.clock.turn(2 * SECOND)
    assert over(engine, replay).state is ReplayState.DONE
    begun = [row.created_at for row in replayed(engine) if row.created_at is not None]
    assert min(after - before for before, after in itertools.pairwise(begun)) >= 2 * SECOND


def test_a_row_for_many_keeps_the_job_whose_ticks_they_were(bench: Bench) -> None:
    engine = bench.after_outage(bench.job(schedule="*/5 * * * *", missed_run_policy="ignore"), HOUR)
    [row] = eventually(lambda: engine.executions(EVERYTHING))
    assert (row.reason, row.count) in (("missed", 12), ("missed", 13))
    job = engine.execution(row.id).job
    assert job is not None
    assert row.range_start is not None
    assert job.timing.count(row.range_start - SECOND, row.scheduled_time) == row.count


@pytest.mark.parametrize("how", ["paused", "disabled"])
def test_goes_on_while_the_job_is(bench: Bench, how: str) -> None:
    engine = bench.start(bench.job(schedule=NEVER, enabled=how != "disabled"))
    if how == "paused":
        engine.pause(JOB, reason="work", by="ada")
    replay = of_ticks(bench, engine, last(bench, 3))
    engine.replay(replay)
    assert over(engine, replay).state is ReplayState.DONE


def test_goes_on_in_closed_time(bench: Bench) -> None:
    today = bench.clock.now().date()
    entry = {"from": f"{today - timedelta(days=2)}", "to": f"{today + timedelta(days=2)}", "reason": "works"}
    calendar = parser.parse("works", {"closed": [entry]}, lambda _: 2)
    calendars = CalendarSet.in_force({"works": CalendarFile("works", "jobs/_calendars/works.yaml", "a", calendar)})
    job = bound(bench.job(schedule="0 * * * *", skip=["works"]), "jobs/daily-backup.yaml", None, calendars)
    engine = bench.start()
    engine.apply(JobSet.of("a" * 40, jobset(job), calendars))
    replay = of_ticks(bench, engine, last(bench, 3))
    engine.replay(replay)
    assert over(engine, replay).state is ReplayState.DONE
    become(engine, replay, *[Status.SUCCESS] * 3)


@pytest.mark.parametrize("concurrency", ["forbid", "replace", "allow", "queue"])
def test_an_item_waits_for_the_end_of_what_was_triggered(bench: Bench, concurrency: str) -> None:
    engine = bench.start(bench.job(schedule=NEVER, path="/hold/answer", concurrency=concurrency))
    manual = engine.trigger(JOB)
    assert bench.receiver.wait_for(1, 30)
    replay = of_ticks(bench, engine, last(bench, 1))
    engine.replay(replay)
    bench.clock.turn(3 * SECOND)
    assert [item.execution for item in engine.replay_of_id(replay.id).items] == [None]
    assert len(bench.receiver.requests) == 1
    bench.receiver.release("answer")
    assert over(engine, replay).state is ReplayState.DONE
    rows = [engine.execution(manual.id).execution, *replayed(engine)]
    assert [row.status for row in rows] == [Status.SUCCESS] * 2
    assert rows[0].completed_at is not None
    assert rows[1].created_at is not None
    assert rows[1].created_at >= rows[0].completed_at


def test_a_deleted_job_ends_it(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=NEVER, path="/hold/answer"))
    replay = of_ticks(bench, engine, last(bench, 3))
    engine.replay(replay)
    assert bench.receiver.wait_for(1, 30)
    engine.apply(replace(jobset(), revision="d" * 40))
    bench.receiver.release("answer")
    assert over(engine, replay).state is ReplayState.CANCELLED
    bench.seen.wait(1)
    assert len(bench.receiver.requests) == 1


def test_runs_the_job_as_it_is_by_then(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=NEVER, path="/hold/answer"))
    replay = of_ticks(bench, engine, last(bench, 2))
    engine.replay(replay)
    assert bench.receiver.wait_for(1, 30)
    engine.apply(jobset(bench.job(schedule=NEVER, path="/status/404"), version=2))
    bench.receiver.release("answer")
    over(engine, replay)
    become(engine, replay, Status.SUCCESS, Status.FAILED)
    assert [row.version for row in replayed(engine)] == [1, 2]


@pytest.mark.parametrize("path", ["/ok", "/hold/answer"])
def test_a_restart_after_or_in_each_item_repeats_none(bench: Bench, path: str) -> None:
    """Without grace: what is under way is cut off, and goes on as the same execution."""
    job, count = bench.job(schedule=NEVER, path=path), 4
    engine = bench.start(job)
    ticks = last(bench, count)
    replay = of_ticks(bench, engine, ticks, pace=SECOND)
    engine.replay(replay)
    for number in range(1, count + 1):
        eventually(lambda number=number: bench.receiver.wait_for(number, 1), PATIENCE)
        if path == "/ok":
            bench.seen.wait(number)
        bench.stop(engine)
        engine = bench.start(job)
        bench.clock.turn(SECOND)
        if number == 2:
            bench.receiver.release("answer")
    eventually(
        lambda: bench.clock.turn(SECOND) or engine.replay_of_id(replay.id).state is ReplayState.DONE,
        PATIENCE,
    )
    become(engine, replay, *[Status.SUCCESS] * count)
    assert Counter(row.scheduled_time for row in replayed(engine)) == Counter(ticks)


@pytest.mark.parametrize("concurrency", ["forbid", "replace", "allow", "queue"])
def test_a_tick_never_loses_to_it(bench: Bench, concurrency: str) -> None:
    """The item hangs while ticks fall: each of them runs, and before the next item."""
    fields = {"path": "/hold/answer", "concurrency": concurrency}
    engine = bench.start(bench.job(schedule=NEVER, **fields))
    items = last(bench, 2)
    replay = of_ticks(bench, engine, items)
    engine.replay(replay)
    assert bench.receiver.wait_for(1, 30)
    since = bench.clock.now()
    engine.apply(jobset(bench.job(schedule="* * * * * *", **fields), version=2))

    def fallen() -> list[Execution]:
        return list(engine.ticks(JOB, since, bench.clock.now()))[:3]

    for number in (1, 2, 3):
        bench.clock.turn(SECOND)
        eventually(lambda number=number: len(fallen()) >= number)
    assert [(row.status.is_final, row.reason) for row in fallen()] == [(False, None)] * 3
    become(engine, replay, Status.RUNNING, None)
    engine.apply(jobset(bench.job(schedule=NEVER, **fields), version=3))
    bench.receiver.release("answer")
    assert over(engine, replay).state is ReplayState.DONE
    become(engine, replay, *[Status.SUCCESS] * 2)
    eventually(lambda: [row.status for row in fallen()] == [Status.SUCCESS] * 3)
    order = [header(seen, "X-Chronos-Scheduled-Time") for seen in bench.receiver.requests]
    first, second = (order.index(at.strftime("%Y-%m-%dT%H:%M:%SZ")) for at in items)
    assert first == 0
    ticks = [order.index(row.scheduled_time.strftime("%Y-%m-%dT%H:%M:%SZ")) for row in fallen()]
    assert max(ticks) < second


@pytest.mark.parametrize("concurrency", ["forbid", "replace"])
def test_a_tick_that_an_item_held_up_costs_the_next_one_nothing(bench: Bench, concurrency: str) -> None:
    """It runs late and alone: the next one falls on it, which it would not have done without the replay."""
    engine = bench.start(bench.job(schedule=NEVER, path="/hold/item", concurrency=concurrency))
    replay = of_ticks(bench, engine, last(bench, 2))
    engine.replay(replay)
    assert bench.receiver.wait_for(1, 30)
    since = bench.clock.now()
    often = bench.job(schedule="* * * * * *", path="/hold/tick", concurrency=concurrency)
    engine.apply(jobset(often, version=2))

    def fallen() -> list[Execution]:
        return list(engine.ticks(JOB, since, bench.clock.now()))[:2]

    bench.clock.turn(SECOND)
    eventually(fallen, PATIENCE)
    bench.receiver.release("item")
    assert bench.receiver.wait_for(2, 30)
    bench.clock.turn(SECOND)
    eventually(lambda: len(fallen()) == 2, PATIENCE)
    assert [row.reason for row in fallen()] == [None, None]
    engine.apply(jobset(bench.job(schedule=NEVER, path="/ok", concurrency=concurrency), version=3))
    bench.receiver.release("tick")
    eventually(lambda: [(row.status, row.reason) for row in fallen()] == [(Status.SUCCESS, None)] * 2, PATIENCE)
    assert over(engine, replay).state is ReplayState.DONE


@pytest.mark.parametrize("concurrency", ["forbid", "replace", "allow", "queue"])
def test_no_tick_waits_for_it_without_limit(bench: Bench, concurrency: str) -> None:
    """The item hangs for longer than ticks wait for it: later ones meet the rule of the job, which spares the item."""
    fields = {"path": "/hold/answer", "concurrency": concurrency}
    engine = bench.start(bench.job(schedule=NEVER, **fields))
    replay = of_ticks(bench, engine, last(bench, 2))
    engine.replay(replay)
    assert bench.receiver.wait_for(1, 30)
    since, waiting, waits = bench.clock.now(), MAX_WAIT_BEHIND_REPLAY // SECOND, (None, None)
    engine.apply(jobset(bench.job(schedule="* * * * * *", **fields), version=2))

    def fallen() -> list[Execution]:
        """Without what the edit at the end finds owed."""
        return [row for row in engine.ticks(JOB, since, bench.clock.now()) if row.reason != Reason.MISSED]

    def expected(count: int) -> list[tuple[Status | None, str | None]]:
        """With ``replace`` each that comes too late for the oldest takes the place of all that wait. A server's own
        clock goes on while a slow machine looks, so that may happen more than once."""
        on_time = min(count, waiting)
        last = (count - 1) // waiting * waiting
        return {
            "forbid": [*[waits] * on_time, *[(Status.SKIPPED, "overlap")] * (count - on_time)],
            "replace": [*[(Status.CANCELLED, "replaced")] * last, *[waits] * (count - last)],
        }.get(concurrency, [waits] * count)

    def is_so() -> bool:
        rows = fallen()
        found = [(row.status if row.status.is_final else None, row.reason) for row in rows]
        return len(rows) >= waiting + 2 and found == expected(len(rows))

    for number in range(1, waiting + 3):
        bench.clock.turn(SECOND)
        eventually(lambda number=number: len(fallen()) >= number, PATIENCE)
    become(engine, replay, Status.RUNNING, None)
    engine.apply(jobset(bench.job(schedule=NEVER, **fields), version=3))
    eventually(is_so, PATIENCE)
    bench.receiver.release("answer")
    assert over(engine, replay).state is ReplayState.DONE
    become(engine, replay, *[Status.SUCCESS] * 2)
    ended = [(Status.SUCCESS, None) if row is waits else row for row in expected(len(fallen()))]
    eventually(lambda: [(row.status, row.reason) for row in fallen()] == ended, PATIENCE)


@pytest.mark.parametrize("concurrency", ["forbid", "replace", "allow", "queue"])
def test_no_tick_is_lost_beside_a_long_one(bench: Bench, concurrency: str) -> None:
    """On a server's own clock ticks are far enough apart not to meet each other on a slow machine."""
    is_by_hand = isinstance(bench.clock, HandClock)
    step, count, items = (SECOND, 30, 100) if is_by_hand else (5 * SECOND, 2, 200)
    engine = bench.start(bench.job(schedule="* * * * * *" if is_by_hand else "*/5 * * * * *", concurrency=concurrency))
    replay = of_ticks(bench, engine, last(bench, items))
    engine.replay(replay)
    since = bench.clock.now()
    for number in range(1, count + 1):
        bench.clock.turn(step)
        eventually(
            lambda number=number: (
                sum(row.status.is_final for row in engine.ticks(JOB, since, bench.clock.now())) >= number
            ),
            PATIENCE,
        )
    rows = engine.ticks(JOB, since, bench.clock.now())
    assert {(row.status, row.reason) for row in rows if row.status.is_final} == {(Status.SUCCESS, None)}
    if is_by_hand:
        assert len(rows) == count
        done = over(engine, replay)
        assert [item.status for item in done.items] == [Status.SUCCESS] * items
    else:
        begun = [item for item in engine.replay_of_id(replay.id).items if item.execution]
        assert begun
        assert engine.cancel_replay(replay.id).state in (ReplayState.CANCELLED, ReplayState.DONE)
