"""The outcome of a tick that falls while an execution of its job runs."""

from datetime import timedelta
from itertools import pairwise

import pytest
from harness.engine_harness import Bench, ends_as, eventually, jobset, statuses

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status
from chronos_gitops.engine.ticks.overlap import MAX_QUEUED

SECOND = timedelta(seconds=1)
OFTEN, NEVER = "@every 1s", "@yearly"


def test_forbid_records_the_overlapping_tick_as_skipped(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule=OFTEN))
    bench.clock.turn(SECOND)
    assert bench.receiver.wait_for(1, 30)
    bench.clock.turn(SECOND)
    assert bench.seen.wait(1)[0].reason == "overlap"
    bench.receiver.release("answer")
    ends_as(engine, ("success", None), ("skipped", "overlap"))


def test_forbid_counts_retry_waits_as_running(bench: Bench) -> None:
    policy = {"initial_interval": "5m", "max_interval": "5m"}
    engine = bench.start(bench.job(path="/status/503", schedule=OFTEN, retry_policy=policy))
    bench.clock.turn(SECOND)
    assert bench.receiver.wait_for(1, 30)
    eventually(lambda: engine.running("daily-backup")[0].attempts == 1)
    count = len(bench.seen.ended)
    bench.clock.turn(SECOND)
    assert bench.seen.wait(count + 1)[-1].reason == "overlap"
    assert (len(bench.receiver.requests), len(engine.running("daily-backup"))) == (1, 1)


def test_replace_cuts_off_the_running_one_and_starts_the_new_one(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule="@every 4s", concurrency="replace"))
    bench.clock.turn(4 * SECOND)
    assert bench.receiver.wait_for(1, 30)
    bench.clock.turn(4 * SECOND)
    assert bench.receiver.wait_for(lambda receiver: len(receiver.abandoned) >= 1, 30)
    assert bench.receiver.wait_for(2, 30)
    bench.receiver.release("answer")
    bench.seen.wait_until(lambda: any(row.status is Status.SUCCESS for row in bench.seen.ended))
    ends_as(engine, ("cancelled", "replaced"))


def test_replace_keeps_the_attempt_it_cut_off(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule=NEVER, concurrency="replace"))
    first = engine.trigger("daily-backup")
    assert bench.receiver.wait_for(1, 30)
    engine.trigger("daily-backup")
    assert bench.receiver.wait_for(2, 30)
    bench.receiver.release("answer")
    bench.seen.wait(2)
    [attempt] = eventually(lambda: engine.execution(first.id).attempts)
    assert (attempt.error_class, attempt.error) == ("cancelled", "cut off: a newer execution replaced this one")


def test_allow_runs_both(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule=OFTEN, concurrency="allow"))
    bench.clock.turn(2 * SECOND)
    assert bench.receiver.wait_for(2, 30)
    eventually(lambda: len(engine.running("daily-backup")) >= 2)
    bench.receiver.release("answer")
    ends_as(engine, ("success", None), ("success", None))


def queue_behind(bench: Bench, engine: Engine, count: int) -> list[Execution]:
    """One that runs until the receiver is released, and those that wait behind it."""
    first = engine.trigger("daily-backup")
    assert bench.receiver.wait_for(1, 30)
    found = [first]
    for _ in range(count):
        bench.clock.turn(SECOND / 100)
        found.append(engine.trigger("daily-backup"))
    return found


def test_queue_runs_ticks_and_triggers_one_after_the_other_oldest_first(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule=OFTEN, concurrency="queue"))
    bench.clock.turn(SECOND)
    assert bench.receiver.wait_for(1, 30)
    bench.clock.turn(SECOND)
    eventually(lambda: len(engine.running("daily-backup")) >= 2)
    bench.clock.turn(SECOND / 10)
    engine.trigger("daily-backup")
    waiting = engine.running("daily-backup")
    assert [row.status for row in waiting[1:]] == [Status.PENDING] * (len(waiting) - 1)
    bench.receiver.release("answer")
    expected = [row.id for row in waiting]
    bench.seen.wait_until(lambda: {row.id for row in bench.seen.ended} >= set(expected))
    ended = [row for row in bench.seen.ended if row.id in expected]
    assert [(row.id, row.status) for row in ended] == [(one, Status.SUCCESS) for one in expected]
    for earlier, later in pairwise(ended):
        assert earlier.completed_at is not None
        assert later.started_at is not None
        assert later.started_at >= earlier.completed_at - timedelta(milliseconds=1)


