"""The row of a held tick whose move an edit has ended: a closed workflow cannot change, so another run takes its
place."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Final

from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine.milliseconds import instant
from chronos_gitops.engine.model import Execution, Reason
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.visibility.visibility import Visibility
from chronos_gitops.engine.temporal.workflows import messages
from chronos_gitops.engine.temporal.workflows.messages import Order, Withdrawal

_FARTHEST_MOVE: Final = timedelta(days=32)


class WithdrawnMoves:
    def __init__(self, client: Client, visibility: Visibility) -> None:
        self._client = client
        self._visibility = visibility

    @activity.defn(name=names.WITHDRAW_MOVES)
    async def withdraw_moves(self, withdrawal: Withdrawal) -> None:
        """Repeatable: a row without its move is left as it is."""
        targets = set(map(instant, withdrawal.targets))
        rows = await self._visibility.ticks(withdrawal.job, min(targets) - _FARTHEST_MOVE, max(targets))
        moved = [row for row in rows if row.reason == Reason.CALENDAR and row.moved_to in targets]
        await asyncio.gather(*(self._replace(row, withdrawal.why) for row in moved))

    async def _replace(self, row: Execution, why: str) -> None:
        handle = self._client.get_workflow_handle(row.id)
        before = await handle.describe()
        known = messages.execution(await before.memo_value(names.ROW))
        if known.moved_to is not None:
            after = messages.row(replace(known, moved_to=None, message=why))
            with contextlib.suppress(WorkflowAlreadyStartedError):  # another runner does the same
                await self._client.start_workflow(
                    names.EXECUTION,
                    Order(after, is_correction=True),
                    id=row.id,
                    task_queue=names.EXECUTIONS,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    memo={names.ROW: after},
                    search_attributes=search_attributes.of_row(after),
                    static_summary=f"{row.job} {row.scheduled_time.isoformat()}",
                )
            await self._delete(row.id, before.run_id)

    async def _delete(self, execution_id: str, run_id: str) -> None:
        """The run with the row of before; the server does it a moment later."""
        run = WorkflowExecution(workflow_id=execution_id, run_id=run_id)
        request = DeleteWorkflowExecutionRequest(namespace=self._client.namespace, workflow_execution=run)
        try:
            await self._client.workflow_service.delete_workflow_execution(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
