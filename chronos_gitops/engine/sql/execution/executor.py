"""Runs claimed executions: one after another per job, side by side where the job allows it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from random import Random

from chronos_gitops.engine.clock import Clock
from chronos_gitops.engine.model import Pause, Reason, Status, finished
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.sql.claiming.clock_correction import is_early
from chronos_gitops.engine.sql.execution.callback_deadlines import CallbackDeadlines
from chronos_gitops.engine.sql.execution.control import Drain, ExecutionControl
from chronos_gitops.engine.sql.execution.gatekeeper import Gatekeeper
from chronos_gitops.engine.sql.execution.lifecycle import Lifecycle
from chronos_gitops.engine.sql.execution.pending_run import PendingRun
from chronos_gitops.engine.sql.execution.result_writer import STORE_RETRY, ResultWriter
from chronos_gitops.engine.sql.execution.turn_queue import TurnQueue
from chronos_gitops.engine.sql.store.store import Replica
from chronos_gitops.engine.sql.write_batcher import WriteBatcher
from chronos_gitops.jobs.model import Concurrency
from chronos_gitops.process import failpoints
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.observed import Fingerprints


class Executor:
    """Holds the tasks of all running executions, and those whose callback is awaited. Lives in the engine's loop.

    ``wake`` is called when a new deadline may be the next one.
    """

    def __init__(
        self,
        *,
        outbox: WriteBatcher,
        replica: Replica,
        delivery: Delivery,
        clock: Clock,
        observer: Observer,
        random: Random,
        sign: Callable[[str], str],
        fingerprints: Fingerprints,
        wake: Callable[[], None],
    ) -> None:
        self._delivery = delivery
        self._clock = clock
        self._observer = observer
        self._wake = wake
        self._results = results = ResultWriter(outbox, clock)
        self._gatekeeper = Gatekeeper(results, replica, clock)
        self._lifecycle = Lifecycle(
            results=results,
            gatekeeper=self._gatekeeper,
            replica=replica,
            delivery=delivery,
            clock=clock,
            observer=observer,
            random=random,
            sign=sign,
            fingerprints=fingerprints,
            awaits=self._await_callback,
        )
        self._drain = Drain()
        self._awaiting = CallbackDeadlines()
        self._tasks: dict[str, dict[str, ExecutionControl]] = defaultdict(dict)
        self._waiting = TurnQueue()
        self._runs: dict[str, PendingRun] = {}
        self.replayed: Collection[str] = ()
        """Jobs whose replay waits for the end of what is unfinished."""

    async def waited_for_descriptors(self) -> bool:
        """Wait while the process is short of file descriptors; True if it was, because claims could not be sent."""
        is_short = self._delivery.is_short_of_descriptors
        if is_short:
            await self._clock.sleep(STORE_RETRY)
        return is_short

    @property
    def running(self) -> int:
        """May be asked from any thread: the loop changes what is counted, but not its copy."""
        return sum(map(len, list(self._tasks.values())))

    def ids(self) -> set[str]:
        """Of all that runs or waits here."""
        return set(self._runs)

    def is_occupied(self, job: str) -> bool:
        """True if anything of the job runs or waits here."""
        return self._is_busy(job) or self._waiting.has(job)

    def has(self, execution_id: str) -> bool:
        return execution_id in self._runs

    def start(self, run: PendingRun) -> None:
        job = run.job.name
        self._runs[run.execution.id] = run
        if run.execution.callback_deadline is not None:
            if not self._drain.has_begun:
                self._await(run)
        elif run.job.concurrency is Concurrency.ALLOW or not (self._is_busy(job) or self._waiting.is_held(run)):
            self._spawn(run)
        else:
            self._waiting.add(run)

    def write_starts(self) -> None:
        """The ledger says of everything under way that it has begun, from the next transaction on."""
        self._results.write_starts()

    def hold(self, pauses: Mapping[str, Pause]) -> None:
        """Hold queued executions of paused jobs, and start those whose pause has ended."""
        for job in self._waiting.hold(pauses):
            self._start_next(job)

    def cancel(self, reasons: Mapping[str, Reason | None]) -> None:
        """The ledger has the end of these executions already, or another runner has them (None); a request under way
        is cut off by closing its connection."""
        for execution_id, reason in reasons.items():
            run, control = self._find(execution_id)
            if control is not None:
                control.cancel(reason)
            elif run is not None:
                self._forget(run)
                if reason is not None:
                    cancelled = finished(run.execution, Status.CANCELLED, at=self._clock.now(), reason=reason)
                    self._observer.execution_finished(cancelled)

    async def withdraw_early(self, now: datetime) -> None:
        """Lets go of what a clock that was ahead has claimed and what has not begun; the ledger still has it."""
        for run in self._waiting.withdraw(lambda run: is_early(run.execution, now)):
            del self._runs[run.execution.id]
        controls = [control for found in self._tasks.values() for control in found.values()]
        early = [one for one in controls if not one.has_begun and is_early(one.run.execution, now)]
        for control in early:
            control.cancel(None)
        if early:
            await asyncio.wait([control.task for control in early])

    def withdraw(self, execution_id: str) -> bool:
        """Drop one that was claimed ahead of its scheduled time; False when that has come."""
        _, control = self._find(execution_id)
        if control is None or control.has_begun or control.run.ahead(self._clock.now()) is None:
            return False
        control.cancel(None)
        return True

    def called_back(self, execution_ids: Iterable[str]) -> None:
        """A callback has ended these, which the ledger has already: nothing more is sent for them."""
        for execution_id in execution_ids:
            run, control = self._find(execution_id)
            if run is not None:
                self._gatekeeper.heard(run.job.name)
            if control is not None:
                control.call_back()
            elif run is not None:
                self._forget(run)

    def next_deadline(self) -> datetime | None:
        return self._awaiting.next_at()

    def bound_deadlines(self, now: datetime) -> None:
        """The clock went back: no callback is waited for longer than its timeout."""
        self._awaiting.bound(now)

    def expire(self, now: datetime) -> None:
        """Goes on with executions whose callback has not come in time."""
        if not self._drain.has_begun:
            for run in self._awaiting.pop_due(now):
                self._spawn(run)

    def awaiting_callback(self) -> set[str]:
        """The ids of what a callback may end, also while its request is under way."""
        return {execution_id for execution_id, run in self._runs.items() if run.job.awaits_callback}

    async def drain(self, grace: float) -> None:
        """Lets attempts under way end for ``grace`` seconds; what waits or is cut off stays resumable in the ledger."""
        self._drain.has_begun = True
        failpoints.reach("in-drain")
        self.write_starts()
        self._waiting.clear()
        self._awaiting.clear()
        controls = [control for controls in self._tasks.values() for control in controls.values()]
        self._runs = {control.run.execution.id: control.run for control in controls}
        for control in controls:
            control.stop_resting()
        if not controls:
            return
        _, late = await asyncio.wait([control.task for control in controls], timeout=grace)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _find(self, execution_id: str) -> tuple[PendingRun | None, ExecutionControl | None]:
        run = self._runs.get(execution_id)
        return run, None if run is None else self._tasks.get(run.job.name, {}).get(execution_id)

    def _forget(self, run: PendingRun) -> None:
        """One that has no task: it waits for its callback, or for its turn."""
        del self._runs[run.execution.id]
        if not self._awaiting.discard(run.execution.id):
            self._waiting.remove(run)
        self._start_next(run.job.name)

    def _await_callback(self, control: ExecutionControl, run: PendingRun) -> None:
        """Unless the callback was here before the answer that announced it."""
        if not self._drain.has_begun and not control.is_called_back:
            self._runs[run.execution.id] = run
            self._await(run)

    def _await(self, run: PendingRun) -> None:
        self._awaiting.add(run, self._clock.now())
        self._wake()

    def _is_busy(self, job: str) -> bool:
        return bool(self._tasks.get(job)) or self._awaiting.is_awaited_by(job)

    def _spawn(self, run: PendingRun) -> None:
        control = ExecutionControl(run, self._drain)
        control.task = asyncio.create_task(self._lifecycle.run(control), name=f"{run.job.name}/{run.execution.id}")
        self._tasks[run.job.name][run.execution.id] = control
        control.task.add_done_callback(lambda _: self._ended(control))

    def _ended(self, control: ExecutionControl) -> None:
        job, execution_id = control.run.job.name, control.run.execution.id
        controls = self._tasks[job]
        if controls.get(execution_id) is not control:
            return  # it goes on already: its callback did not come in time
        del controls[execution_id]
        if execution_id not in self._awaiting:
            self._runs.pop(execution_id, None)
        if not controls:
            del self._tasks[job]
        self._start_next(job)
        if job in self.replayed:
            self._wake()

    def _start_next(self, job: str) -> None:
        if self._is_busy(job):
            return
        following = None if self._drain.has_begun else self._waiting.pop(job)
        if following is not None:
            self._spawn(following)
