"""Updates that arrive: a workflow which they meet while it changes runs makes the server refuse or lose them."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

T = TypeVar("T")

WITHIN = 25.0
"""Seconds for which an update is sent again. A timetable changes runs within milliseconds, but a workflow task that is
lost on the way to its runner is given to another after 10 s, and the SDK by itself tries for 10 s."""
_FIRST_REST, _LONGEST_REST = 0.02, 0.5
_LOST_WITH_ITS_RUN = "AcceptedUpdateCompletedWorkflow"
"""The type of the failure by which a server tells that a run ended before the update that it had accepted."""
_NOT_TAKEN = frozenset({RPCStatusCode.FAILED_PRECONDITION, RPCStatusCode.NOT_FOUND, RPCStatusCode.RESOURCE_EXHAUSTED})
_ABORTED = "workflow update was aborted"
"""The message of an UNAVAILABLE that is about the run and not about the server."""


class Ended(Exception):
    """No workflow of this id is open, so nothing can receive the update."""


async def send(handle: "WorkflowHandle[Any, Any]", update: str, *arguments: object, result_type: type | None) -> Any:
    """The workflow's answer to an update, which it may hear twice. Raises what ``again`` raises."""
    return await again(
        lambda update_id: handle.execute_update(update, args=arguments, id=update_id, result_type=result_type), handle
    )


async def send_with_start(
    client: Client,
    start: "Callable[[], WithStartWorkflowOperation[Any, Any]]",
    update: str,
    *arguments: object,
    result_type: type[T],
) -> T:
    """As ``send``, to a workflow that is started where there is none. The SDK takes each ``start`` once, and keeps a
    failure in it that asyncio logs as never retrieved."""

    async def once(update_id: str) -> T:
        operation = start()
        handle = asyncio.create_task(operation.workflow_handle())
        try:
            answer: T = await client.execute_update_with_start_workflow(
                update, args=arguments, id=update_id, start_workflow_operation=operation, result_type=result_type
            )
        finally:
            handle.cancel()
            await asyncio.gather(handle, return_exceptions=True)
        return answer

    return await again(once)


async def again(once: Callable[[str], Awaitable[T]], handle: "WorkflowHandle[Any, Any] | None" = None) -> T:
    """``once`` with the id of an update, sent again when the run that it met could not take it.

    An update that waits for a workflow task which fails, because something else happened to a workflow that was about
    to end or to continue as new, is refused (FAILED_PRECONDITION) or aborted (UNAVAILABLE) although the same workflow
    task is tried again; until then the run is closing and takes none (RESOURCE_EXHAUSTED). An update to a run that
    has just ended gets NOT_FOUND, and another run may have begun: so ``handle`` is asked whether the workflow is open.

    Raises Ended, and whatever else the server says as RPCError or WorkflowUpdateFailedError.
    """
    loop, update_id = asyncio.get_running_loop(), str(uuid.uuid4())
    deadline, rest = loop.time() + WITHIN, _FIRST_REST
    while True:
        try:
            return await once(update_id)
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise error.__cause__ or error from None  # the SDK disguises our own cancellation as well
        except (RPCError, WorkflowUpdateFailedError) as error:
            if _was_not_found(error) and handle is not None and not await _is_open(handle):
                raise Ended from error
            if not _met_a_change_of_runs(error) or loop.time() > deadline:
                raise
        await asyncio.sleep(rest)
        rest = min(2 * rest, _LONGEST_REST)


def _was_not_found(error: Exception) -> bool:
    return isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND


def _met_a_change_of_runs(error: RPCError | WorkflowUpdateFailedError) -> bool:
    if isinstance(error, RPCError):
        return error.status in _NOT_TAKEN or _ABORTED in error.message
    return isinstance(error.cause, ApplicationError) and error.cause.type == _LOST_WITH_ITS_RUN


async def _is_open(handle: "WorkflowHandle[Any, Any]") -> bool:
    try:
        return (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
