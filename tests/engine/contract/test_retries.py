"""Retries: their causes, times and ids."""

import itertools
import threading
from datetime import timedelta

from harness.engine_harness import Bench, ends_as, eventually
from harness.machine.descriptors import no_descriptor

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Status

SECOND = timedelta(seconds=1)
NEVER = "@yearly"


def waits(engine: Engine, execution_id: str) -> list[float]:
    """Seconds between the starts of its attempts."""
    starts = [attempt.started_at for attempt in engine.execution(execution_id).attempts]
    return [(after - before).total_seconds() for before, after in itertools.pairwise(starts)]


def test_5xx_is_retried_under_the_same_ids_and_every_attempt_is_kept(bench: Bench) -> None:
    policy = {"initial_interval": "100ms"}
    engine = bench.start(bench.job(path="/flaky/2", schedule=NEVER, retry_policy=policy))
    engine.trigger("daily-backup")
    for count in (1, 2):
        assert bench.receiver.wait_for(count, 30)
        bench.clock.wake_sleeper(SECOND)
    [execution] = bench.seen.wait(1)
    assert (execution.status, execution.attempts) == (Status.SUCCESS, 3)
    requests = bench.receiver.requests
    assert {request.header("Idempotency-Key") for request in requests} == {execution.id}
    assert [request.header("X-Chronos-Attempt") for request in requests] == ["1", "2", "3"]
    attempts = engine.execution(execution.id).attempts
    assert [(attempt.number, attempt.status_code) for attempt in attempts] == [(1, 503), (2, 503), (3, 200)]


def test_no_wait_is_shorter_than_four_fifths_nor_longer_than_six_fifths(bench: Bench) -> None:
    """Takes 3 s in real time: the waits of the defaults."""
    engine = bench.start(bench.job(path="/flaky/2", schedule=NEVER))
    execution = engine.trigger("daily-backup")
    for count, exact in enumerate((1, 2), 1):
        assert bench.receiver.wait_for(count, 30)
        bench.clock.wake_sleeper(timedelta(seconds=0.79 * exact))
        assert len(bench.receiver.requests) == count
        bench.clock.wake_sleeper(timedelta(seconds=0.42 * exact))
        assert bench.receiver.wait_for(count + 1, 30)
    bench.seen.wait(1)
    first, second = waits(engine, execution.id)
    assert 0.8 <= first < 1.9
    assert 1.6 <= second < 3.1


def test_4xx_fails_at_once(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/status/404", schedule=NEVER))
    engine.trigger("daily-backup")
    [execution] = bench.seen.wait(1)
    assert (execution.status, execution.attempts, execution.status_code) == (Status.FAILED, 1, 404)
    ends_as(engine, ("failed", None))


def test_a_job_of_one_attempt_is_not_retried(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/status/500", schedule=NEVER, retry_policy={"max_attempts": 1}))
    engine.trigger("daily-backup")
    [execution] = bench.seen.wait(1)
    assert (execution.status, execution.attempts) == (Status.FAILED, 1)


def test_a_timeout_is_a_failed_attempt_and_is_retried(bench: Bench) -> None:
    policy = {"max_attempts": 2, "initial_interval": "10ms"}
    engine = bench.start(bench.job(path="/slow/5", timeout="100ms", retry_policy=policy, schedule=NEVER))
    engine.trigger("daily-backup")
    bench.clock.wake_sleeper(SECOND)
    [execution] = bench.seen.wait(1)
    assert (execution.status, execution.error_class) == (Status.FAILED, "timeout")
    assert len(engine.execution(execution.id).attempts) == 2


def test_retry_after_is_waited_for(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/retry-after/1", schedule=NEVER, retry_policy={"initial_interval": "1ms"}))
    execution = engine.trigger("daily-backup")
    bench.clock.wake_sleeper(timedelta(seconds=0.9))
    bench.clock.wake_sleeper(timedelta(seconds=0.5))
    bench.seen.wait(1)
    [wait] = waits(engine, execution.id)
    assert wait >= 1.0


def test_a_missing_descriptor_uses_no_attempt_and_blames_no_target(bench: Bench) -> None:
    """The one attempt that the job has waits until something can be opened."""
    engine = bench.start(bench.job(schedule=NEVER, retry_policy={"max_attempts": 1}), breaker_after=1)
    with no_descriptor():
        engine.trigger("daily-backup")
        eventually(lambda: engine.health().detail == "no file descriptor is free, so nothing is claimed")
        assert engine.health().open_circuits == ()
    [ended] = bench.seen.wait(1)
    assert (ended.status, ended.attempts) == (Status.SUCCESS, 1)


class TestRestart:
    def test_an_unfinished_execution_goes_on_with_the_same_ids(self, bench: Bench) -> None:
        job = bench.job(path="/hold/answer", schedule=NEVER)
        engine = bench.start(job)
        engine.trigger("daily-backup")
        assert bench.receiver.wait_for(1, 30)
        bench.stop(engine, grace=0.0)
        engine = bench.start(job)
        assert bench.receiver.wait_for(2, 30)
        bench.receiver.release("answer")
        bench.seen.wait(1)
        assert len({request.header("Idempotency-Key") for request in bench.receiver.requests}) == 1
        ends_as(engine, ("success", None))

    def test_it_runs_the_job_as_it_was_claimed(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/old", schedule=NEVER))
        engine.trigger("daily-backup")
        assert bench.receiver.wait_for(1, 30)
        bench.stop(engine)
        bench.receiver.release("old")
        bench.start(bench.job(path="/ok", schedule=NEVER))
        bench.seen.wait(1)
        assert [request.path for request in bench.receiver.requests] == ["/hold/old", "/hold/old"]

    def test_a_retry_that_was_due_later_keeps_its_time_and_its_number(self, bench: Bench) -> None:
        job = bench.job(path="/retry-after/3", schedule=NEVER, retry_policy={"max_interval": "3s"})
        engine = bench.start(job)
        waiting = engine.trigger("daily-backup")
        eventually(lambda: engine.execution(waiting.id).execution.attempts == 1)
        bench.stop(engine)
        engine = bench.start(job)
        bench.clock.wake_sleeper(timedelta(seconds=2.9))
        bench.clock.wake_sleeper(timedelta(seconds=0.2))
        [execution] = bench.seen.wait(1)
        assert (execution.status, execution.attempts) == (Status.SUCCESS, 2)
        [wait] = waits(engine, execution.id)
        assert 3.0 <= wait < 10.0

    def test_draining_lets_a_request_under_way_end(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", schedule=NEVER))
        engine.trigger("daily-backup")
        assert bench.receiver.wait_for(1, 30)
        stopping = threading.Thread(target=bench.stop, args=(engine, 10.0))
        stopping.start()
        bench.receiver.release("answer")
        stopping.join(20)
        assert bench.seen.wait(1)[0].status is Status.SUCCESS
