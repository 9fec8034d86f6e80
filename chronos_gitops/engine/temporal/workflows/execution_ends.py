"""The ends of a timetable's executions: of those that it started, and of those that its run before has left to it."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError

from chronos_gitops.engine.temporal import names

_Answer = TypeVar("_Answer")
_Handle = workflow.ChildWorkflowHandle[object, object]
_NO_LIMIT = timedelta(days=3650)
_AGAIN = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10))


class ExecutionEnds:
    """Calls ``on_end`` once for each, however it ended; the loop of the workflow keeps the tasks."""

    def __init__(self, on_end: Callable[[str], None]) -> None:
        self._on_end = on_end

    def follow(self, execution_id: str, handle: _Handle | None) -> None:
        asyncio.create_task(self._until_its_end(execution_id, handle))  # noqa: RUF006  # kept by the workflow's loop

    def follow_inherited(self, executions: Sequence[str]) -> None:
        """Their handles are gone."""
        if executions and workflow.patched(names.WATCH_PATCH):
            asyncio.create_task(self._until_all_ended(executions))  # noqa: RUF006  # kept by the workflow's loop
            return
        for execution_id in executions:
            self.follow(execution_id, None)

    async def _until_all_ended(self, executions: Sequence[str]) -> None:
        left = list(executions)
        while left:
            try:
                ended = await _watch(names.WATCH_ALL, left, list[str])
            except FailureError:
                ended = list(left)
            for execution_id in ended:
                left.remove(execution_id)
                self._on_end(execution_id)

    async def _until_its_end(self, execution_id: str, handle: _Handle | None) -> None:
        try:
            if handle is not None:
                await handle
            else:
                await _watch(names.WATCH, execution_id, type(None))
        except FailureError:
            pass  # it was terminated: that is an end, too
        self._on_end(execution_id)


async def _watch(activity: str, argument: object, answers: type[_Answer]) -> _Answer:
    answer: _Answer = await workflow.execute_activity(
        activity,
        argument,
        result_type=answers,
        start_to_close_timeout=_NO_LIMIT,
        heartbeat_timeout=names.HEARTBEAT_TIMEOUT,
        retry_policy=_AGAIN,
    )
    return answer
