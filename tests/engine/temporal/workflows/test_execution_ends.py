"""Executions that a timetable inherits when it continues as new."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from harness.engine_harness import Bench, eventually, jobset
from harness.programs.temporal import run, sleep_since
from temporalio.client import Client

from chronos_gitops.engine.model import ExecutionQuery, Status
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.workflows import schedule_workflow

QUEUED = 30


def test_one_activity_watches_a_whole_queue_that_was_inherited(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, client: Callable[[], Any]
) -> None:
    """Before, each had its own, and the heartbeats of a hundred kept the timetable itself from being worked on: a
    fault programme saw one that stood still for over four minutes."""
    monkeypatch.setattr(schedule_workflow, "CONTINUE_AFTER", 2)
    fields = {"catchup_window": "1h", "missed_run_policy": "execute_all"}
    job = bench.job(path="/hold/answer", schedule="* * * * *", **fields)

    async def asleep() -> None:
        since = datetime.now(UTC) - timedelta(minutes=QUEUED)
        await sleep_since(await client(), jobset(job).definitions[job.name], since)

    async def watching() -> list[str]:
        found: Client = await client()
        described = await found.get_workflow_handle(names.timetable_id(job.name)).describe()
        return [each.activity_type.name for each in described.raw_description.pending_activities]

    run(asleep())
    engine = bench.start(job)
    assert bench.receiver.wait_for(1, 30)
    eventually(lambda: names.WATCH_ALL in run(watching()), timeout=60)
    assert run(watching()) == [names.WATCH_ALL]
    waiting = engine.executions(ExecutionQuery(job=job.name, statuses=(Status.PENDING,), limit=1000))
    assert len(waiting) >= QUEUED - 2
    engine.cancel(waiting[0].id, by="ada")
    bench.receiver.release("answer")
    bench.seen.wait_until(lambda: len(bench.seen.ended) >= QUEUED, 120)
    times = [request.header("X-Chronos-Scheduled-Time") or "" for request in bench.receiver.requests]
    assert times == sorted(times)
    assert len(times) == len(set(times)) >= QUEUED - 2
