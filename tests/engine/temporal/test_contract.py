"""The rules of the contract suite on a real Temporal server, in real time: its clock cannot be turned by hand.

Each rule has here the name it has in `test_engine_contract.py`; what cannot run here stands in NOT_HERE with the reason
and with what proves it instead, and a test compares the two lists.
"""

import ast
import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.engine_harness import Bench, Seen, eventually, jobset, statuses
from harness.temporal import TemporalServer, on_temporal, run, sleep_since

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status, Trigger
from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.jobs.model import Job, JobSet
from chronos_gitops.process import failpoints
from chronos_gitops.schedule.schedule import jitter

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
OFTEN = "@every 1s"
NEVER = "@yearly"

NOT_HERE = {
    "TestMissedRuns.test_a_forward_step_of_the_clock_counts_as_downtime": (
        "the server's clock cannot be stepped; a gap is a gap: test_temporal_decisions.py, and the outages here"
    ),
    "TestMissedRuns.test_a_backward_step_repeats_nothing": (
        "the server's clock cannot be stepped; test_temporal_decisions.py proves that a mark never goes back, and a "
        "tick's id is refused a second time"
    ),
    "TestMissedRuns.test_a_backward_step_of_hours_repeats_nothing_and_silences_nothing": (
        "the server's clock cannot be stepped; test_temporal_decisions.py takes a mark that is ahead back to now"
    ),
    "TestPause.test_ends_with_one_run_of_a_job_that_catches_up": (
        "it would wait for minutes; test_does_not_hold_the_tick_at_its_very_end and test_temporal_decisions.py"
    ),
    "TestPause.test_does_not_hold_what_comes_before_its_end_is_noticed": (
        "the server's clock cannot be stepped; a late timer of the server is what the tick at the very end meets"
    ),
    "TestMissedRuns.test_execute_all_stops_at_a_hundred": (
        "a hundred executions take the dev server ten seconds; test_temporal_decisions.py"
    ),
}


@pytest.fixture
def namespace(temporal: TemporalServer) -> str:
    return temporal.url(temporal.namespace())


@pytest.fixture
def bench(namespace: str, receiver: Receiver, seen: Seen) -> Iterator[Bench]:
    bench = Bench(on_temporal(namespace), receiver, SystemClock(), seen)  # type: ignore[arg-type]  # a real clock
    yield bench
    bench.stop_all()


def quiet(seconds: float) -> None:
    """Real time in which nothing must happen; there is no event to wait for."""
    threading.Event().wait(seconds)


def detail(engine: Engine) -> Callable[[Execution], Execution]:
    return lambda execution: engine.execution(execution.id).execution


def rounded(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(microsecond=at.microsecond // 1000 * 1000)


def ends_as(engine: Engine, *expected: tuple[str, str | None], job: str = "daily-backup") -> None:
    """Visibility follows a moment after the end that an observer hears of."""
    eventually(lambda: statuses(engine, job)[: len(expected)] == list(expected))


def test_every_rule_of_the_contract_is_run_here_or_named_with_a_reason() -> None:
    rules, here = (rules_of(path) for path in (Path(__file__).parents[1] / "test_engine_contract.py", Path(__file__)))
    assert rules - here == set(NOT_HERE)


def rules_of(path: Path) -> set[str]:
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return {name for name in found if name.rpartition(".")[2].startswith("test_")}


def test_a_due_tick_becomes_one_request_and_one_row(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=OFTEN))
    execution = bench.seen.wait(1)[0]
    request = bench.receiver.requests[0]
    assert (execution.status, execution.trigger) == (Status.SUCCESS, Trigger.SCHEDULE)
    assert (execution.version, execution.commit) == (1, "a" * 40)
    assert execution.id == request.execution_id
    assert request.header("X-Chronos-Scheduled-Time") == execution.scheduled_time.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert request.header("Idempotency-Key") == execution.id
    ends_as(engine, ("success", None))


def test_one_execution_comes_with_the_job_as_it_was_claimed(bench: Bench) -> None:
    job = bench.job(path="/ok?first", schedule=NEVER)
    engine = bench.start(job)
    execution = engine.trigger("daily-backup")
    bench.seen.wait(1)
    engine.apply(jobset(bench.job(path="/ok?second", schedule=NEVER)))
    assert engine.execution(execution.id).job == job


def test_the_row_is_on_disk_before_the_first_byte_leaves(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule=OFTEN))
    assert bench.receiver.wait_for(1, 5)
    found = engine.execution(bench.receiver.requests[0].execution_id or "").execution
    assert (found.status, found.started_at is not None) == (Status.RUNNING, True)
    bench.receiver.release("answer")


