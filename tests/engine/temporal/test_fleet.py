"""Several runners on one Temporal server, what operators do behind our back, and what outlives a release."""

import asyncio
import itertools
import signal
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.engine_harness import Bench, Seen, eventually, jobset
from harness.programs.temporal import TemporalServer, free_port, on_temporal, run, sleep_since
from temporalio.client import AsyncActivityHandle, Client, WorkflowExecutionStatus, WorkflowHistory

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.milliseconds import to_ms
from chronos_gitops.engine.model import ExecutionQuery, Status, Trigger
from chronos_gitops.engine.temporal import names, session
from chronos_gitops.engine.temporal.errors import Unavailable
from chronos_gitops.engine.temporal.timetables.reconciler import Reconciler, applied
from chronos_gitops.engine.temporal.timetables.revision_order import Ancestry
from chronos_gitops.engine.temporal.visibility.visibility import Visibility
from chronos_gitops.engine.temporal.workflows import schedule_workflow
from chronos_gitops.engine.temporal.workflows.messages import TriggerRequest
from chronos_gitops.errors import ConflictError
from chronos_gitops.jobs.model import Job
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy, Level

SECOND = timedelta(seconds=1)
OFTEN, NEVER = "@every 1s", "@yearly"


def open_at_once(receiver: Receiver, until: Callable[[Receiver], bool], timeout: float) -> int:
    """The most requests to ``/hold`` that were open at the same time before ``until`` held."""
    most = 0

    def look(receiver: Receiver) -> bool:
        nonlocal most
        most = max(most, len(receiver.requests) - len(receiver.abandoned))
        return until(receiver)

    assert receiver.wait_for(look, timeout)
    return most


def test_two_runners_double_nothing_and_miss_nothing(bench: Bench) -> None:
    jobs = [bench.job(f"job-{number}", schedule=OFTEN, concurrency="allow") for number in range(4)]
    engine, _ = bench.start(*jobs), bench.start(*jobs)
    assert bench.receiver.wait_for(16, 60)
    engine.apply(jobset())
    sent = [request.execution_id for request in bench.receiver.requests]
    assert len(set(sent)) == len(sent)
    for job in jobs:
        eventually(lambda job=job: gaps(engine, job.name) == {SECOND})


def gaps(engine: Engine, job: str) -> set[timedelta]:
    """Between what the rows stand for; one counts all that was due and not claimed when the job went."""
    rows = sorted(engine.executions(ExecutionQuery(job=job)), key=lambda row: row.scheduled_time)
    pairs = itertools.pairwise(rows)
    return {(later.range_start or later.scheduled_time) - earlier.scheduled_time for earlier, later in pairs}


def test_exactly_one_of_two_reconcilers_makes_a_change(bench: Bench, client: Callable[[], Any]) -> None:
    bench.start()
    given = [applied(definition) for definition in jobset(*(bench.job(f"job-{n}", schedule=NEVER) for n in range(5)))]

    async def both() -> list[bool]:
        found: Client = await client()
        one, other = (Reconciler(found, Visibility(found), Ancestry()) for _ in range(2))
        return [await one.give(each) + await other.give(each) for each in given]

    assert run(both()) == [1] * 5


def test_replace_lets_one_run_at_a_time_and_the_newest_wins(bench: Bench) -> None:
    job = bench.job(path="/hold/answer", schedule=OFTEN, concurrency="replace")
    engine, _ = bench.start(job), bench.start(job)
    assert open_at_once(bench.receiver, lambda receiver: len(receiver.abandoned) >= 3, 60) == 1
    engine.apply(jobset(replace(job, enabled=False)))
    newest = eventually(
        lambda: len(running := engine.running("daily-backup")) == 1 and running[0].status is Status.RUNNING and running
    )[0]
    bench.receiver.release("answer")
    eventually(lambda: engine.execution(newest.id).execution.status is Status.SUCCESS)
    rows = engine.executions(ExecutionQuery())
    assert rows[0].id == newest.id
    assert {(row.status, row.reason) for row in rows[1:]} == {(Status.CANCELLED, "replaced")}


