"""A due tick becomes one request and one row; an edit never fires a run."""

from datetime import timedelta

import pytest
from harness.engine_harness import Bench, ends_as, eventually, jobset, statuses

from chronos_gitops.engine.model import ExecutionQuery, Status, Trigger
from chronos_gitops.errors import ConflictError
from chronos_gitops.process import failpoints
from chronos_gitops.schedule.schedule import jitter

SECOND = timedelta(seconds=1)
OFTEN, NEVER = "@every 1s", "@yearly"


def test_a_due_tick_becomes_one_request_and_one_row(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=OFTEN))
    bench.clock.turn(SECOND)
    execution = bench.seen.wait(1)[0]
    request = bench.receiver.requests[0]
    assert (execution.status, execution.trigger) == (Status.SUCCESS, Trigger.SCHEDULE)
    assert (execution.version, execution.commit) == (1, "a" * 40)
    assert execution.id == request.execution_id == request.header("Idempotency-Key")
    assert request.header("X-Chronos-Scheduled-Time") == execution.scheduled_time.strftime("%Y-%m-%dT%H:%M:%SZ")
    ends_as(engine, ("success", None))
    at = execution.scheduled_time
    assert [row.id for row in engine.ticks("daily-backup", at, at)] == [execution.id]
    [attempt] = engine.execution(execution.id).attempts
    assert attempt.phases is not None
    assert attempt.phases.first_byte is not None


def test_one_execution_comes_with_the_job_as_it_was_claimed(bench: Bench) -> None:
    job = bench.job(path="/ok?first", schedule=NEVER)
    engine = bench.start(job)
    execution = engine.trigger("daily-backup")
    bench.seen.wait(1)
    engine.apply(jobset(bench.job(path="/ok?second", schedule=NEVER)))
    assert engine.execution(execution.id).job == job


def test_the_row_is_on_disk_before_the_first_byte_leaves(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule=OFTEN))
    bench.clock.turn(SECOND)
    assert bench.receiver.wait_for(1, 30)
    found = engine.execution(bench.receiver.requests[0].execution_id or "").execution
    assert found.status in (Status.PENDING, Status.RUNNING)
    bench.receiver.release("answer")
    bench.seen.wait(1)
    ends_as(engine, ("success", None))


def test_applying_a_job_never_fires_the_past(bench: Bench) -> None:
    now = bench.clock.now()
    engine = bench.start(bench.job(schedule=f"{now.second} {now.minute} {now.hour} * * *"))
    bench.clock.turn(SECOND)
    assert statuses(engine) == []


@pytest.mark.parametrize("change", [{"schedule": "*/2 * * * *"}, {"timezone": "Asia/Kathmandu"}])
def test_a_changed_schedule_counts_from_the_moment_it_is_applied(bench: Bench, change: dict[str, str]) -> None:
    old = {"schedule": "30 * * * *"}
    engine = bench.start(bench.job(**old))
    bench.clock.turn(SECOND)
    edited_at = bench.clock.now()
    engine.apply(jobset(bench.job(**(old | change))))
    bench.clock.turn(SECOND)
    assert [row for row in engine.executions(ExecutionQuery()) if row.scheduled_time < edited_at] == []


def test_an_unchanged_job_keeps_its_state_across_reloads(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule="@every 4s"))
    for number in range(14):
        engine.apply(jobset(bench.job(schedule="@every 4s", description=f"edited {number}")))
        bench.clock.turn(SECOND / 2)
    execution = bench.seen.wait(1)[0]
    assert execution.scheduled_time.second % 4 == 0
    assert execution.trigger is Trigger.SCHEDULE


def test_a_disabled_job_does_not_run_and_enabling_it_fires_nothing_of_the_past(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=OFTEN, enabled=False))
    bench.clock.turn(2 * SECOND)
    assert statuses(engine) == []
    enabled_at = bench.clock.now()
    engine.apply(jobset(bench.job(schedule=OFTEN)))
    bench.clock.turn(SECOND)
    assert bench.seen.wait(1)[0].scheduled_time > enabled_at


def test_a_removed_job_lets_its_running_execution_end(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule=OFTEN, concurrency="allow"))
    bench.clock.turn(SECOND)
    assert bench.receiver.wait_for(1, 30)
    engine.apply(jobset())
    count = len(engine.running("daily-backup"))
    assert bench.receiver.wait_for(count, 30)
    bench.receiver.release("answer")
    assert {execution.status for execution in bench.seen.wait(count)} == {Status.SUCCESS}
    bench.clock.turn(2 * SECOND)
    assert len(bench.receiver.requests) == count


def test_health_tells_what_runs(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule=NEVER))
    engine.trigger("daily-backup")
    assert bench.receiver.wait_for(1, 30)
    health = engine.health()
    assert (health.ok, health.running) == (True, 1)
    bench.receiver.release("answer")
    bench.stop(engine)
    assert not engine.health().ok


def test_jitter_delays_a_tick_by_the_same_amount_every_time(bench: Bench) -> None:
    job = bench.job(schedule="@every 2s", jitter="1s")
    engine = bench.start(job)
    bench.clock.turn(3 * SECOND)
    execution = engine.execution(bench.seen.wait(1)[0].id).execution
    assert execution.started_at is not None
    assert execution.scheduled_time.second % 2 == 0
    delay = jitter(job.name, execution.scheduled_time, job.jitter)
    assert execution.started_at >= execution.scheduled_time + delay - timedelta(milliseconds=1)


def test_before_its_start_an_engine_says_that_it_is_not_running(bench: Bench) -> None:
    engine = bench.build()
    assert not engine.health().ok
    assert engine.pauses() == {}
    for question in (lambda: engine.trigger("daily-backup"), lambda: engine.executions(ExecutionQuery())):
        with pytest.raises(ConflictError, match="not running"):
            question()


def test_a_defect_of_ours_ends_as_a_failed_row_and_not_as_a_job_that_looks_busy(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=NEVER))
    failpoints.arm("before-record:fail")
    engine.trigger("daily-backup")
    [broken] = bench.seen.wait(1)
    assert (broken.status, broken.error_class) == (Status.FAILED, "internal")
    bench.clock.turn(SECOND / 10)
    eventually(lambda: engine.trigger("daily-backup").status is Status.PENDING)
    bench.seen.wait_until(lambda: bench.seen.ended[-1].status is Status.SUCCESS)
    ends_as(engine, ("failed", None))
    [attempt] = engine.execution(broken.id).attempts
    assert "internal error (Failed)" in (attempt.error or "")
