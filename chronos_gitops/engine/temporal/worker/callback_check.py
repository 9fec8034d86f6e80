"""Callbacks that come before the request, for the target knows the URL from an earlier request of the execution."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.workflows.messages import AttemptOrder
from chronos_gitops.jobs.webhook import Completion

_WITHIN: Final = timedelta(seconds=5)
_AGAIN_S: Final = 1.0


class CallbackCheck:
    """Asks the execution, before a request that may not be its first one, whether a callback has ended it.

    Its workflow cannot tell the activity in time: a cancellation arrives with a heartbeat, up to a second later.
    """

    def __init__(self, order: AttemptOrder) -> None:
        awaits_callback = order.document["webhook"].get("completion") == Completion.CALLBACK
        self._is_needed = awaits_callback and (order.number > 1 or activity.info().attempt > 1)
        self._execution_id = order.execution_id

    @property
    def may_send(self) -> Callable[[], Awaitable[bool]] | None:
        """To be asked right before the first byte; None where no earlier request can have reached the target. No also
        while the server does not answer."""
        return self._may_send if self._is_needed else None

    async def is_called_back(self) -> bool:
        """Asks until the server answers, where there is anything to ask."""
        while self._is_needed:
            try:
                return await self._ask()
            except RPCError:
                await asyncio.sleep(_AGAIN_S)  # nothing is sent meanwhile
        return False

    async def _may_send(self) -> bool:
        try:
            return not await self._ask()
        except RPCError:
            return False

    async def _ask(self) -> bool:
        """The memo is written together with the answer to the callback."""
        handle = activity.client().get_workflow_handle(self._execution_id, run_id=activity.info().workflow_run_id)
        try:
            described = await handle.describe(rpc_timeout=_WITHIN)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return True  # it was deleted, so there is no execution to send a request for
            raise
        return bool((await described.memo_value(names.ROW)).get("is_called_back"))


def called_back() -> ApplicationError:
    """The end of an attempt that has sent nothing; that is no defect."""
    return ApplicationError(
        "the execution was called back", type="CalledBack", non_retryable=True, category=ApplicationErrorCategory.BENIGN
    )
