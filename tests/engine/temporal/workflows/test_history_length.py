"""Histories of timetables stay short: a workflow task that runs out of time makes the next one replay everything."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from harness.engine_harness import Bench, eventually, jobset
from harness.programs.temporal import run, sleep_since

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.workflows import schedule_workflow
from chronos_gitops.jobs.model import Job

CLAIMS = 45
MOST_EVENTS = 400
"""20 claims and what comes meanwhile; 100 claims in one history were 900 events, 0.4 s of processor time to replay."""


def test_each_run_of_a_timetable_is_short(bench: Bench, client: Callable[[], Any]) -> None:
    engine = bench.start(bench.job(schedule="@yearly", concurrency="allow"))
    for _ in range(CLAIMS):
        engine.trigger("daily-backup")
    bench.seen.wait(CLAIMS, 120)
    found = eventually(lambda: len(known := run(lengths(client))) >= 3 and known)
    assert max(found) < MOST_EVENTS


def test_many_executions_that_are_caught_up_are_started_in_portions(bench: Bench, client: Callable[[], Any]) -> None:
    """Each event of a run that has a hundred children writes all of them: a server on a slow disk did nothing else."""
    start_after_an_outage(bench, client, minutes=90)
    bench.seen.wait_until(lambda: len(bench.seen.ended) >= 90, 240)
    assert max(run(lengths(client))) < MOST_EVENTS
    times = [request.header("X-Chronos-Scheduled-Time") or "" for request in bench.receiver.requests]
    assert times == sorted(times)
    assert len(times) == len(set(times)) >= 89


def test_a_message_finds_everything_claimed_that_is_decided(
    bench: Bench, client: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule_workflow, "AT_ONCE", 1)
    engine, job = start_after_an_outage(bench, client, minutes=30, path="/hold/answer")
    eventually(lambda: engine.executions(ExecutionQuery(job=job.name)))
    engine.pause(job.name, reason="the move", by="ada")
    assert len(eventually(lambda: len(found := unfinished(engine, job)) >= 29 and found)) <= 31
    bench.receiver.release("answer")
    bench.seen.wait_until(lambda: len(bench.seen.ended) >= 30, 120)


async def lengths(client: Callable[[], Any]) -> list[int]:
    """The number of events of each run of the timetable."""
    found = (await client()).list_workflows(f"WorkflowId = '{names.timetable_id('daily-backup')}'")
    runs = [(one.id, one.run_id) async for one in found]
    return [
        (await (await client()).get_workflow_handle(one, run_id=run_id).describe()).history_length
        for one, run_id in runs
    ]


def unfinished(engine: Engine, job: Job) -> Sequence[Execution]:
    asked = ExecutionQuery(job=job.name, statuses=(Status.PENDING, Status.RUNNING), limit=1000)
    return engine.executions(asked)


def start_after_an_outage(
    bench: Bench, client: Callable[[], Any], *, minutes: int, path: str = "/"
) -> tuple[Engine, Job]:
    """A job of one run at a time that is caught up, once for each minute."""
    job = bench.job(path=path, schedule="* * * * *", catchup_window="3h", missed_run_policy="execute_all")

    async def asleep() -> None:
        since = datetime.now(UTC) - timedelta(minutes=minutes)
        await sleep_since(await client(), jobset(job).definitions[job.name], since)

    run(asleep())
    return bench.start(job), job
