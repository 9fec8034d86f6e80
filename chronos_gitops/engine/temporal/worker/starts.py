"""Executions that a decision starts itself, without a child workflow of the timetable: seven events instead of 18.

The decision is recorded only when its workflow task completes. One that is lost with its runner is made again, so
everything here is repeatable: an execution that has been started already counts as started.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine.milliseconds import instant, to_ms
from chronos_gitops.engine.model import Status, Trigger
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.worker.decisions import due_step
from chronos_gitops.engine.temporal.worker.timetable_rows import TimetableRows
from chronos_gitops.engine.temporal.workflows import messages
from chronos_gitops.engine.temporal.workflows.messages import Order, Situation, TimetableOrders
from chronos_gitops.engine.ticks.embedded_calendars import files_of
from chronos_gitops.jobs.model import Concurrency, Job

_AT_ONCE: Final = 20
_LISTED: Final = 200
_DOUBTFUL_S: Final = 5.0
"""The server gives the workflow task to another runner after 10 s, which may find the job paused or edited. A runner
that was frozen, or whose clock differs, leaves the start to its workflow task, which the server refuses then."""
_WITHIN: Final = timedelta(seconds=3)


async def begin(situation: Situation, verdict: TimetableOrders) -> TimetableOrders:
    """The verdict, which knows then which of the unfinished executions have ended; starts those of its orders that need
    no turn of others."""
    applied = situation.before
    if applied is None or not (situation.unfinished or situation.may_start):
        return verdict
    client = activity.client()
    may_overlap = applied.document["concurrency"] == Concurrency.ALLOW
    if situation.unfinished:
        known = await (listed_as_ended if may_overlap else ended)(client, situation.unfinished)
        verdict.ended.extend(known)
    is_free = len(verdict.ended) == len(situation.unfinished)
    plain = [order for order in verdict.orders if _is_plain(order)]
    if not situation.may_start or not plain or not (may_overlap or (is_free and len(verdict.orders) == 1)):
        return verdict
    if abs((datetime.now(UTC) - instant(situation.now)).total_seconds()) > _DOUBTFUL_S:
        return verdict
    for order in plain:
        order.row |= {"status": Status.RUNNING.value}
    await asyncio.gather(*(_start(client, order, applied.document) for order in plain))
    verdict.started.extend(order.row["id"] for order in plain)
    return verdict


async def past_begun(situation: Situation, job: Job | None, namespace: uuid.UUID) -> tuple[Situation, list[str]]:
    """The situation without the scheduled times whose executions a lost decision has started, and their ids. Only an
    answer that starts nothing anew needs it: they have rows, so they are neither missed nor given up."""
    if job is None or situation.before is None or situation.mark is None:
        return situation, []
    rows = TimetableRows(situation.before, situation.now, namespace)
    commits = files_of(situation.before.calendars).commits
    mark, moves, begun = instant(situation.mark), messages.moves(situation.moves), list[str]()
    while (due := due_step(job, mark, moves, commits)) is not None and due[1] <= instant(situation.now):
        step = due[0]
        if step.tick is None or step.held:
            break
        execution_id = rows.due(step.tick, Trigger.SCHEDULE).id
        if not activity.in_activity() or not await _is_there(execution_id):
            break
        begun.append(execution_id)
        mark, moves = step.at, step.moves
    return replace(situation, mark=to_ms(mark), moves=messages.pairs(moves)), begun


def with_begun(verdict: TimetableOrders, begun: Sequence[str]) -> TimetableOrders:
    verdict.started[:0] = begun
    return verdict


def _is_plain(order: Order) -> bool:
    is_due = order.row["trigger"] == Trigger.SCHEDULE and not Status(order.row["status"]).is_final
    return is_due and order.not_before is None


async def _start(client: Client, order: Order, document: dict[str, object]) -> None:
    row = order.row
    with contextlib.suppress(WorkflowAlreadyStartedError):
        await client.start_workflow(
            names.EXECUTION,
            Order(row, document),
            id=row["id"],
            task_queue=names.EXECUTIONS,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            memo={names.ROW: row},
            search_attributes=search_attributes.of_row(row),
            static_summary=f"{row['job']} {instant(row['scheduled_time']).isoformat()}",
            rpc_timeout=_WITHIN,
        )


async def ended(client: Client, execution_ids: Iterable[str]) -> list[str]:
    """Those that have, in their order; one that is not there has."""
    slots, asked = asyncio.Semaphore(_AT_ONCE), list(execution_ids)

    async def status(execution_id: str) -> WorkflowExecutionStatus | None:
        async with slots:
            return await _status(client, execution_id)

    found = await asyncio.gather(*map(status, asked))
    return [one for one, status in zip(asked, found, strict=True) if status is not WorkflowExecutionStatus.RUNNING]


async def _is_there(execution_id: str) -> bool:
    return await _status(activity.client(), execution_id) is not None


async def _status(client: Client, execution_id: str) -> WorkflowExecutionStatus | None:
    try:
        return (await client.get_workflow_handle(execution_id).describe()).status
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def listed_as_ended(client: Client, execution_ids: Sequence[str]) -> list[str]:
    """Those of very many that have, as far as the server's list knows by now."""
    found: list[str] = []
    for at in range(0, len(execution_ids), _LISTED):
        named = ", ".join(f"'{one}'" for one in execution_ids[at : at + _LISTED])
        closed = client.list_workflows(f"WorkflowId IN ({named}) AND ExecutionStatus != 'Running'")
        found += [one.id async for one in closed]
    return found
