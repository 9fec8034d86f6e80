"""Detects workers of this runner that do not poll, by the server's own list of pollers."""

import asyncio
import logging
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.clock import elapsed
from chronos_gitops.engine.temporal import names

log = logging.getLogger(__name__)

_LONG_POLL = timedelta(seconds=60)
"""A server holds a request for tasks open for so long when there is none, and notes only when it came."""
SILENT_AFTER = _LONG_POLL + names.HEARTBEAT_TIMEOUT
_WITHIN = timedelta(seconds=5)
_WORKFLOW, _ACTIVITY = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
_POLLED = tuple((queue, kind) for queue in (names.TIMETABLES, names.EXECUTIONS) for kind in (_WORKFLOW, _ACTIVITY))


class PollWatch:
    """``look`` every few seconds; ``failure`` and ``runners`` may be asked from any thread.

    The server's times are compared with each other only, never with a clock of this machine.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked = {polled: (0, elapsed()) for polled in _POLLED}
        self._is_allowed = True
        self.runners = 1
        """Runners that ask for executions, this one included."""

    async def look(self) -> None:
        """Raises RPCError when the server does not answer."""
        if not self._is_allowed:
            return
        try:
            await asyncio.gather(*(self._look_at(queue, kind) for queue, kind in _POLLED))
        except RPCError as error:
            if error.status not in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED):
                raise
            log.warning(
                "the server does not report the pollers of its task queues, so a stopped worker is not detected"
            )
            self._is_allowed = False

    async def _look_at(self, queue: str, kind: "TaskQueueType.ValueType") -> None:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
        )
        found = await self._client.workflow_service.describe_task_queue(request, timeout=_WITHIN)
        self._note((queue, kind), found)

    def _note(self, polled: tuple[str, "TaskQueueType.ValueType"], found: DescribeTaskQueueResponse) -> None:
        times = {poller.identity: poller.last_access_time.ToMilliseconds() for poller in found.pollers}
        mine = times.get(self._client.identity, 0)
        if mine != self._asked[polled][0]:
            self._asked[polled] = mine, elapsed()
        if polled == (names.EXECUTIONS, _ACTIVITY) and times:
            newest = max(times.values())
            self.runners = sum(newest - at < milliseconds.length(SILENT_AFTER) for at in times.values())

    @property
    def failure(self) -> str:
        """Empty while all workers ask for tasks, or the server may not say."""
        if not self._is_allowed:
            return ""
        (queue, _), (_, since) = min(self._asked.items(), key=lambda asked: asked[1][1])
        seconds = elapsed() - since
        if seconds <= SILENT_AFTER.total_seconds():
            return ""
        return f"this runner has not asked for tasks of {queue} for {seconds:.0f} s, although the server answers"