def test_forbid_lets_one_run_at_a_time_over_two_runners_also_when_a_timetable_continues_as_new(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, client: Callable[[], Any]
) -> None:
    monkeypatch.setattr(schedule_workflow, "CONTINUE_AFTER", 2)
    job = bench.job(path="/hold/answer", schedule=OFTEN)
    engine, other = bench.start(job), bench.start(job)
    assert bench.receiver.wait_for(1, 30)
    with ThreadPoolExecutor(8) as pool:
        triggered = list(pool.map(lambda each: each.trigger("daily-backup"), [engine, other] * 4))
    bench.seen.wait_until(lambda: len(bench.seen.ended) >= len(triggered) + 4, 60)
    assert {row.reason for row in triggered} == {"overlap"}
    assert len(bench.receiver.requests) == 1

    async def runs() -> int:
        found: Client = await client()
        return (await found.count_workflows("ExecutionStatus = 'ContinuedAsNew'")).count

    assert eventually(lambda: run(runs()) >= 2)
    bench.receiver.release("answer")
    bench.seen.wait_until(lambda: sum(row.status is Status.SUCCESS for row in bench.seen.ended) >= 2, 60)
    engine.pause("daily-backup", reason="seen enough", by="ada")
    rows = engine.executions(ExecutionQuery())
    ticks = sorted(row.scheduled_time for row in rows if row.trigger is Trigger.SCHEDULE)
    assert [later - earlier for earlier, later in itertools.pairwise(ticks)] == [SECOND] * (len(ticks) - 1)


def test_what_waits_its_turn_gets_it_also_when_its_timetable_continues_as_new(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, client: Callable[[], Any]
) -> None:
    monkeypatch.setattr(schedule_workflow, "CONTINUE_AFTER", 2)
    job = bench.job(schedule="0 * * * *", catchup_window="24h", missed_run_policy="execute_all")

    async def asleep() -> None:
        await sleep_since(await client(), jobset(job).definitions[job.name], datetime.now(UTC) - timedelta(hours=6))

    run(asleep())
    bench.start(job)
    assert [row.status for row in bench.seen.wait(6)[:6]] == [Status.SUCCESS] * 6
    times = [request.header("X-Chronos-Scheduled-Time") or "" for request in bench.receiver.requests]
    assert times == sorted(times)


def test_what_is_triggered_before_a_timetable_begins_to_run_holds_others_up(
    bench: Bench, client: Callable[[], Any]
) -> None:
    """An update may come before the workflow's own code: what it starts was once taken for something that ended."""
    job = bench.job(path="/hold/answer", schedule=NEVER)

    async def triggered() -> str:
        found: Client = await client()
        await sleep_since(found, jobset(job).definitions[job.name], datetime.now(UTC))
        handle = found.get_workflow_handle(names.timetable_id(job.name))
        asking = asyncio.create_task(
            handle.execute_update(names.TRIGGER, TriggerRequest(str(uuid.uuid4()), to_ms(datetime.now(UTC))))
        )
        await asyncio.wait([asking], timeout=1.0)
        engine = await asyncio.to_thread(bench.start, job)
        await asking
        assert await asyncio.to_thread(bench.receiver.wait_for, 1, 30)
        assert (await asyncio.to_thread(engine.trigger, job.name)).reason == "overlap"
        return "\n".join(str(event) for event in (await handle.fetch_history()).events)

    history = run(triggered())
    assert f'name: "{names.WATCH}"' not in history
    bench.receiver.release("answer")


def test_a_removed_job_ends_its_timetable_when_nothing_runs_and_a_paused_one_keeps_its_pause(
    bench: Bench, client: Callable[[], Any]
) -> None:
    removed = ("removed", "removed-while-paused", "removed-while-running")
    jobs = [bench.job(name, "/hold/answer", schedule=NEVER) for name in removed]
    engine = bench.start(*jobs)
    running = engine.trigger("removed-while-running")
    assert bench.receiver.wait_for(1, 30)
    engine.pause("removed-while-paused", reason="maintenance", by="ada")
    engine.apply(jobset())

    async def status(job: str) -> WorkflowExecutionStatus | None:
        return (await (await client()).get_workflow_handle(names.timetable_id(job)).describe()).status

    eventually(lambda: run(status("removed")) is WorkflowExecutionStatus.COMPLETED)
    assert run(status("removed-while-running")) is WorkflowExecutionStatus.RUNNING
    bench.receiver.release("answer")
    eventually(lambda: run(status("removed-while-running")) is WorkflowExecutionStatus.COMPLETED)
    assert engine.execution(running.id).execution.status is Status.SUCCESS
    assert run(status("removed-while-paused")) is WorkflowExecutionStatus.RUNNING
    engine.apply(jobset(*jobs))
    assert set(engine.pauses()) == {"removed-while-paused"}
    assert engine.trigger("removed").status is Status.PENDING