def test_queue_takes_a_hundred_that_wait_and_skips_the_next(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule=NEVER, concurrency="queue"))
    queue_behind(bench, engine, MAX_QUEUED)
    one_too_many = engine.trigger("daily-backup")
    assert (one_too_many.status, one_too_many.reason) == (Status.SKIPPED, "overlap")
    eventually(lambda: len(engine.running("daily-backup")) == MAX_QUEUED + 1)
    bench.receiver.release("answer")
    bench.seen.wait_until(lambda: sum(row.status is Status.SUCCESS for row in bench.seen.ended) == MAX_QUEUED + 1, 120)
    assert engine.trigger("daily-backup").status is Status.PENDING


def test_queue_waits_for_retries_and_their_waits(bench: Bench) -> None:
    policy = {"max_attempts": 2, "initial_interval": "2s", "max_interval": "2s"}
    job = bench.job(path="/status/503", schedule=NEVER, concurrency="queue", retry_policy=policy)
    engine = bench.start(job)
    first, second = queue_behind(bench, engine, 1)
    eventually(lambda: engine.execution(first.id).execution.attempts == 1)
    assert engine.execution(second.id).execution.status is Status.PENDING
    bench.clock.turn(3 * SECOND)
    eventually(lambda: engine.execution(second.id).execution.attempts == 1)
    assert engine.execution(first.id).execution.status is Status.FAILED


def test_cancel_takes_one_out_of_the_queue(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule=NEVER, concurrency="queue"))
    first, second, third = queue_behind(bench, engine, 2)
    assert engine.cancel(second.id, by="ada").reason == "operator"
    bench.receiver.release("answer")
    bench.seen.wait_until(lambda: {row.id for row in bench.seen.ended} == {first.id, second.id, third.id})
    ends_as(engine, ("success", None), ("cancelled", "operator"), ("success", None))
    assert len(bench.receiver.requests) == 2


@pytest.mark.parametrize("restarts", [False, True])
def test_a_pause_lets_the_queue_wait_on(bench: Bench, restarts: bool) -> None:
    job = bench.job(path="/hold/answer", schedule=NEVER, concurrency="queue")
    engine = bench.start(job)
    first, second, third = queue_behind(bench, engine, 2)
    bench.clock.turn(SECOND / 100)
    engine.pause("daily-backup", reason="maintenance", by="ada")
    bench.receiver.release("answer")
    bench.seen.wait(1)
    eventually(lambda: statuses(engine)[0] == ("success", None))
    if restarts:
        bench.stop(engine)
        engine = bench.start(job)
    bench.clock.turn(SECOND / 100)
    by_hand = engine.trigger("daily-backup")
    bench.seen.wait_until(lambda: {row.id for row in bench.seen.ended} == {first.id, by_hand.id})
    eventually(lambda: [row.id for row in engine.running("daily-backup")] == [second.id, third.id])
    engine.resume("daily-backup")
    bench.seen.wait_until(lambda: {second.id, third.id} <= {row.id for row in bench.seen.ended})
    assert [row.id for row in bench.seen.ended[-2:]] == [second.id, third.id]


@pytest.mark.parametrize("reason", ["disabled", "deleted"])
@pytest.mark.parametrize("is_paused", [False, True])
def test_disabling_and_deleting_empty_the_queue(bench: Bench, reason: str, is_paused: bool) -> None:
    job = bench.job(path="/hold/answer", schedule=NEVER, concurrency="queue")
    engine = bench.start(job)
    first, second, third = queue_behind(bench, engine, 2)
    if is_paused:
        bench.clock.turn(SECOND / 100)
        engine.pause("daily-backup", reason="maintenance", by="ada")
    gone = bench.job(path="/hold/answer", schedule=NEVER, concurrency="queue", enabled=False)
    engine.apply(jobset(gone, version=2) if reason == "disabled" else jobset(bench.job("another"), version=2))
    bench.seen.wait_until(lambda: {second.id, third.id} <= {row.id for row in bench.seen.ended})
    assert not engine.execution(first.id).execution.status.is_final
    bench.receiver.release("answer")
    bench.seen.wait_until(lambda: first.id in {row.id for row in bench.seen.ended})
    ends_as(engine, ("success", None), ("cancelled", reason), ("cancelled", reason))
    assert len(bench.receiver.requests) == 1
    assert all(not row.attempts for row in engine.executions(ExecutionQuery(statuses=(Status.CANCELLED,))))
