"""Gates: an activity looks in visibility for the success that opens one, until its end and once more a moment later."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity
from temporalio.exceptions import ApplicationError

from chronos_gitops.engine.milliseconds import instant
from chronos_gitops.engine.model import Gate
from chronos_gitops.engine.requires import gate_document
from chronos_gitops.engine.requires.gates import Passage, gate_of, looked, passage, wanted
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.visibility.visibility import Visibility
from chronos_gitops.engine.temporal.worker.activity_heartbeat import heartbeat_of_watch, left_to_others
from chronos_gitops.engine.temporal.workflows import messages
from chronos_gitops.engine.temporal.workflows.messages import GateOrder, GateReport
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.requires import Requires

_LOOK_EACH: Final = timedelta(seconds=1)
_BEHIND: Final = timedelta(seconds=2)
"""Visibility may lag: the last look at a gate is so long after its end, for what ended until then."""


class GateWatch:
    """``gate`` says which gate there is, ``pass_gate`` waits at it."""

    def __init__(self, visibility: Visibility, now: Callable[[], datetime]) -> None:
        self._visibility = visibility
        self._now = now
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Stop watching; executions that wait at a gate continue on another runner."""
        self._stopping.set()

    @activity.defn(name=names.GATE)
    async def gate(self, order: GateOrder) -> GateReport:
        """A local activity: its answer is kept in the history, so a later release may compute it otherwise."""
        found = gate_of(messages.execution(order.row), Job.from_document(order.document), instant(order.now))
        return (
            GateReport({}, Passage.START) if found is None else GateReport(gate_document.document(found), Passage.WAIT)
        )

    @activity.defn(name=names.PASS_GATE)
    async def pass_gate(self, order: GateOrder) -> GateReport:
        execution, required = messages.execution(order.row), Job.from_document(order.document).requires
        gate = execution.requires
        if gate is None or required is None:
            raise ApplicationError("the order has no gate", non_retryable=True)
        async with heartbeat_of_watch(self._now()):
            return await self._passed(gate, required)

    async def _passed(self, gate: Gate, required: Requires) -> GateReport:
        while True:
            now = self._now()
            seen = looked(gate, await self._visibility.success_wanted(wanted(gate, required, now)))
            last = gate.until + _BEHIND
            does = passage(seen, required, now)
            if does is Passage.START and seen.met:
                return GateReport(gate_document.document(seen), does)
            if now >= last:
                return GateReport(gate_document.document(seen), does)
            await self._rest(min(_LOOK_EACH, last - now))

    async def _rest(self, duration: timedelta) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration.total_seconds()):
                await self._stopping.wait()
        if self._stopping.is_set():
            raise left_to_others("the runner stops")
