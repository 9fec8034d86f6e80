"""Calls of users: trigger and cancel."""

from datetime import timedelta

import pytest
from harness.engine_harness import Bench, ends_as, eventually

from chronos_gitops.engine.model import Status, Trigger
from chronos_gitops.errors import ConflictError, NotFoundError

SECOND = timedelta(seconds=1)
OFTEN, NEVER = "@every 1s", "@yearly"


class TestTrigger:
    def test_runs_at_once(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule=NEVER))
        execution = engine.trigger("daily-backup")
        assert (execution.status, execution.trigger) == (Status.PENDING, Trigger.MANUAL)
        [ended] = bench.seen.wait(1)
        assert (ended.id, ended.status) == (execution.id, Status.SUCCESS)

    def test_obeys_forbid(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule=NEVER, path="/hold/answer"))
        engine.trigger("daily-backup")
        second = engine.trigger("daily-backup")
        assert (second.status, second.reason) == (Status.SKIPPED, "overlap")
        bench.receiver.release("answer")

    @pytest.mark.parametrize("concurrency", ["allow", "replace"])
    def test_a_repeated_key_answers_the_first_execution(self, bench: Bench, concurrency: str) -> None:
        engine = bench.start(bench.job(schedule=NEVER, concurrency=concurrency, path="/hold/answer"))
        first = engine.trigger("daily-backup", key="request-1")
        assert bench.receiver.wait_for(1, 30)
        while_it_runs = eventually(
            lambda: (found := engine.trigger("daily-backup", key="request-1")).status is Status.RUNNING and found
        )
        assert while_it_runs.id == first.id
        bench.receiver.release("answer")
        bench.seen.wait(1)
        again = eventually(lambda: (found := engine.trigger("daily-backup", key="request-1")).status.is_final and found)
        assert (again.id, again.status) == (first.id, Status.SUCCESS)
        assert len(bench.receiver.requests) == 1

    def test_of_an_unknown_job_is_an_error(self, bench: Bench) -> None:
        with pytest.raises(NotFoundError):
            bench.start().trigger("nobody")


class TestCancel:
    def test_ends_what_runs_and_cuts_its_request_off(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", schedule=NEVER))
        running = engine.trigger("daily-backup")
        assert bench.receiver.wait_for(1, 30)
        cancelled = engine.cancel(running.id, by="alice")
        assert (cancelled.status, cancelled.reason) == (Status.CANCELLED, "operator")
        assert bench.receiver.wait_for(lambda receiver: len(receiver.abandoned) == 1, 30)
        [ended] = bench.seen.wait(1)
        assert (ended.status, ended.reason) == (Status.CANCELLED, "operator")
        [attempt] = eventually(lambda: engine.execution(running.id).attempts)
        assert (attempt.error_class, attempt.error) == ("cancelled", "cut off: an operator cancelled it")

    def test_frees_the_job_for_its_next_tick(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", schedule=OFTEN))
        bench.clock.turn(SECOND)
        assert bench.receiver.wait_for(1, 30)
        engine.cancel(bench.receiver.requests[0].execution_id or "", by="alice")
        bench.seen.wait_until(lambda: any(row.reason == "operator" for row in bench.seen.ended))
        bench.clock.turn(SECOND)
        assert bench.receiver.wait_for(2, 30)
        bench.receiver.release("answer")
        bench.seen.wait_until(lambda: any(row.status is Status.SUCCESS for row in bench.seen.ended))
        ends_as(engine, ("cancelled", "operator"))

    def test_ends_what_waits_for_its_retry(self, bench: Bench) -> None:
        policy = {"initial_interval": "2s", "max_interval": "2s"}
        engine = bench.start(bench.job(path="/status/503", schedule=NEVER, retry_policy=policy))
        waiting = engine.trigger("daily-backup")
        eventually(lambda: engine.execution(waiting.id).execution.attempts == 1)
        engine.cancel(waiting.id, by="alice")
        bench.seen.wait(1)
        count = len(bench.receiver.requests)
        bench.clock.turn(3 * SECOND)
        assert len(bench.receiver.requests) == count
        ends_as(engine, ("cancelled", "operator"))

    def test_twice_is_once_and_an_end_stays_what_it_is(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", schedule=NEVER))
        running = engine.trigger("daily-backup")
        first, again = (engine.cancel(running.id, by=name) for name in ("alice", "bob"))
        assert (again.id, again.status, again.error) == (first.id, Status.CANCELLED, "cancelled by alice")
        bench.receiver.release("answer")
        bench.seen.wait(1)
        done = eventually(lambda: (row := engine.trigger("daily-backup")).status is Status.PENDING and row)
        eventually(lambda: engine.execution(done.id).execution.status.is_final)
        with pytest.raises(ConflictError, match="success"):
            engine.cancel(done.id, by="alice")
        with pytest.raises(NotFoundError):
            engine.cancel("nothing", by="alice")
