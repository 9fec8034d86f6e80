"""What every engine promises (CONTRACT 2 and 5), by behaviour, on a real database and over real HTTP."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from harness.engine_harness import HOUR, MINUTE, NOON, Bench, eventually, jobset, statuses
from harness.engines import EngineMaker, on_postgres, on_sqlite

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import ExecutionQuery, Status, Trigger
from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.process import failpoints


@pytest.fixture(params=["sqlite", "postgres"])
def engine_maker(request: pytest.FixtureRequest, data_folder: Path) -> EngineMaker:
    """Every engine: each test below runs on all of them."""
    if request.param == "postgres":
        return on_postgres(request.getfixturevalue("postgres_url"))
    return on_sqlite(data_folder / "ledger.db")


def tick_id(engine: Engine, tick: datetime) -> str:
    [execution] = engine.ticks("daily-backup", tick, tick)
    return execution.id


def test_a_due_tick_becomes_one_request_and_one_row(bench: Bench) -> None:
    engine = bench.start(bench.job())
    bench.clock.turn(MINUTE)
    [execution] = bench.seen.wait(1)
    [request] = bench.receiver.requests
    assert execution.status is Status.SUCCESS
    assert execution.scheduled_time == NOON + MINUTE
    assert execution.trigger is Trigger.SCHEDULE
    assert (execution.version, execution.commit) == (1, "a" * 40)
    assert execution.id == tick_id(engine, NOON + MINUTE) == request.execution_id
    assert request.header("X-Chronos-Scheduled-Time") == "2026-03-02T12:01:00Z"
    assert statuses(engine) == [("success", None)]
    [attempt] = engine.execution(execution.id).attempts
    assert attempt.phases is not None
    assert attempt.phases.first_byte is not None


def test_one_execution_comes_with_the_job_as_it_was_claimed(bench: Bench) -> None:
    job = bench.job(path="/ok?first")
    engine = bench.start(job)
    bench.clock.turn(MINUTE)
    [execution] = bench.seen.wait(1)
    engine.apply(jobset(bench.job(path="/ok?second")))
    assert engine.execution(execution.id).job == job


def test_the_row_is_on_disk_before_the_first_byte_leaves(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer"))
    bench.clock.turn(MINUTE)
    assert bench.receiver.wait_for(1, 5)
    assert statuses(engine)[0][0] in ("pending", "running")
    bench.receiver.release("answer")
    bench.seen.wait(1)
    assert statuses(engine) == [("success", None)]


def test_applying_a_job_never_fires_the_past(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule="0 12 * * *"))
    assert statuses(engine) == []


@pytest.mark.parametrize("change", [{"schedule": "*/2 * * * *"}, {"timezone": "Asia/Kathmandu"}])
def test_a_changed_schedule_counts_from_the_moment_it_is_applied(bench: Bench, change: dict[str, str]) -> None:
    engine = bench.start(bench.job(schedule="30 * * * *"))
    bench.clock.turn(timedelta(minutes=29, seconds=50))
    engine.apply(jobset(bench.job(**({"schedule": "30 * * * *"} | change))))
    assert statuses(engine) == []


def test_an_unchanged_job_keeps_its_state_across_reloads(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule="@every 10m"))
    for _ in range(9):
        bench.clock.turn(MINUTE)
        engine.apply(jobset(bench.job(schedule="@every 10m", description="edited")))
    bench.clock.turn(MINUTE)
    [execution] = bench.seen.wait(1)
    assert execution.scheduled_time == NOON + 10 * MINUTE


def test_a_disabled_job_does_not_run_and_enabling_it_fires_nothing_of_the_past(bench: Bench) -> None:
    engine = bench.start(bench.job(enabled=False))
    bench.clock.turn(3 * MINUTE)
    engine.apply(jobset(bench.job()))
    assert statuses(engine) == []
    bench.clock.turn(MINUTE)
    [execution] = bench.seen.wait(1)
    assert execution.scheduled_time == NOON + 4 * MINUTE


def test_a_removed_job_lets_its_running_execution_end(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer"))
    bench.clock.turn(MINUTE)
    assert bench.receiver.wait_for(1, 5)
    engine.apply(jobset())
    bench.receiver.release("answer")
    assert bench.seen.wait(1)[0].status is Status.SUCCESS
    bench.clock.turn(2 * MINUTE)
    assert len(bench.receiver.requests) == 1


class TestConcurrency:
    def test_forbid_records_the_overlapping_tick_as_skipped(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer"))
        bench.clock.turn(MINUTE)
        assert bench.receiver.wait_for(1, 5)
        bench.clock.turn(MINUTE)
        assert bench.seen.wait(1)[0].reason == "overlap"
        bench.receiver.release("answer")
        bench.seen.wait(2)
        assert statuses(engine) == [("success", None), ("skipped", "overlap")]

    def test_forbid_counts_retry_waits_as_running(self, bench: Bench) -> None:
        job = bench.job(path="/flaky/1", retry_policy={"initial_interval": "5m", "max_interval": "5m"})
        engine = bench.start(job)
        bench.clock.turn(MINUTE)
        bench.clock.wait_for_sleeper()
        bench.clock.turn(MINUTE)
        assert ("skipped", "overlap") in statuses(engine)

    def test_replace_cuts_off_the_running_one_and_starts_the_new_one(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", concurrency="replace"))
        bench.clock.turn(MINUTE)
        assert bench.receiver.wait_for(1, 5)
        bench.clock.turn(MINUTE)
        assert bench.receiver.wait_for(lambda receiver: len(receiver.abandoned) == 1, 5)
        assert bench.receiver.wait_for(2, 5)
        bench.receiver.release("answer")
        bench.seen.wait(2)
        assert statuses(engine) == [("cancelled", "replaced"), ("success", None)]

    def test_replace_keeps_the_attempt_it_cut_off(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", concurrency="replace"))
        bench.clock.turn(MINUTE)
        assert bench.receiver.wait_for(1, 5)
        bench.clock.turn(MINUTE)
        assert bench.receiver.wait_for(2, 5)
        bench.receiver.release("answer")
        bench.seen.wait(2)
        detail = engine.execution(tick_id(engine, NOON + MINUTE))
        assert [attempt.error_class for attempt in detail.attempts] == ["cancelled"]

    def test_allow_runs_both(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", concurrency="allow"))
        bench.clock.turn(MINUTE)
        bench.clock.turn(MINUTE)
        assert bench.receiver.wait_for(2, 5)
        assert len(engine.running("daily-backup")) == 2
        bench.receiver.release("answer")
        bench.seen.wait(2)
        assert statuses(engine) == [("success", None), ("success", None)]


class TestRetries:
    def test_5xx_is_retried_under_the_same_ids_and_every_attempt_is_kept(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/flaky/2", schedule="0 * * * *"))
        bench.clock.turn(HOUR)
        for count in (1, 2):
            assert bench.receiver.wait_for(count, 5)
            bench.clock.wait_for_sleeper()
            bench.clock.turn(timedelta(seconds=4))
        [execution] = bench.seen.wait(1)
        assert (execution.status, execution.attempts) == (Status.SUCCESS, 3)
        requests = bench.receiver.requests
        assert {request.header("Idempotency-Key") for request in requests} == {execution.id}
        assert [request.header("X-Chronos-Attempt") for request in requests] == ["1", "2", "3"]
        attempts = engine.execution(execution.id).attempts
        assert [(attempt.number, attempt.status_code) for attempt in attempts] == [(1, 503), (2, 503), (3, 200)]

    def test_no_wait_is_shorter_than_four_fifths_nor_longer_than_six_fifths(self, bench: Bench) -> None:
        bench.start(bench.job(path="/flaky/3", schedule="0 * * * *", retry_policy={"max_attempts": 4}))
        bench.clock.turn(HOUR)
        for count, exact in enumerate((1, 2, 4), 1):
            assert bench.receiver.wait_for(count, 5)
            bench.clock.wait_for_sleeper()
            bench.clock.turn(timedelta(seconds=0.79 * exact))
            assert not bench.receiver.wait_for(count + 1, 0.2)
            bench.clock.turn(timedelta(seconds=0.42 * exact))
        [execution] = bench.seen.wait(1)
        assert (execution.status, execution.attempts) == (Status.SUCCESS, 4)

    def test_4xx_fails_at_once(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/status/404"))
        bench.clock.turn(MINUTE)
        [execution] = bench.seen.wait(1)
        assert (execution.status, execution.attempts, execution.status_code) == (Status.FAILED, 1, 404)
        assert statuses(engine) == [("failed", None)]

    def test_a_job_of_one_attempt_is_not_retried(self, bench: Bench) -> None:
        bench.start(bench.job(path="/status/500", retry_policy={"max_attempts": 1}))
        bench.clock.turn(MINUTE)
        [execution] = bench.seen.wait(1)
        assert (execution.status, execution.attempts) == (Status.FAILED, 1)

    def test_a_timeout_is_a_failed_attempt_and_is_retried(self, bench: Bench) -> None:
        job = bench.job(path="/slow/5", timeout="100ms", retry_policy={"max_attempts": 2}, schedule="0 * * * *")
        engine = bench.start(job)
        bench.clock.turn(HOUR)
        bench.clock.wait_for_sleeper()
        bench.clock.turn(timedelta(seconds=2))
        [execution] = bench.seen.wait(1)
        assert (execution.status, execution.error_class) == (Status.FAILED, "timeout")
        assert len(engine.execution(execution.id).attempts) == 2


class TestMissedRuns:
    """Downtime, a pause and a forward clock step follow the same rule (CONTRACT 2)."""

    def outage(self, bench: Bench, length: timedelta, **fields: str) -> list[tuple[str, str | None]]:
        job = bench.job(**fields)
        bench.stop(bench.start(job))
        bench.clock._now += length  # nothing runs: nobody has to notice
        engine = bench.start(job)
        return bench.settled(engine)

    def test_execute_one_runs_the_latest_and_records_the_rest_as_one_row(self, bench: Bench) -> None:
        assert self.outage(bench, timedelta(minutes=30, seconds=5)) == [("skipped", "missed"), ("success", None)]
        skipped, caught = sorted(bench.seen.wait(2), key=lambda execution: execution.scheduled_time)
        assert (skipped.count, skipped.range_start) == (29, NOON + MINUTE)
        assert skipped.scheduled_time == NOON + 29 * MINUTE
        assert (caught.scheduled_time, caught.trigger) == (NOON + 30 * MINUTE, Trigger.CATCHUP)

    def test_ignore_runs_none(self, bench: Bench) -> None:
        assert self.outage(bench, 5 * MINUTE, missed_run_policy="ignore") == [("skipped", "missed")]
        assert bench.seen.wait(1)[0].count == 5

    def test_execute_all_runs_each_one_after_the_other(self, bench: Bench) -> None:
        job = bench.job(missed_run_policy="execute_all")
        bench.stop(bench.start(job))
        bench.clock._now += 5 * MINUTE
        engine = bench.start(job)
        assert bench.settled(engine) == [("success", None)] * 5
        times = [request.header("X-Chronos-Scheduled-Time") for request in bench.receiver.requests]
        assert times == [f"2026-03-02T12:0{minute}:00Z" for minute in range(1, 6)]

    def test_execute_all_stops_at_a_hundred(self, bench: Bench) -> None:
        job = bench.job(missed_run_policy="execute_all", catchup_window="12h", concurrency="allow")
        bench.stop(bench.start(job))
        bench.clock._now += 3 * HOUR
        bench.start(job)
        ended = bench.seen.wait(101)
        assert sum(execution.status is Status.SUCCESS for execution in ended) == 100
        assert [execution.count for execution in ended if execution.status is Status.SKIPPED] == [80]

    def test_nothing_older_than_the_window_runs(self, bench: Bench) -> None:
        assert self.outage(bench, 24 * HOUR, schedule="0 13 * * *") == [("skipped", "missed")]

    def test_a_tick_is_not_missed_twice(self, bench: Bench) -> None:
        job = bench.job(missed_run_policy="ignore")
        bench.stop(bench.start(job))
        bench.clock._now += 5 * MINUTE
        bench.stop(bench.start(job))
        engine = bench.start(job)
        assert statuses(engine) == [("skipped", "missed")]

    def test_a_start_without_knowing_any_job_forgets_nothing_that_is_owed(self, bench: Bench) -> None:
        job = bench.job()
        bench.stop(bench.start(job))
        bench.clock._now += 5 * MINUTE
        engine = bench.build()
        engine.start()
        engine.apply(JobSet())
        engine.apply(jobset(job))
        assert bench.settled(engine) == [("skipped", "missed"), ("success", None)]
        engine.stop(0.0)

    def test_a_pause_follows_the_same_rule(self, bench: Bench) -> None:
        engine = bench.start(bench.job())
        engine.pause("daily-backup", reason="maintenance", by="alice")
        bench.clock.turn(10 * MINUTE)
        assert statuses(engine) == []
        engine.resume("daily-backup")
        assert bench.settled(engine) == [("skipped", "missed"), ("success", None)]

    def test_a_forward_step_of_the_clock_counts_as_downtime(self, bench: Bench) -> None:
        engine = bench.start(bench.job())
        bench.clock.step(2 * HOUR)
        assert bench.settled(engine) == [("skipped", "missed"), ("success", None)]
        assert len(bench.receiver.requests) == 1

    def test_a_backward_step_repeats_nothing(self, bench: Bench) -> None:
        engine = bench.start(bench.job())
        bench.clock.turn(MINUTE)
        bench.seen.wait(1)
        bench.clock.step(-3 * MINUTE)
        bench.clock.turn(3 * MINUTE)
        assert len(statuses(engine)) == 1
        bench.clock.turn(MINUTE)
        bench.seen.wait(2)
        assert len(bench.receiver.requests) == 2

    def test_a_backward_step_of_hours_repeats_nothing_and_silences_nothing(self, bench: Bench) -> None:
        engine = bench.start(bench.job(concurrency="allow"))
        bench.clock.turn(3 * MINUTE)
        bench.seen.wait(3)
        bench.clock.step(-2 * HOUR)
        bench.clock.turn(2 * MINUTE)
        bench.seen.wait(5)
        bench.clock.step(2 * HOUR - 4 * MINUTE)
        bench.clock.turn(2 * MINUTE)
        eventually(lambda: engine.next_runs("daily-backup", 1) == (NOON + 4 * MINUTE,))
        sent = [request.header("X-Chronos-Scheduled-Time") for request in bench.receiver.requests]
        assert len(sent) == len(set(sent))

    def test_a_schedule_edited_while_the_runner_was_down_fires_nothing_and_records_what_was_owed(
        self, bench: Bench
    ) -> None:
        bench.stop(bench.start(bench.job(schedule="* * * * *")))
        bench.clock._now += 5 * MINUTE
        engine = bench.start(bench.job(schedule="*/2 * * * *"))
        assert statuses(engine) == [("skipped", "missed")]
        assert bench.seen.wait(1)[0].count == 5


class TestPause:
    def test_survives_a_restart_and_an_edit(self, bench: Bench) -> None:
        engine = bench.start(bench.job())
        engine.pause("daily-backup", reason="maintenance", by="alice")
        bench.stop(engine)
        engine = bench.start(bench.job(description="edited"))
        bench.clock.turn(2 * MINUTE)
        assert engine.pauses()["daily-backup"].reason == "maintenance"
        assert statuses(engine) == []

    def test_ends_by_itself(self, bench: Bench) -> None:
        engine = bench.start(bench.job(missed_run_policy="ignore"))
        engine.pause("daily-backup", reason="maintenance", by="alice", until=NOON + timedelta(minutes=2, seconds=30))
        bench.clock.turn(3 * MINUTE)
        bench.seen.wait(2)
        bench.clock.turn(MINUTE)
        bench.seen.wait(3)
        assert engine.pauses() == {}
        assert statuses(engine) == [("skipped", "missed"), ("success", None), ("success", None)]

    @pytest.mark.parametrize(
        ("policy", "trigger"),
        [("ignore", Trigger.SCHEDULE), ("execute_one", Trigger.CATCHUP), ("execute_all", Trigger.CATCHUP)],
    )
    def test_does_not_hold_the_tick_at_its_very_end(self, bench: Bench, policy: str, trigger: Trigger) -> None:
        engine = bench.start(bench.job(schedule="2 * * * *", missed_run_policy=policy))
        engine.pause("daily-backup", reason="maintenance", by="alice", until=NOON + 2 * MINUTE)
        bench.clock.turn(2 * MINUTE)
        [ended] = bench.seen.wait(1)
        assert (ended.scheduled_time, ended.trigger, ended.status) == (NOON + 2 * MINUTE, trigger, Status.SUCCESS)
        assert engine.pauses() == {}

    def test_ends_with_one_run_of_a_job_that_catches_up(self, bench: Bench) -> None:
        engine = bench.start(bench.job())
        engine.pause("daily-backup", reason="maintenance", by="alice", until=NOON + 3 * MINUTE)
        bench.clock.turn(3 * MINUTE)
        bench.seen.wait(2)
        assert statuses(engine) == [("skipped", "missed"), ("success", None)]

    def test_does_not_hold_what_comes_before_its_end_is_noticed(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule="*/10 * * * * *", missed_run_policy="ignore", concurrency="allow"))
        engine.pause("daily-backup", reason="maintenance", by="alice", until=NOON + timedelta(seconds=25))
        bench.clock.step(timedelta(seconds=45))
        seen = sorted(bench.seen.wait(3), key=lambda ended: ended.scheduled_time)
        assert [(ended.status, (ended.scheduled_time - NOON).total_seconds()) for ended in seen] == [
            (Status.SKIPPED, 20),
            (Status.SUCCESS, 30),
            (Status.SUCCESS, 40),
        ]

    def test_of_an_unknown_job_is_an_error(self, bench: Bench) -> None:
        with pytest.raises(NotFoundError):
            bench.start().pause("nobody", reason="maintenance", by="alice")

    def test_resume_of_a_job_that_is_not_paused_does_nothing(self, bench: Bench) -> None:
        engine = bench.start(bench.job())
        engine.resume("daily-backup")
        assert statuses(engine) == []


class TestTrigger:
    def test_runs_at_once(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule="@yearly"))
        execution = engine.trigger("daily-backup")
        assert (execution.status, execution.trigger) == (Status.PENDING, Trigger.MANUAL)
        [ended] = bench.seen.wait(1)
        assert (ended.id, ended.status) == (execution.id, Status.SUCCESS)

    def test_obeys_forbid(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule="@yearly", path="/hold/answer"))
        engine.trigger("daily-backup")
        second = engine.trigger("daily-backup")
        assert (second.status, second.reason) == (Status.SKIPPED, "overlap")
        bench.receiver.release("answer")

    def test_a_repeated_key_answers_the_first_execution(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule="@yearly", concurrency="allow"))
        first = engine.trigger("daily-backup", key="request-1")
        bench.seen.wait(1)
        again = engine.trigger("daily-backup", key="request-1")
        assert (again.id, again.status) == (first.id, Status.SUCCESS)
        assert len(bench.receiver.requests) == 1

    def test_of_an_unknown_job_is_an_error(self, bench: Bench) -> None:
        with pytest.raises(NotFoundError):
            bench.start().trigger("nobody")


class TestCancel:
    def test_ends_what_runs_and_cuts_its_request_off(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", schedule="@yearly"))
        running = engine.trigger("daily-backup")
        assert bench.receiver.wait_for(1, 5)
        cancelled = engine.cancel(running.id, by="alice")
        assert (cancelled.status, cancelled.reason) == (Status.CANCELLED, "operator")
        assert bench.receiver.wait_for(lambda receiver: len(receiver.abandoned) == 1, 5)
        [ended] = bench.seen.wait(1)
        assert (ended.status, ended.reason) == (Status.CANCELLED, "operator")
        [attempt] = eventually(lambda: engine.execution(running.id).attempts)
        assert (attempt.error_class, attempt.error) == ("cancelled", "cut off: an operator cancelled it")

    def test_frees_the_job_for_its_next_tick(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer"))
        bench.clock.turn(MINUTE)
        assert bench.receiver.wait_for(1, 5)
        engine.cancel(tick_id(engine, NOON + MINUTE), by="alice")
        bench.seen.wait(1)
        bench.clock.turn(MINUTE)
        assert bench.receiver.wait_for(2, 5)
        bench.receiver.release("answer")
        bench.seen.wait(2)
        assert statuses(engine) == [("cancelled", "operator"), ("success", None)]

    def test_ends_what_waits_for_its_retry(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/status/503", schedule="@yearly"))
        waiting = engine.trigger("daily-backup")
        bench.clock.wait_for_sleeper()
        engine.cancel(waiting.id, by="alice")
        bench.seen.wait(1)
        bench.clock.turn(HOUR)
        assert len(bench.receiver.requests) == 1
        assert statuses(engine) == [("cancelled", "operator")]

    def test_twice_is_once_and_an_end_stays_what_it_is(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", schedule="@yearly"))
        running = engine.trigger("daily-backup")
        first, again = (engine.cancel(running.id, by=name) for name in ("alice", "bob"))
        assert (again.id, again.status, again.error) == (first.id, Status.CANCELLED, "cancelled by alice")
        bench.receiver.release("answer")
        bench.seen.wait(1)
        done = engine.trigger("daily-backup")
        bench.seen.wait(2)
        with pytest.raises(ConflictError, match="success"):
            engine.cancel(done.id, by="alice")
        with pytest.raises(NotFoundError):
            engine.cancel("nothing", by="alice")


class TestRestart:
    def test_an_unfinished_execution_goes_on_with_the_same_ids(self, bench: Bench) -> None:
        job = bench.job(path="/hold/answer", schedule="0 * * * *")
        engine = bench.start(job)
        bench.clock.turn(HOUR)
        assert bench.receiver.wait_for(1, 5)
        bench.stop(engine, grace=0.0)
        engine = bench.start(job)
        assert bench.receiver.wait_for(2, 5)
        bench.receiver.release("answer")
        bench.seen.wait(1)
        assert len({request.header("Idempotency-Key") for request in bench.receiver.requests}) == 1
        assert statuses(engine) == [("success", None)]

    def test_it_runs_the_job_as_it_was_claimed(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/old", schedule="0 * * * *"))
        bench.clock.turn(HOUR)
        assert bench.receiver.wait_for(1, 5)
        bench.stop(engine)
        bench.receiver.release("old")
        bench.start(bench.job(path="/ok", schedule="0 * * * *"))
        bench.seen.wait(1)
        assert [request.path for request in bench.receiver.requests] == ["/hold/old", "/hold/old"]

    def test_a_retry_that_was_due_later_keeps_its_time_and_its_number(self, bench: Bench) -> None:
        job = bench.job(
            path="/flaky/1", schedule="0 * * * *", retry_policy={"initial_interval": "30s", "max_interval": "30s"}
        )
        engine = bench.start(job)
        bench.clock.turn(HOUR)
        bench.clock.wait_for_sleeper()
        bench.stop(engine)
        bench.start(job)
        bench.clock.wait_for_sleeper()
        bench.clock.turn(timedelta(seconds=31))
        [execution] = bench.seen.wait(1)
        assert (execution.status, execution.attempts) == (Status.SUCCESS, 2)

    def test_draining_lets_a_request_under_way_end(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer"))
        bench.clock.turn(MINUTE)
        assert bench.receiver.wait_for(1, 5)
        stopping = threading.Thread(target=bench.stop, args=(engine, 10.0))
        stopping.start()
        bench.receiver.release("answer")
        stopping.join(5)
        assert bench.seen.wait(1)[0].status is Status.SUCCESS


class TestLists:
    def ran(self, bench: Bench, minutes: int) -> Engine:
        engine = bench.start(bench.job(), bench.job("other-job"))
        for minute in range(minutes):
            bench.clock.turn(MINUTE)
            bench.seen.wait(2 * (minute + 1))
        return engine

    def test_are_newest_first_and_page_without_gaps(self, bench: Bench) -> None:
        engine = self.ran(bench, 4)
        everything = engine.executions(ExecutionQuery())
        first = engine.executions(ExecutionQuery(limit=3))
        last = first[-1]
        rest = engine.executions(ExecutionQuery(before=(last.scheduled_time, last.id)))
        assert [*first, *rest] == list(everything)
        times = [execution.scheduled_time for execution in everything]
        assert times == sorted(times, reverse=True)

    def test_filter_by_job_and_status(self, bench: Bench) -> None:
        engine = self.ran(bench, 2)
        query = ExecutionQuery(job="other-job", status=Status.SUCCESS)
        assert {execution.job for execution in engine.executions(query)} == {"other-job"}
        assert engine.executions(replace(query, status=Status.FAILED)) == []

    def test_latest_names_the_newest_of_each_job(self, bench: Bench) -> None:
        engine = self.ran(bench, 2)
        latest = engine.latest(["daily-backup", "other-job", "never-ran"])
        assert {name: execution.scheduled_time for name, execution in latest.items()} == {
            "daily-backup": NOON + 2 * MINUTE,
            "other-job": NOON + 2 * MINUTE,
        }

    def test_recent_are_the_newest_of_each_job_newest_first(self, bench: Bench) -> None:
        engine = self.ran(bench, 3)
        recent = engine.recent(["daily-backup", "never-ran"], 2)
        times = [execution.scheduled_time for execution in recent["daily-backup"]]
        assert times == [NOON + 3 * MINUTE, NOON + 2 * MINUTE]
        assert set(recent) == {"daily-backup"}

    def test_an_unknown_execution_is_an_error(self, bench: Bench) -> None:
        with pytest.raises(NotFoundError):
            bench.start().execution("nothing")


def test_health_tells_what_runs(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer"))
    bench.clock.turn(MINUTE)
    assert bench.receiver.wait_for(1, 5)
    health = engine.health()
    assert (health.ok, health.running) == (True, 1)
    bench.receiver.release("answer")
    bench.stop(engine)
    assert not engine.health().ok


def test_jitter_delays_a_tick_by_the_same_amount_every_time(bench: Bench) -> None:
    job = bench.job(schedule="0 * * * *", jitter="10m")
    bench.start(job)
    bench.clock.turn(HOUR)
    bench.clock.turn(10 * MINUTE)
    [execution] = bench.seen.wait(1)
    assert execution.scheduled_time == NOON + HOUR


def test_before_its_start_an_engine_says_that_it_is_not_running(bench: Bench) -> None:
    engine = bench.build()
    assert not engine.health().ok
    assert engine.pauses() == {}
    for question in (lambda: engine.trigger("daily-backup"), lambda: engine.executions(ExecutionQuery())):
        with pytest.raises(ConflictError, match="not running"):
            question()


class TestTicks:
    """The rows of one window of time, for whoever asks why a job did not run."""

    def test_are_those_of_the_window_and_no_manual_ones(self, bench: Bench) -> None:
        engine = bench.start(bench.job())
        for minute in range(3):
            bench.clock.turn(MINUTE)
            bench.seen.wait(minute + 1)
        engine.trigger("daily-backup")
        bench.seen.wait(4)
        found = engine.ticks("daily-backup", NOON + 2 * MINUTE, NOON + 5 * MINUTE)
        assert [row.scheduled_time for row in found] == [NOON + 2 * MINUTE, NOON + 3 * MINUTE]
        assert engine.ticks("other-job", NOON, NOON + HOUR) == []

    def test_include_a_range_that_reaches_beyond_the_window(self, bench: Bench) -> None:
        job = bench.job(missed_run_policy="ignore")
        bench.stop(bench.start(job))
        bench.clock._now += HOUR
        engine = bench.start(job)
        bench.seen.wait(1)
        [found] = engine.ticks("daily-backup", NOON + 20 * MINUTE, NOON + 21 * MINUTE)
        assert (found.range_start, found.scheduled_time) == (NOON + MINUTE, NOON + HOUR)
        assert engine.ticks("daily-backup", NOON - HOUR, NOON) == []

    def test_pauses_are_remembered_when_they_are_over(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule="0 0 * * *"))
        engine.pause("daily-backup", reason="first", by="ada")
        bench.clock.turn(MINUTE)
        engine.pause("daily-backup", reason="second", by="ada", until=NOON + 3 * MINUTE)
        bench.clock.turn(5 * MINUTE)
        engine.pause("daily-backup", reason="third", by="ada")
        spans = [(pause.reason, pause.at, pause.until) for pause in engine.pauses_of("daily-backup", NOON)]
        assert spans == [
            ("first", NOON, NOON + MINUTE),
            ("second", NOON + MINUTE, NOON + 3 * MINUTE),
            ("third", NOON + 6 * MINUTE, None),
        ]
        later = engine.pauses_of("daily-backup", NOON + 2 * MINUTE)
        assert [pause.reason for pause in later] == ["second", "third"]


def test_a_defect_of_ours_ends_as_a_failed_row_and_not_as_a_job_that_looks_busy(bench: Bench) -> None:
    engine = bench.start(bench.job())
    failpoints.arm("before-record:fail")
    bench.clock.turn(MINUTE)
    [broken] = bench.seen.wait(1)
    assert (broken.status, broken.error_class) == (Status.FAILED, "internal")
    bench.clock.turn(MINUTE)
    bench.seen.wait(2)
    assert statuses(engine) == [("failed", None), ("success", None)]
    [attempt] = engine.execution(broken.id).attempts
    assert "internal error (Failed)" in (attempt.error or "")
