"""The workers of a runner: timetables, decisions, executions, attempts. A drain ends them without losing anything."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.visibility.visibility import Visibility
from chronos_gitops.engine.temporal.worker.activities import Sending, TimingActivities
from chronos_gitops.engine.temporal.worker.gate_watch import GateWatch
from chronos_gitops.engine.temporal.worker.reclaiming import Reclaiming
from chronos_gitops.engine.temporal.worker.watching import Watching
from chronos_gitops.engine.temporal.worker.withdrawn_moves import WithdrawnMoves
from chronos_gitops.engine.temporal.workflows.decision_workflow import DecisionWorkflow
from chronos_gitops.engine.temporal.workflows.execution_workflow import ExecutionWorkflow
from chronos_gitops.engine.temporal.workflows.replay_workflow import ReplayWorkflow
from chronos_gitops.engine.temporal.workflows.schedule_workflow import TimetableWorkflow

_STICKY = timedelta(seconds=1)
"""After a kill a timetable waits so long for the worker that knew it; the default, 10 s, is paid twice for a tick."""
_LAST_WORDS = 2.0
_LONGEST_TASK_S = 10.0
"""The server gives a workflow task to another runner after so long. The SDK fails one after 2 s as a deadlock, and a
server waits up to minutes before it tries a task again that has failed some times: on a busy machine, where a runner
may get no processor for seconds, jobs stood still."""
_ATTEMPTS = 2000
"""Requests are limited by the delivery's own slots; a worker's limit would only hold up their heartbeats."""


class Workers:
    """``run`` them until one fails, ``drain`` them to stop."""

    def __init__(
        self, client: Client, visibility: Visibility, *, timing: TimingActivities, sending: Sending, gates: GateWatch
    ) -> None:
        self._sending = sending
        self._gates = gates
        self._is_draining = False
        watching, reclaiming = Watching(client), Reclaiming(client, visibility, timing)
        withdrawn = WithdrawnMoves(client, visibility)
        common: dict[str, Any] = {
            # What workflow code may not do stands in its modules and is held by a replay test; the sandbox would
            # import the house anew for each workflow.
            "workflow_runner": UnsandboxedWorkflowRunner(),
            "sticky_queue_schedule_to_start_timeout": _STICKY,
            "max_heartbeat_throttle_interval": names.HEARTBEAT,
            "graceful_shutdown_timeout": timedelta(days=1),
        }
        self._timetables = Worker(
            client,
            task_queue=names.TIMETABLES,
            workflows=[TimetableWorkflow, ReplayWorkflow],
            activities=[
                timing.decide,
                timing.settle,
                reclaiming.reclaim,
                withdrawn.withdraw_moves,
                watching.watch,
                watching.watch_all,
                sending.tell_replay,
            ],
            max_concurrent_activities=_ATTEMPTS,
            **common | {"graceful_shutdown_timeout": timedelta(0)},
        )
        self._decisions = Worker(
            client,
            task_queue=names.decisions(timing.zones.release),
            workflows=[DecisionWorkflow],
            activities=[timing.decide, timing.settle],
            no_remote_activities=True,
            **common | {"graceful_shutdown_timeout": timedelta(0)},
        )
        self._executions = Worker(
            client,
            task_queue=names.EXECUTIONS,
            workflows=[ExecutionWorkflow],
            activities=[sending.tell, gates.gate, reclaiming.withdraw],
            no_remote_activities=True,
            **common,
        )
        self._attempts = Worker(
            client,
            task_queue=names.EXECUTIONS,
            activities=[sending.attempt, gates.pass_gate],
            max_concurrent_activities=_ATTEMPTS,
            **common,
        )
        for worker in (self._timetables, self._decisions, self._executions):
            of_workflows: Any = worker._workflow_worker  # the SDK has no option
            of_workflows._deadlock_timeout_seconds = _LONGEST_TASK_S

    async def run(self) -> None:
        """Returns after ``drain``; raises what one of them failed with, once the others have ended, too."""
        workers = (self._timetables, self._decisions, self._executions, self._attempts)
        running = [asyncio.create_task(worker.run()) for worker in workers]
        try:
            for ended in asyncio.as_completed(running):
                await ended
                if not self._is_draining:
                    raise RuntimeError("a worker has ended by itself")
        finally:
            await self._end(running)

    async def _end(self, running: "list[asyncio.Task[None]]") -> None:
        """Requests under way get as long as the server would wait for this runner; none is left to a lost worker."""
        self._gates.stop()
        for task in running:
            task.cancel()
        if not self._is_draining:
            await asyncio.wait(running, timeout=names.HEARTBEAT_TIMEOUT.total_seconds())
            self._sending.cut_off()
        await asyncio.gather(*running, return_exceptions=True)

    async def drain(self, grace: float) -> None:
        self._is_draining = True
        self._sending.begin_drain()
        self._gates.stop()
        stopping = asyncio.gather(self._timetables.shutdown(), self._decisions.shutdown(), self._attempts.shutdown())
        await asyncio.wait([stopping], timeout=grace)
        self._sending.cut_off()
        await stopping
        # What ended a moment ago becomes a row here, and not only when another runner takes over.
        await _until(lambda: not self._sending.untold, _LAST_WORDS)
        await self._executions.shutdown()


async def _until(holds: Callable[[], bool], seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.02)
