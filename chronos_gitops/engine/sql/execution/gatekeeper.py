"""Executions of this runner that wait at their gate: they look at each success of their job, and from time to time."""

import asyncio
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.clock import Clock
from chronos_gitops.engine.model import Execution, Gate
from chronos_gitops.engine.requires.gates import Passage, gate_of
from chronos_gitops.engine.sql.execution.control import ExecutionControl
from chronos_gitops.engine.sql.execution.pending_run import PendingRun
from chronos_gitops.engine.sql.execution.result_writer import ResultWriter
from chronos_gitops.engine.sql.store import gate_rows
from chronos_gitops.engine.sql.store.store import Replica
from chronos_gitops.jobs.promises.requires import Requires

_LOOK_EACH: Final = timedelta(seconds=15)
_LOOK_EACH_OF_SEVERAL: Final = timedelta(seconds=1)
"""Where other runners share the ledger, whose successes are not heard of here."""


class Gatekeeper:
    """Lives in the engine's loop."""

    def __init__(self, results: ResultWriter, replica: Replica, clock: Clock) -> None:
        self._results = results
        self._replica = replica
        self._clock = clock
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)

    def heard(self, job: str) -> None:
        """An execution of the job has ended: those that wait for it look now."""
        for event in self._waiting.get(job, ()):
            event.set()

    async def admitted(self, control: ExecutionControl, run: PendingRun) -> Execution | None:
        """The execution as it may start, or as it was skipped. None: it is no longer this runner's."""
        required = run.job.requires
        now = milliseconds.whole(self._clock.now())
        gate = gate_of(run.execution, run.job, now)
        if required is None or gate is None:
            return run.execution
        event = asyncio.Event()
        self._waiting[gate.job].add(event)
        try:
            return await self._admitted(control, run, _whole(gate), required, event)
        finally:
            self._waiting[gate.job].discard(event)
            if not self._waiting[gate.job]:
                del self._waiting[gate.job]

    async def _admitted(
        self, control: ExecutionControl, run: PendingRun, gate: Gate, required: Requires, event: asyncio.Event
    ) -> Execution | None:
        while True:
            event.clear()
            now = milliseconds.whole(self._clock.now())
            seen = await self._look(run, gate, required, now)
            if seen is None:
                return None
            does, execution = seen
            if does is not Passage.WAIT:
                return execution
            await self._rest(control, gate.until - self._clock.now(), event)

    async def _look(
        self, run: PendingRun, gate: Gate, required: Requires, now: datetime
    ) -> tuple[Passage, Execution] | None:
        return await self._results.until_written(
            lambda session: gate_rows.look(session, run.execution, gate, required, now, run.fence)
        )

    async def _rest(self, control: ExecutionControl, left: timedelta, event: asyncio.Event) -> None:
        longest = _LOOK_EACH_OF_SEVERAL if self._replica.is_shared else _LOOK_EACH
        waits = [
            asyncio.ensure_future(self._clock.sleep(max(timedelta(0), min(left, longest)))),
            asyncio.ensure_future(event.wait()),
        ]
        try:
            with control.resting():
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()


def _whole(gate: Gate) -> Gate:
    return replace(gate, since=milliseconds.whole(gate.since), until=milliseconds.whole(gate.until))