def test_applying_a_job_never_fires_the_past(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule="0 * * * *", jitter="59m"))
    quiet(0.5)
    assert statuses(engine) == []


@pytest.mark.parametrize("change", [{"schedule": "*/2 * * * *"}, {"timezone": "Asia/Kathmandu"}])
def test_a_changed_schedule_counts_from_the_moment_it_is_applied(bench: Bench, change: dict[str, str]) -> None:
    old = {"schedule": "59 23 31 12 *"}
    engine = bench.start(bench.job(**old))
    engine.apply(jobset(bench.job(**(old | change))))
    assert [row for row in statuses(engine) if row[0] != "success"] == []


def test_an_unchanged_job_keeps_its_state_across_reloads(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule="@every 2s"))
    for number in range(8):
        engine.apply(jobset(bench.job(schedule="@every 2s", description=f"edited {number}")))
    [execution] = bench.seen.wait(1)
    assert execution.scheduled_time.second % 2 == 0
    assert execution.trigger is Trigger.SCHEDULE


def test_a_disabled_job_does_not_run_and_enabling_it_fires_nothing_of_the_past(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=OFTEN, enabled=False))
    quiet(1.2)
    enabled_at = datetime.now(UTC)
    engine.apply(jobset(bench.job(schedule=OFTEN)))
    assert bench.seen.wait(1)[0].scheduled_time > enabled_at


def test_a_removed_job_lets_its_running_execution_end(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule=OFTEN, concurrency="allow"))
    assert bench.receiver.wait_for(1, 5)
    engine.apply(jobset())
    count = len(bench.receiver.requests)
    bench.receiver.release("answer")
    assert {execution.status for execution in bench.seen.wait(count)} == {Status.SUCCESS}
    quiet(1.2)
    assert len(bench.receiver.requests) == count


