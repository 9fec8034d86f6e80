"""Rows of scheduled times to come that a server's clock which was ahead has left go, unless their execution has begun.

What ran keeps its workflow, whose id keeps it from running twice.
"""

import asyncio

from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine.milliseconds import instant, to_ms
from chronos_gitops.engine.model import Trigger
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.visibility.visibility import Visibility
from chronos_gitops.engine.temporal.worker.activities import TimingActivities
from chronos_gitops.engine.temporal.workflows.messages import AheadMark


class Reclaiming:
    def __init__(self, client: Client, visibility: Visibility, timing: TimingActivities) -> None:
        self._client = client
        self._visibility = visibility
        self._timing = timing

    @activity.defn(name=names.RECLAIM)
    async def reclaim(self, ahead: AheadMark) -> int:
        """Deletes the skipped rows; the mark to go on from, up to which every tick has a row. Repeatable."""
        now = instant(ahead.now)
        self._timing.note_ahead(instant(ahead.mark), now)
        skipped = await self._visibility.skipped_after(ahead.job, now)
        await asyncio.gather(*(self._delete(row.id) for row in skipped))
        rows = await self._visibility.ticks(ahead.job, instant(ahead.back_to), now)
        decided = [to_ms(row.scheduled_time) for row in rows if row.trigger in (Trigger.SCHEDULE, Trigger.CATCHUP)]
        return max((tick for tick in decided if tick <= ahead.now), default=ahead.back_to)

    @activity.defn(name=names.WITHDRAW)
    async def withdraw(self, execution_id: str) -> None:
        """The server ends the execution, which has not begun, and deletes it, so that its id may come again."""
        await self._delete(execution_id)

    async def _delete(self, execution_id: str) -> None:
        """The server deletes a moment later: at once, or after some seconds where it has just closed."""
        request = DeleteWorkflowExecutionRequest(
            namespace=self._client.namespace, workflow_execution=WorkflowExecution(workflow_id=execution_id)
        )
        try:
            await self._client.workflow_service.delete_workflow_execution(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
