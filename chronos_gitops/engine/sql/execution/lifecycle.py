"""The life of one execution: attempts and the waits between them, until it has ended or waits for its callback."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from chronos_gitops.engine import callbacks, milliseconds
from chronos_gitops.engine.clock import Clock
from chronos_gitops.engine.model import Attempt, Execution, Status, finished
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.sql.execution.control import ExecutionControl
from chronos_gitops.engine.sql.execution.gatekeeper import Gatekeeper
from chronos_gitops.engine.sql.execution.pending_run import PendingRun, after_attempt
from chronos_gitops.engine.sql.execution.result_writer import ResultWriter
from chronos_gitops.engine.sql.store.store import Replica
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.observed import Fingerprints
from chronos_gitops.webhooks.outcome import ErrorClass, Outcome, RequestNotSent
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.retry import next_wait

log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 0.1


class Lifecycle:
    """``sign`` makes the proof that a callback of an execution has to show; ``awaits`` takes over an execution whose
    request was accepted and whose callback is to come."""

    def __init__(
        self,
        *,
        results: ResultWriter,
        gatekeeper: Gatekeeper,
        replica: Replica,
        delivery: Delivery,
        clock: Clock,
        observer: Observer,
        random: Random,
        sign: Callable[[str], str],
        fingerprints: Fingerprints,
        awaits: Callable[[ExecutionControl, PendingRun], None],
    ) -> None:
        self._results = results
        self._gatekeeper = gatekeeper
        self._replica = replica
        self._delivery = delivery
        self._clock = clock
        self._observer = observer
        self._random = random
        self._sign = sign
        self._fingerprints = fingerprints
        self._awaits = awaits

    async def run(self, control: ExecutionControl) -> None:
        """Raises nothing: a defect of ours must neither end the loop nor let the job look busy until the next start."""
        run = control.run
        try:
            await self._run(control, run)
        except asyncio.CancelledError:
            if not control.drain.has_begun and control.reason is not None:
                cancelled = finished(run.execution, Status.CANCELLED, at=self._clock.now(), reason=control.reason)
                self._finished(cancelled)
        except Exception as error:
            log.exception(
                "an execution failed with an internal error",
                extra={"job": run.job.name, "execution_id": run.execution.id},
            )
            await self._give_up(run, f"an internal error ({type(error).__name__}); see the log of the runner")

    async def _run(self, control: ExecutionControl, run: PendingRun) -> None:
        if run.execution.callback_deadline is None:
            begun = await self._begin(control, run)
            if begun is not None:
                await self._deliver(control, run, *begun)
            return
        overdue = await self._overdue(run)
        if overdue is not None:
            execution, wait = overdue
            await self._rest_before(control, wait)
            await self._deliver(control, run, execution, execution.started_at or self._clock.now())

    async def _begin(self, control: ExecutionControl, run: PendingRun) -> tuple[Execution, datetime] | None:
        """The execution and its start. None: its gate did not open, or another runner has it."""
        if run.not_before is not None:
            await self._rest(control, run.wait(self._clock.now()))
        while (left := run.ahead(self._clock.now())) is not None:
            await self._rest(control, left)
        admitted = await self._gatekeeper.admitted(control, run)
        if admitted is None or admitted.status is Status.SKIPPED:
            if admitted is not None:
                self._finished(admitted)
            return None
        return admitted, admitted.started_at or self._clock.now()

    async def _deliver(
        self, control: ExecutionControl, run: PendingRun, execution: Execution, started_at: datetime
    ) -> None:
        number = execution.attempts
        while not control.drain.has_begun or number == execution.attempts:
            number += 1
            done = await self._attempt(control, run, execution, number, started_at)
            if done is None:
                return  # another runner has it by now
            outcome, attempt = done
            wait = next_wait(run.job.retry_policy, number, outcome, random=self._random)
            now = self._clock.now()
            deadline = callbacks.deadline(run.job, outcome, now)
            execution = after_attempt(
                execution,
                outcome,
                attempt,
                started_at=started_at,
                will_retry=wait is not None,
                deadline=deadline,
                now=now,
            )
            if not await self._results.attempt(run, execution, attempt, wait):
                return  # it has ended meanwhile, or another runner has it and reports its end
            if deadline is not None:
                self._awaits(control, replace(run, execution=execution))
                return
            if wait is None:
                self._finished(execution)
                return
            await self._rest_before(control, wait)

    async def _overdue(self, run: PendingRun) -> tuple[Execution, timedelta] | None:
        """The callback did not come in time: the execution, and the wait before it is sent again; None when it is not,
        because that was the last attempt, or because it has ended otherwise."""
        outcome = callbacks.overdue("", last_heartbeat=None)
        wait = next_wait(run.job.retry_policy, run.execution.attempts, outcome, random=self._random)
        after = await self._results.overdue(run, wait, self._clock.now())
        if after is not None and wait is None:
            self._finished(after)
        return None if after is None or wait is None else (after, wait)

    async def _attempt(
        self, control: ExecutionControl, run: PendingRun, execution: Execution, number: int, begun_at: datetime
    ) -> tuple[Outcome, Attempt] | None:
        """None: it is no longer this runner's, and nothing was sent."""
        while (losses := await self._confirm_ownership(control, execution)) is not None:
            with contextlib.suppress(RequestNotSent):
                return await self._sent(control, run, execution, number, begun_at, losses)
        return None

    async def _confirm_ownership(self, control: ExecutionControl, execution: Execution) -> int | None:
        """The losses of the replica under which it is this runner's, None when others have gone on with it: a runner
        that was away for longer than its lease looks again before it sends. So does one that sends again what may have
        been called back for meanwhile: after an attempt, or after another runner's before a restart."""
        replica, run = self._replica, control.run
        while not replica.is_current:
            await asyncio.sleep(_LOOK_AGAIN_S)
        losses = replica.losses
        may_be_called_back = control.is_called_back or (run.job.awaits_callback and execution.attempts > 0)
        if run.losses == losses and not may_be_called_back:
            return losses
        return losses if await self._results.is_ours(run) else None

    async def _sent(
        self,
        control: ExecutionControl,
        run: PendingRun,
        execution: Execution,
        number: int,
        begun_at: datetime,
        losses: int,
    ) -> tuple[Outcome, Attempt]:
        started_at = self._clock.now()
        call = AttemptContext(
            execution_id=execution.id,
            scheduled_time=execution.scheduled_time,
            attempt=number,
            commit=execution.commit,
            path=execution.path,
            version=execution.version,
            trigger=str(execution.trigger),
            idempotency_key=execution.idempotency_key or "",
            begins=lambda: self._begins(control, run, begun_at),
            may_send=lambda: self._may_send(control, losses),
            signature=self._sign(execution.id) if run.job.awaits_callback else "",
            fingerprints=self._fingerprints,
        )
        try:
            outcome = await self._delivery.attempt(run.job, call)
        except asyncio.CancelledError:
            if not control.drain.has_begun:
                elapsed = max(timedelta(0), self._clock.now() - started_at)
                cut = Attempt(number, started_at, milliseconds.length(elapsed))
                self._results.cut_off(run, cut, control.reason)
            raise
        self._observer.attempt_finished(run.job, outcome)
        duration_ms = milliseconds.length(outcome.duration)
        return outcome, Attempt(
            number,
            started_at,
            duration_ms,
            outcome.status_code,
            outcome.error_class,
            outcome.error,
            outcome.response,
            outcome.phases,
            outcome.observed,
        )

    def _begins(self, control: ExecutionControl, run: PendingRun, at: datetime) -> None:
        if not control.has_begun:
            control.has_begun = True
            self._results.started(run, at)

    def _may_send(self, control: ExecutionControl, losses: int) -> bool:
        replica = self._replica
        return replica.is_current and replica.losses == losses and not control.is_called_back

    async def _give_up(self, run: PendingRun, error: str) -> None:
        now, internal = self._clock.now(), str(ErrorClass.INTERNAL)
        attempt = Attempt(run.execution.attempts + 1, now, 0, error_class=internal, error=error)
        seen = replace(run.execution, attempts=attempt.number, error_class=internal, error=error)
        failed = finished(seen, Status.FAILED, at=now)
        if await self._results.attempt(run, failed, attempt, None):
            self._finished(failed)

    def _finished(self, execution: Execution) -> None:
        self._observer.execution_finished(execution)
        if execution.status is Status.SUCCESS:
            self._gatekeeper.heard(execution.job)

    async def _rest_before(self, control: ExecutionControl, wait: timedelta) -> None:
        """Not at all when a callback came just now: the ledger is asked before anything is sent."""
        if not control.is_called_back:
            await self._rest(control, wait)

    async def _rest(self, control: ExecutionControl, duration: timedelta) -> None:
        with control.resting():
            await self._clock.sleep(max(timedelta(0), duration))
