"""A server's clock that was ahead silences nothing on Temporal either (CONTRACT 2): what sleeps until then is woken."""

import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from harness.engine_harness import HOUR, MINUTE, Bench, Seen, eventually, jobset
from harness.programs.temporal import TemporalServer, on_temporal, run, sleep_ahead
from temporalio.client import Client

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.clock import TOLERANCE, SystemClock
from chronos_gitops.engine.milliseconds import to_ms
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.workflows.messages import Order, row
from chronos_gitops.jobs.model import Job

SECOND = timedelta(seconds=1)
OFTEN = "@every 1s"
DELETED_S = 400
"""Seconds for which the development server may keep a row that it was told to delete; 30 to over 90 were seen."""


def leave_asleep(bench: Bench, client: Callable[[], Any], by: timedelta, **fields: str) -> Any:
    """The job, whose timetable sleeps until ``by`` from now."""
    job = bench.job(schedule=OFTEN, **fields)

    async def asleep() -> None:
        await sleep_ahead(await client(), jobset(job).definitions[job.name], by, bench.delivery())

    run(asleep())
    return job


@pytest.mark.timeout(DELETED_S + 120)
@pytest.mark.parametrize(
    ("ahead", "policy"),
    [(TOLERANCE + MINUTE, "ignore"), (8 * HOUR, "execute_one"), (timedelta(days=365), "ignore")],
    ids=str,
)
def test_a_timetable_that_sleeps_until_then_is_woken_within_seconds(
    bench: Bench, client: Callable[[], Any], ahead: timedelta, policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    job = leave_asleep(bench, client, ahead, missed_run_policy=policy)
    started = datetime.now(UTC)
    engine = bench.start(job)
    soon = started + TOLERANCE
    bench.seen.wait_until(lambda: sum(started < row.scheduled_time < soon for row in bench.seen.ended) >= 2, 90)
    [shown, *_] = eventually(lambda: engine.next_runs(job.name, 1))
    assert shown < soon
    assert not engine.health().ok
    assert "the clock was ahead by" in engine.health().detail
    assert engine.health().liveness_failure == ""
    assert [record.message for record in caplog.records].count("clock_was_ahead") == 1
    sent = [request.execution_id for request in bench.receiver.requests]
    assert len(sent) == len(set(sent))
    eventually(lambda: (row := engine.latest([job.name]).get(job.name)) and row.scheduled_time < soon, DELETED_S)


@pytest.mark.timeout(DELETED_S + 120)
@pytest.mark.parametrize("policy", ["ignore", "execute_one"])
def test_each_time_since_it_fell_asleep_has_a_row_and_none_speaks_of_times_to_come(
    bench: Bench, client: Callable[[], Any], policy: str
) -> None:
    """The sleeping mark hides none of the times between; one to come that ran stays, or it would run again."""
    job = leave_asleep(bench, client, 8 * HOUR, missed_run_policy=policy, concurrency="allow")
    slept = datetime.now(UTC).replace(microsecond=0)
    engine = bench.start(job)

    def rows() -> list[Execution]:
        return list(engine.executions(ExecutionQuery(job=job.name, limit=1000)))

    def accounted(until: datetime) -> list[datetime]:
        spans = [(row.range_start or row.scheduled_time, row.count) for row in rows()]
        found = [first + number * SECOND for first, count in spans for number in range(count)]
        return sorted(tick for tick in found if slept < tick <= until)

    bench.seen.wait_until(lambda: any(slept < row.scheduled_time < slept + HOUR for row in bench.seen.ended), 90)
    until = datetime.now(UTC).replace(microsecond=0)
    due = [slept + number * SECOND for number in range(1, (until - slept) // SECOND + 1)]
    ran = [Status.SUCCESS] * (policy == "execute_one")
    eventually(lambda: [row.status for row in rows() if row.scheduled_time > slept + HOUR] == ran, DELETED_S)
    counted = eventually(lambda: len(found := accounted(until)) >= len(due) and Counter(found), 60)
    assert counted == Counter(due)


@pytest.mark.timeout(DELETED_S + 120)
@pytest.mark.parametrize(
    "fields",
    [{"concurrency": "forbid"}, {"concurrency": "queue"}, {"concurrency": "allow", "jitter": "5m"}],
    ids=["forbid", "queue", "jitter"],
)
def test_what_was_claimed_for_times_to_come_and_has_not_begun_goes(
    bench: Bench, client: Callable[[], Any], fields: dict[str, str]
) -> None:
    """Before, a hundred were sent hours early, and not at their time."""
    job = leave_asleep(bench, client, 8 * HOUR, path="/hold/first", missed_run_policy="execute_all", **fields)
    slept = datetime.now(UTC)
    engine = bench.start(job)

    def to_come() -> set[str]:
        rows = engine.executions(ExecutionQuery(job=job.name, limit=1000))
        return {row.id for row in rows if row.scheduled_time > slept + HOUR}

    def sent_early() -> set[str]:
        early = f"{slept + HOUR:%Y-%m-%dT%H:%M:%SZ}"
        found = (one for one in bench.receiver.requests if (one.header("X-Chronos-Scheduled-Time") or "") > early)
        return {request.execution_id or "" for request in found}

    eventually(lambda: to_come() == sent_early(), DELETED_S)
    begun = sent_early()
    assert len(begun) == 1 or "jitter" in fields
    bench.receiver.release("first")
    engine.trigger(job.name)
    bench.seen.wait_until(lambda: any(slept < row.scheduled_time < slept + HOUR for row in bench.seen.ended), 90)
    assert sent_early() == to_come() == begun
    assert {row.id for row in bench.seen.ended if row.scheduled_time > slept + HOUR} <= begun


def test_a_paused_timetable_is_corrected_and_stays_paused(bench: Bench, client: Callable[[], Any]) -> None:
    job = leave_asleep(bench, client, 8 * HOUR)
    engine = bench.start(job)
    engine.pause(job.name, reason="maintenance", by="ada")
    eventually(lambda: engine.decided_until() == {})
    assert set(engine.pauses()) == {job.name}
    resumed = datetime.now(UTC)
    engine.resume(job.name)
    soon = resumed + TOLERANCE
    bench.seen.wait_until(lambda: any(resumed < row.scheduled_time < soon for row in bench.seen.ended), 90)


def start_execution(bench: Bench, client: Callable[[], Any], job: Job, created_at: datetime) -> str:
    execution = replace(bench.start(job).trigger(job.name), id=str(uuid.uuid4()), created_at=created_at)
    order = Order(row(execution), job.document(), not_before=to_ms(created_at))

    async def started() -> None:
        found: Client = await client()
        await found.start_workflow(
            names.EXECUTION,
            order,
            id=execution.id,
            task_queue=names.EXECUTIONS,
            memo={names.ROW: order.row},
            search_attributes=search_attributes.of_row(order.row),
        )

    run(started())
    return execution.id


def test_an_execution_that_was_claimed_then_does_not_wait_for_that_time(
    bench: Bench, client: Callable[[], Any]
) -> None:
    job = bench.job(schedule="@yearly", concurrency="allow")
    identity = start_execution(bench, client, job, datetime.now(UTC) + 8 * HOUR)
    bench.seen.wait_until(lambda: any(ended.id == identity for ended in bench.seen.ended))


def test_an_execution_that_is_woken_keeps_its_retry_wait(bench: Bench, client: Callable[[], Any]) -> None:
    policy = {"max_attempts": 2, "initial_interval": "3s", "max_interval": "3s"}
    engine = bench.start(bench.job(path="/flaky/1", schedule="@yearly", retry_policy=policy))
    waiting = engine.trigger("daily-backup")
    eventually(lambda: engine.execution(waiting.id).execution.attempts == 1)

    async def woken() -> None:
        handle = (await client()).get_workflow_handle(waiting.id)
        for _ in range(4):
            await handle.signal(names.LOOK)

    run(woken())
    [ended] = bench.seen.wait(1)
    assert (ended.status, ended.attempts) == (Status.SUCCESS, 2)
    first, second = engine.execution(waiting.id).attempts
    assert 2.4 <= (second.started_at - first.started_at).total_seconds() < 6


class Behind(SystemClock):
    def now(self) -> datetime:
        return super().now() - HOUR


def test_a_runner_whose_own_clock_is_behind_says_so_and_shows_what_the_server_will_do(
    temporal: TemporalServer, namespace: str, receiver: Receiver, seen: Seen
) -> None:
    bench = Bench(on_temporal(temporal.url(namespace)), receiver, Behind(), seen)  # type: ignore[arg-type]  # real
    try:
        engine = bench.start(bench.job(schedule="@hourly"))
        eventually(lambda: "the clock of this machine is behind that of the server by" in engine.health().detail)
        [shown] = engine.next_runs("daily-backup", 1)
        assert timedelta(0) < shown - datetime.now(UTC) <= HOUR
    finally:
        bench.stop_all()