class TestConcurrency:
    def test_forbid_records_the_overlapping_tick_as_skipped(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", schedule=OFTEN))
        assert bench.seen.wait(1)[0].reason == "overlap"
        bench.receiver.release("answer")
        ends_as(engine, ("success", None), ("skipped", "overlap"))

    def test_forbid_counts_retry_waits_as_running(self, bench: Bench) -> None:
        policy = {"initial_interval": "5m", "max_interval": "5m"}
        engine = bench.start(bench.job(path="/status/503", schedule=OFTEN, retry_policy=policy))
        assert bench.seen.wait(1)[0].reason == "overlap"
        assert (len(bench.receiver.requests), len(engine.running("daily-backup"))) == (1, 1)

    def test_replace_cuts_off_the_running_one_and_starts_the_new_one(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", schedule="@every 3s", concurrency="replace"))
        assert bench.receiver.wait_for(2, 10)
        assert len(bench.receiver.abandoned) == 1
        bench.receiver.release("answer")
        ends_as(engine, ("cancelled", "replaced"), ("success", None))

    def test_replace_keeps_the_attempt_it_cut_off(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", schedule=NEVER, concurrency="replace"))
        first = engine.trigger("daily-backup")
        assert bench.receiver.wait_for(1, 5)
        engine.trigger("daily-backup")
        assert bench.receiver.wait_for(2, 5)
        bench.receiver.release("answer")
        bench.seen.wait(2)
        [attempt] = engine.execution(first.id).attempts
        assert (attempt.error_class, attempt.error) == ("cancelled", "cut off: a newer execution replaced this one")

    def test_allow_runs_both(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", schedule=OFTEN, concurrency="allow"))
        assert bench.receiver.wait_for(2, 5)
        eventually(lambda: len(engine.running("daily-backup")) >= 2)
        bench.receiver.release("answer")
        ends_as(engine, ("success", None), ("success", None))


class TestRetries:
    def test_5xx_is_retried_under_the_same_ids_and_every_attempt_is_kept(self, bench: Bench) -> None:
        policy = {"initial_interval": "100ms"}
        engine = bench.start(bench.job(path="/flaky/2", schedule=NEVER, retry_policy=policy))
        engine.trigger("daily-backup")
        [execution] = bench.seen.wait(1)
        assert (execution.status, execution.attempts) == (Status.SUCCESS, 3)
        requests = bench.receiver.requests
        assert {request.header("Idempotency-Key") for request in requests} == {execution.id}
        assert [request.header("X-Chronos-Attempt") for request in requests] == ["1", "2", "3"]
        attempts = engine.execution(execution.id).attempts
        assert [(attempt.number, attempt.status_code) for attempt in attempts] == [(1, 503), (2, 503), (3, 200)]
        assert attempts[0].phases is not None
        assert attempts[0].phases.first_byte is not None

    def test_no_wait_is_shorter_than_four_fifths_nor_longer_than_six_fifths(self, bench: Bench) -> None:
        """Takes 3 s: the waits of the defaults."""
        engine = bench.start(bench.job(path="/flaky/2", schedule=NEVER))
        engine.trigger("daily-backup")
        [execution] = bench.seen.wait(1)
        attempts = engine.execution(execution.id).attempts
        starts = [attempt.started_at for attempt in attempts]
        waits = [(after - before).total_seconds() for before, after in itertools.pairwise(starts)]
        assert len(waits) == 2
        assert 0.8 <= waits[0] < 1.9
        assert 1.6 <= waits[1] < 3.1

    def test_4xx_fails_at_once(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/status/404", schedule=NEVER))
        engine.trigger("daily-backup")
        [execution] = bench.seen.wait(1)
        assert (execution.status, execution.attempts, execution.status_code) == (Status.FAILED, 1, 404)
        ends_as(engine, ("failed", None))

    def test_a_job_of_one_attempt_is_not_retried(self, bench: Bench) -> None:
        bench.start(bench.job(path="/status/500", schedule=NEVER, retry_policy={"max_attempts": 1})).trigger(
            "daily-backup"
        )
        [execution] = bench.seen.wait(1)
        assert (execution.status, execution.attempts) == (Status.FAILED, 1)

    def test_a_timeout_is_a_failed_attempt_and_is_retried(self, bench: Bench) -> None:
        policy = {"max_attempts": 2, "initial_interval": "10ms"}
        engine = bench.start(bench.job(path="/slow/5", timeout="100ms", retry_policy=policy, schedule=NEVER))
        engine.trigger("daily-backup")
        [execution] = bench.seen.wait(1)
        assert (execution.status, execution.error_class) == (Status.FAILED, "timeout")
        assert len(engine.execution(execution.id).attempts) == 2

    def test_retry_after_is_waited_for(self, bench: Bench) -> None:
        bench.start(bench.job(path="/retry-after/1", schedule=NEVER)).trigger("daily-backup")
        bench.seen.wait(1)
        first, second = bench.receiver.requests
        assert second.monotonic - first.monotonic >= 1.0


class TestMissedRuns:
    """An outage is a timetable that nobody has looked at since: the server keeps it while every runner is away."""

    def outage(
        self,
        bench: Bench,
        namespace: str,
        temporal: TemporalServer,
        job: Job,
        hours: int,
        first: JobSet | None = None,
    ) -> Engine:
        mark = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - hours * HOUR
        jobs = jobset(job)

        async def asleep() -> None:
            client = await temporal.client(namespace.rpartition("/")[2])
            await sleep_since(client, jobs.definitions[job.name], mark)

        run(asleep())
        engine = bench.build()
        engine.start()
        bench._running.append(engine)
        engine.apply(jobs if first is None else first)
        return engine

    def hourly(self, bench: Bench, **fields: str) -> Job:
        return bench.job(schedule="0 * * * *", catchup_window="24h", **fields)

    def test_execute_one_runs_the_latest_and_records_the_rest_as_one_row(
        self, bench: Bench, namespace: str, temporal: TemporalServer
    ) -> None:
        engine = self.outage(bench, namespace, temporal, self.hourly(bench), 30)
        skipped, caught = sorted(bench.seen.wait(2), key=lambda execution: execution.scheduled_time)
        assert (skipped.status, skipped.reason) == (Status.SKIPPED, "missed")
        assert (caught.status, caught.trigger) == (Status.SUCCESS, Trigger.CATCHUP)
        assert skipped.range_start == caught.scheduled_time - skipped.count * HOUR
        assert skipped.scheduled_time == caught.scheduled_time - HOUR
        assert skipped.count in (29, 30)  # 30 when the hour has just changed
        ends_as(engine, ("skipped", "missed"), ("success", None))

    def test_ignore_runs_none(self, bench: Bench, namespace: str, temporal: TemporalServer) -> None:
        self.outage(bench, namespace, temporal, self.hourly(bench, missed_run_policy="ignore"), 5)
        [skipped] = bench.seen.wait(1)
        assert (skipped.reason, skipped.count) in (("missed", 5), ("missed", 6))
        assert bench.receiver.requests == ()

    def test_execute_all_runs_each_one_after_the_other(
        self, bench: Bench, namespace: str, temporal: TemporalServer
    ) -> None:
        engine = self.outage(bench, namespace, temporal, self.hourly(bench, missed_run_policy="execute_all"), 5)
        ended = bench.seen.wait(5)
        assert {execution.status for execution in ended} == {Status.SUCCESS}
        times = [request.header("X-Chronos-Scheduled-Time") or "" for request in bench.receiver.requests]
        assert times == sorted(times)
        starts = sorted((row.started_at, row.completed_at) for row in map(detail(engine), ended))
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(starts))

    def test_nothing_older_than_the_window_runs(self, bench: Bench, namespace: str, temporal: TemporalServer) -> None:
        job = bench.job(schedule=f"0 {(datetime.now(UTC).hour - 3) % 24} * * *", catchup_window="1h")
        self.outage(bench, namespace, temporal, job, 24)
        [skipped] = bench.seen.wait(1)
        assert (skipped.reason, bench.receiver.requests) == ("missed", ())

    def test_a_tick_is_not_missed_twice(self, bench: Bench, namespace: str, temporal: TemporalServer) -> None:
        job = self.hourly(bench, missed_run_policy="ignore")
        engine = self.outage(bench, namespace, temporal, job, 5)
        bench.seen.wait(1)
        bench.stop(engine)
        engine = bench.start(job)
        quiet(0.5)
        ends_as(engine, ("skipped", "missed"))

    def test_a_start_without_knowing_any_job_forgets_nothing_that_is_owed(
        self, bench: Bench, namespace: str, temporal: TemporalServer
    ) -> None:
        job = self.hourly(bench)
        engine = self.outage(bench, namespace, temporal, job, 5, first=JobSet())
        engine.apply(jobset(job))
        ends_as(engine, ("skipped", "missed"), ("success", None))

    def test_a_pause_follows_the_same_rule(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule=OFTEN))
        engine.pause("daily-backup", reason="maintenance", by="alice")
        ran = len(statuses(engine))
        quiet(3.2)
        engine.resume("daily-backup")
        rows = eventually(lambda: [row for row in statuses(engine)[ran:] if row[0] != "running"][:2])
        assert eventually(lambda: statuses(engine)[ran : ran + 2] == [("skipped", "missed"), ("success", None)]), rows

    def test_a_schedule_edited_while_the_runner_was_down_fires_nothing_and_records_what_was_owed(
        self, bench: Bench, namespace: str, temporal: TemporalServer
    ) -> None:
        mark = datetime.now(UTC) - 5 * HOUR
        before = jobset(self.hourly(bench)).definitions["daily-backup"]

        async def edited() -> None:
            await sleep_since(await temporal.client(namespace.rpartition("/")[2]), before, mark)

        run(edited())
        bench.start(bench.job(schedule="30 */2 * * *"))
        skipped = eventually(lambda: [row for row in bench.seen.ended if row.reason == "missed"])
        assert [row.count for row in skipped] in ([4], [5], [6])
        assert bench.receiver.requests == ()


class TestPause:
    def test_survives_a_restart_and_an_edit(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule=NEVER))
        engine.pause("daily-backup", reason="maintenance", by="alice")
        bench.stop(engine)
        engine = bench.start(bench.job(schedule=OFTEN))
        quiet(1.2)
        assert engine.pauses()["daily-backup"].reason == "maintenance"
        assert statuses(engine) == []

    def test_ends_by_itself(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule=OFTEN, missed_run_policy="ignore"))
        until = (datetime.now(UTC) + timedelta(seconds=2.5)).replace(microsecond=250_000)
        engine.pause("daily-backup", reason="maintenance", by="alice", until=until)
        assert "daily-backup" in engine.pauses()
        skipped = eventually(lambda: [row for row in bench.seen.ended if row.reason == "missed"])
        assert skipped[0].scheduled_time <= until
        eventually(
            lambda: bench.seen.ended[-1].status is Status.SUCCESS and bench.seen.ended[-1].scheduled_time > until
        )
        assert engine.pauses() == {}

    def test_does_not_hold_the_tick_at_its_very_end(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule=OFTEN, missed_run_policy="ignore"))
        until = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)
        engine.pause("daily-backup", reason="maintenance", by="alice", until=until)
        [ended] = eventually(lambda: [row for row in bench.seen.ended if row.scheduled_time == until])
        assert (ended.status, ended.trigger) == (Status.SUCCESS, Trigger.SCHEDULE)

    def test_of_an_unknown_job_is_an_error(self, bench: Bench) -> None:
        with pytest.raises(NotFoundError):
            bench.start().pause("nobody", reason="maintenance", by="alice")

    def test_resume_of_a_job_that_is_not_paused_does_nothing(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule=NEVER))
        engine.resume("daily-backup")
        engine.resume("nobody")
        assert statuses(engine) == []


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

    def test_a_repeated_key_answers_the_first_execution(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule=NEVER, concurrency="replace", path="/hold/answer"))
        first = engine.trigger("daily-backup", key="request-1")
        while_it_runs = engine.trigger("daily-backup", key="request-1")
        assert (while_it_runs.id, while_it_runs.status) == (first.id, Status.RUNNING)
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
        assert bench.receiver.wait_for(1, 5)
        cancelled = engine.cancel(running.id, by="alice")
        assert (cancelled.status, cancelled.reason) == (Status.CANCELLED, "operator")
        assert bench.receiver.wait_for(lambda receiver: len(receiver.abandoned) == 1, 5)
        [ended] = bench.seen.wait(1)
        assert (ended.status, ended.reason) == (Status.CANCELLED, "operator")
        [attempt] = engine.execution(running.id).attempts
        assert (attempt.error_class, attempt.error) == ("cancelled", "cut off: an operator cancelled it")

    def test_frees_the_job_for_its_next_tick(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", schedule=OFTEN))
        assert bench.receiver.wait_for(1, 5)
        engine.cancel(bench.receiver.requests[0].execution_id or "", by="alice")
        assert bench.receiver.wait_for(2, 5)
        bench.receiver.release("answer")

    def test_ends_what_waits_for_its_retry(self, bench: Bench) -> None:
        policy = {"initial_interval": "5m", "max_interval": "5m"}
        engine = bench.start(bench.job(path="/status/503", schedule=NEVER, retry_policy=policy))
        waiting = engine.trigger("daily-backup")
        eventually(lambda: engine.execution(waiting.id).execution.attempts == 1)
        engine.cancel(waiting.id, by="alice")
        bench.seen.wait(1)
        assert len(bench.receiver.requests) == 1
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


class TestRestart:
    def test_an_unfinished_execution_goes_on_with_the_same_ids(self, bench: Bench) -> None:
        job = bench.job(path="/hold/answer", schedule=NEVER)
        engine = bench.start(job)
        engine.trigger("daily-backup")
        assert bench.receiver.wait_for(1, 5)
        bench.stop(engine, grace=0.0)
        engine = bench.start(job)
        assert bench.receiver.wait_for(2, 10)
        bench.receiver.release("answer")
        bench.seen.wait(1)
        assert len({request.header("Idempotency-Key") for request in bench.receiver.requests}) == 1
        ends_as(engine, ("success", None))

    def test_it_runs_the_job_as_it_was_claimed(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/old", schedule=NEVER))
        engine.trigger("daily-backup")
        assert bench.receiver.wait_for(1, 5)
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
        bench.start(job)
        [execution] = bench.seen.wait(1)
        assert (execution.status, execution.attempts) == (Status.SUCCESS, 2)
        first, second = bench.receiver.requests
        assert 3.0 <= second.monotonic - first.monotonic < 6.0

    def test_draining_lets_a_request_under_way_end(self, bench: Bench) -> None:
        engine = bench.start(bench.job(path="/hold/answer", schedule=NEVER))
        engine.trigger("daily-backup")
        assert bench.receiver.wait_for(1, 5)
        stopping = threading.Thread(target=bench.stop, args=(engine, 10.0))
        stopping.start()
        bench.receiver.release("answer")
        stopping.join(15)
        assert bench.seen.wait(1)[0].status is Status.SUCCESS


class TestLists:
    def ran(self, bench: Bench, count: int) -> Engine:
        engine = bench.start(
            *(bench.job(name, schedule=NEVER, concurrency="allow") for name in ("daily-backup", "other-job"))
        )
        for number in range(count):
            for name in ("daily-backup", "other-job"):
                engine.trigger(name)
            bench.seen.wait(2 * (number + 1))
        eventually(lambda: len(engine.executions(ExecutionQuery(status=Status.SUCCESS))) == 2 * count)
        return engine

    def test_are_newest_first_and_page_without_gaps(self, bench: Bench) -> None:
        engine = self.ran(bench, 3)
        everything = engine.executions(ExecutionQuery())
        first = engine.executions(ExecutionQuery(limit=3))
        last = first[-1]
        rest = engine.executions(ExecutionQuery(before=(last.scheduled_time, last.id)))
        assert [*first, *rest] == list(everything)
        times = [execution.scheduled_time for execution in everything]
        assert times == sorted(times, reverse=True)

    def test_filter_by_job_and_status(self, bench: Bench) -> None:
        engine = self.ran(bench, 1)
        found = engine.executions(ExecutionQuery(job="other-job", status=Status.SUCCESS))
        assert [execution.job for execution in found] == ["other-job"]
        assert engine.executions(ExecutionQuery(job="other-job", status=Status.FAILED)) == []
        assert engine.executions(ExecutionQuery(job="x' OR ChronosJob = 'other-job")) == []

    def test_latest_names_the_newest_of_each_job(self, bench: Bench) -> None:
        engine = self.ran(bench, 2)
        latest = engine.latest(["daily-backup", "other-job", "never-ran", "no name' OR"])
        newest = {execution.job: execution.id for execution in reversed(engine.executions(ExecutionQuery()))}
        assert {name: execution.id for name, execution in latest.items()} == newest

    def test_recent_are_the_newest_of_each_job_newest_first(self, bench: Bench) -> None:
        engine = self.ran(bench, 3)
        newest = [row.id for row in engine.executions(ExecutionQuery(job="daily-backup", limit=2))]
        recent = engine.recent(["daily-backup", "never-ran"], 2)
        assert {name: [row.id for row in rows] for name, rows in recent.items()} == {"daily-backup": newest}

    def test_an_unknown_execution_is_an_error(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule=NEVER))
        for unknown in ("nothing", "timetable/daily-backup", "7c9e6679-7425-40de-944b-e07fc1f90ae7"):
            with pytest.raises(NotFoundError):
                engine.execution(unknown)


def test_health_tells_what_runs(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule=NEVER))
    engine.trigger("daily-backup")
    assert bench.receiver.wait_for(1, 5)
    health = engine.health()
    assert (health.ok, health.running) == (True, 1)
    bench.receiver.release("answer")
    bench.stop(engine)
    assert not engine.health().ok