def test_an_execution_that_somebody_terminates_has_an_end_and_frees_its_job(
    bench: Bench, client: Callable[[], Any]
) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule=NEVER))
    first = engine.trigger("daily-backup")
    assert bench.receiver.wait_for(1, 30)

    async def terminate(workflow_id: str) -> None:
        await (await client()).get_workflow_handle(workflow_id).terminate()

    run(terminate(first.id))
    eventually(lambda: engine.execution(first.id).execution.status is Status.CANCELLED)
    eventually(
        lambda: [row.id for row in engine.executions(ExecutionQuery(statuses=(Status.CANCELLED,)))] == [first.id]
    )
    assert bench.receiver.wait_for(lambda receiver: len(receiver.abandoned) == 1, 30)
    eventually(lambda: engine.trigger("daily-backup").status is Status.PENDING)
    bench.receiver.release("answer")


def test_a_timetable_that_somebody_terminates_is_started_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, client: Callable[[], Any]
) -> None:
    monkeypatch.setattr(session, "CHECK_EVERY", 0.2)
    bench.start(bench.job(schedule=OFTEN))
    bench.seen.wait(1)

    async def terminate() -> None:
        await (await client()).get_workflow_handle(names.timetable_id("daily-backup")).terminate()

    run(terminate())
    count = len(bench.seen.ended)
    bench.seen.wait(count + 2)


class Ahead(SystemClock):
    def now(self) -> datetime:
        return super().now() + timedelta(hours=1)


