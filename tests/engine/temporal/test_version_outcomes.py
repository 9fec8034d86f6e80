"""Outcomes of versions where a job has more rows than are read over the network (PROMISES section 7)."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from harness.engine_harness import Bench
from harness.programs.temporal import run
from temporalio.client import Client

from chronos_gitops.engine.model import Execution, Status, Trigger
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.workflows.messages import row as row_of

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OLD, NEW = "a" * 40, "b" * 40
_AT_ONCE = 50


def ended(minute: int) -> Execution:
    """The first ten failed, by the commit of before."""
    at = NOON + timedelta(minutes=minute)
    status, commit = (Status.FAILED, OLD) if minute < 10 else (Status.SUCCESS, NEW)
    return Execution(str(uuid.uuid4()), "busy", at, Trigger.SCHEDULE, status, version=1, commit=commit, created_at=at)


async def keep(client: Client, executions: list[Execution]) -> None:
    """As a server keeps them. No worker looks at this queue: a list is made of memos alone."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(execution: Execution) -> None:
        row = row_of(execution)
        async with slots:
            await client.start_workflow(
                names.EXECUTION,
                id=execution.id,
                task_queue="of-nobody",
                memo={names.ROW: row},
                search_attributes=search_attributes.of_row(row),
            )

    count = (await client.count_workflows()).count + len(executions)
    await asyncio.gather(*map(one, executions))
    while (await client.count_workflows()).count < count:  # visibility follows
        await asyncio.sleep(0.05)


@pytest.mark.full
@pytest.mark.timeout(180)
def test_of_more_than_a_thousand_rows_the_newest_are_counted_and_the_answer_says_so(
    bench: Bench, client: Callable[[], Any]
) -> None:
    """Writes 1,005 workflows, which takes some seconds."""
    engine = bench.start()
    few, many = [ended(minute) for minute in range(990, 1005)], [ended(minute) for minute in range(990)]

    async def write(executions: list[Execution]) -> None:
        await keep(await client(), executions)

    run(write(few))
    found = engine.outcomes("busy")
    assert (found.keys(), found[NEW].success, found[NEW].complete) == ({NEW}, 15, True)
    run(write(many))
    found = engine.outcomes("busy")
    assert (found[NEW].success, found[NEW].complete, found[NEW].until) == (995, False, few[-1].scheduled_time)
    assert (found[OLD].failed, found[OLD].complete) == (5, False)
    assert found[OLD].first_failure == NOON + timedelta(minutes=5), "five failures are older than the thousand"