def test_jitter_delays_a_tick_by_the_same_amount_every_time(bench: Bench) -> None:
    job = bench.job(schedule="@every 2s", jitter="1s")
    bench.start(job)
    execution = bench.seen.wait(1)[0]
    assert execution.started_at is not None
    assert execution.started_at >= execution.scheduled_time + jitter(job.name, execution.scheduled_time, job.jitter)


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
        engine = bench.start(bench.job(schedule=OFTEN))
        bench.seen.wait(2)
        engine.trigger("daily-backup")
        ended = [row.scheduled_time for row in bench.seen.wait(4) if row.trigger is Trigger.SCHEDULE][:2]
        eventually(lambda: [row.scheduled_time for row in engine.ticks("daily-backup", ended[0], ended[1])] == ended)
        assert engine.ticks("other-job", ended[0], ended[1]) == []

    def test_include_a_range_that_reaches_beyond_the_window(
        self, bench: Bench, namespace: str, temporal: TemporalServer
    ) -> None:
        outages = TestMissedRuns()
        job = outages.hourly(bench, missed_run_policy="ignore")
        engine = outages.outage(bench, namespace, temporal, job, 10)
        [skipped] = bench.seen.wait(1)
        within = skipped.scheduled_time - 3 * HOUR
        [found] = eventually(lambda: engine.ticks("daily-backup", within, within + SECOND))
        assert (found.range_start, found.scheduled_time) == (skipped.range_start, skipped.scheduled_time)
        assert engine.ticks("daily-backup", within - 30 * HOUR, within - 29 * HOUR) == []

    def test_pauses_are_remembered_when_they_are_over(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule=NEVER))
        begin = datetime.now(UTC) - SECOND
        first = engine.pause("daily-backup", reason="first", by="ada")
        second = engine.pause("daily-backup", reason="second", by="ada", until=datetime.now(UTC) + SECOND)
        eventually(lambda: not engine.pauses())
        third = engine.pause("daily-backup", reason="third", by="ada")
        found = engine.pauses_of("daily-backup", begin)
        assert [pause.reason for pause in found] == ["first", "second", "third"]
        assert [rounded(pause.until) for pause in found] == [rounded(second.at), rounded(second.until), None]
        assert first.at < second.at < third.at
        later = engine.pauses_of("daily-backup", second.at + timedelta(milliseconds=500))
        assert [pause.reason for pause in later] == ["second", "third"]


def test_a_defect_of_ours_ends_as_a_failed_row_and_not_as_a_job_that_looks_busy(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule=NEVER))
    failpoints.arm("before-record:fail")
    engine.trigger("daily-backup")
    [broken] = bench.seen.wait(1)
    assert (broken.status, broken.error_class) == (Status.FAILED, "internal")
    eventually(lambda: engine.trigger("daily-backup").status is Status.PENDING)
    eventually(lambda: statuses(engine)[0] == ("failed", None) and statuses(engine)[-1] == ("success", None))
    [attempt] = engine.execution(broken.id).attempts
    assert "internal error (Failed)" in (attempt.error or "")