def test_a_runner_whose_clock_is_wrong_asks_the_server_before_each_request_and_sends(
    temporal: TemporalServer, namespace: str, receiver: Receiver, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    real = AsyncActivityHandle.heartbeat

    async def heartbeat(handle: AsyncActivityHandle) -> None:
        await real(handle)
        asked.append(True)

    monkeypatch.setattr(AsyncActivityHandle, "heartbeat", heartbeat)
    bench = Bench(on_temporal(temporal.url(namespace)), receiver, Ahead(), seen)  # type: ignore[arg-type]  # real
    engine = bench.start(bench.job(schedule=NEVER, path="/flaky/1", retry_policy={"initial_interval": "10ms"}))
    engine.trigger("daily-backup")
    assert seen.wait(1)[0].status is Status.SUCCESS
    assert len(receiver.requests) == len(asked) == 2
    bench.stop_all()


def test_no_value_of_a_secret_enters_a_history(bench: Bench, client: Callable[[], Any], namespace: str) -> None:
    def delivery() -> Delivery:
        egress = EgressPolicy(level=Level.INTERNAL, loopback_allowed=True)
        return Delivery(secrets=Secrets({"backup-token": "hunter2-hunter2"}), egress=egress, user_agent="test")

    engine = bench._maker(delivery, SystemClock(), bench.seen)  # type: ignore[arg-type]  # a real clock
    engine.start()
    bench._running.append(engine)
    headers = {"Authorization": "Bearer ${secret:backup-token}"}
    url = bench.receiver.url("/status/404")
    webhook = {"url": url, "method": "POST", "headers": headers, "body": "token=${secret:backup-token}"}
    job = Job.from_document({"name": "daily-backup", "schedule": NEVER, "enabled": True, "webhook": webhook})
    engine.apply(jobset(job))
    engine.trigger("daily-backup")
    bench.seen.wait(1)
    assert bench.receiver.requests[0].header("Authorization") == "Bearer hunter2-hunter2"
    everything = run(histories(client))
    kinds = [kind.partition("-")[0] for kind in everything]
    marks = (names.IDENTITY, names.SIGNING_KEY, names.APPLIED_REVISION, names.ZONE_DATA, names.NEWEST_ZONE_DATA)
    assert sorted(kinds) == sorted([names.TIMETABLE, names.EXECUTION, *marks])
    for kind, history in everything.items():
        assert "hunter2" not in decoded(history)
        assert ("${secret:backup-token}" in decoded(history)) != kind.startswith(marks)


async def histories(client: Callable[[], Any]) -> dict[str, WorkflowHistory]:
    found: Client = await client()
    listed = [workflow async for workflow in found.list_workflows()]
    fetched = [
        await found.get_workflow_handle(workflow.id, run_id=workflow.run_id).fetch_history() for workflow in listed
    ]
    return {f"{workflow.workflow_type}-{workflow.run_id}": one for workflow, one in zip(listed, fetched, strict=True)}


def decoded(history: WorkflowHistory) -> str:
    """All of it, payloads too: they are base64 in the JSON form."""
    return "".join(str(event) for event in history.events)


def test_a_long_list_is_read_by_spans_of_time(bench: Bench, client: Callable[[], Any]) -> None:
    engine = bench.start(bench.job(schedule=NEVER, concurrency="allow"))
    for number in range(7):
        engine.trigger("daily-backup")
        bench.seen.wait(number + 1)
    eventually(lambda: len(engine.executions(ExecutionQuery(statuses=(Status.SUCCESS,)))) == 7)
    everything = engine.executions(ExecutionQuery())

    async def pages(**filters: Any) -> list[str]:
        found: Client = await client()
        ids: list[str] = []
        before = None
        while rows := await Visibility(found, few=1).executions(ExecutionQuery(limit=2, before=before, **filters)):
            ids += [row.id for row in rows]
            before = (rows[-1].scheduled_time, rows[-1].id)
        return ids

    ids = [row.id for row in everything]
    assert run(pages()) == ids
    since, until = everything[5].scheduled_time, everything[1].scheduled_time
    assert run(pages(since=since, until=until, statuses=tuple(Status))) == ids[2:6]
    assert run(pages(until=datetime(8999, 1, 1, tzinfo=UTC), trigger=Trigger.MANUAL)) == ids
    assert run(pages(until=until, trigger=Trigger.SCHEDULE)) == []


def test_one_at_a_time_over_all_runners(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_TURN_WITHIN", 0.3)
    one, other = bench.start(), bench.start()
    with one.alone("rollback"), pytest.raises(ConflictError, match="another runner"), other.alone("rollback"):
        pass
    with other.alone("rollback"), one.alone("something else"):
        pass


@pytest.mark.full  # ten seconds: a server is killed and started twice
def test_a_server_that_is_away_is_waited_for(
    tmp_path: Path, receiver: Receiver, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    server = TemporalServer(tmp_path, port=free_port(), database=tmp_path / "temporal.db")
    bench = Bench(on_temporal(server.url("default"), late=SECOND), receiver, SystemClock(), seen)  # type: ignore[arg-type]  # real
    engine = bench.start(bench.job(schedule=OFTEN, missed_run_policy="ignore"))
    assert not engine.health().ok
    assert "no connection" in engine.health().detail
    assert engine.pauses() == {}
    for question in (lambda: engine.trigger("daily-backup"), lambda: engine.executions(ExecutionQuery())):
        with pytest.raises(Unavailable, match="Temporal at 127"):
            question()
    server.start()
    try:
        seen.wait(1, 30)
        assert engine.health().ok
        server.stop(how=signal.SIGKILL)
        eventually(lambda: not engine.health().ok, 20)
        server.start()
        count = len(seen.ended)
        seen.wait(count + 2, 30)
        eventually(lambda: engine.health().ok)
        told = {row.id: row for row in engine.executions(ExecutionQuery(limit=1000))}
        assert accounted_for(told.values())
        assert len({request.execution_id for request in receiver.requests}) == len(receiver.requests)
        assert "Traceback" not in caplog.text
    finally:
        bench.stop_all()
        server.stop(how=signal.SIGKILL)


def accounted_for(rows: Any) -> bool:
    """True if every second between the first and the last tick has a row."""
    ticks: list[datetime] = []
    for row in rows:
        first = row.range_start or row.scheduled_time
        ticks += [first + number * SECOND for number in range(round((row.scheduled_time - first) / SECOND) + 1)]
    ticks.sort()
    return [later - earlier for earlier, later in itertools.pairwise(ticks)] == [SECOND] * (len(ticks) - 1)


@pytest.mark.timeout(110)
def test_a_server_that_hangs_fails_liveness_and_lets_the_runner_stop(
    tmp_path: Path, receiver: Receiver, seen: Seen
) -> None:
    """Takes 25 seconds: the server's patience with a silent runner has to run out."""
    server = TemporalServer(tmp_path).start()
    bench = Bench(on_temporal(server.url("default")), receiver, SystemClock(), seen)  # type: ignore[arg-type]  # real
    engine = bench.start(bench.job(schedule="@yearly"))
    process = server._process
    assert process is not None
    try:
        eventually(lambda: engine.health().ok)
        assert engine.health().liveness_failure == ""
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: "has not answered" in engine.health().liveness_failure, 40)
        assert not engine.health().ok
        process.send_signal(signal.SIGCONT)
        eventually(lambda: engine.health().liveness_failure == "", 20)
    finally:
        process.send_signal(signal.SIGCONT)
        bench.stop_all()
        server.stop(how=signal.SIGKILL)
