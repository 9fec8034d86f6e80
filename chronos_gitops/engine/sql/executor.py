"""Runs claimed executions: one after another per job, side by side where the job allows it."""

import asyncio
import contextlib
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from chronos_gitops.engine import callbacks
from chronos_gitops.engine.clock import Clock
from chronos_gitops.engine.model import Attempt, Execution, Reason, Status, finished
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.sql.callback_deadlines import CallbackDeadlines
from chronos_gitops.engine.sql.pending_run import PendingRun, after_attempt, after_deadline
from chronos_gitops.engine.sql.store import repository
from chronos_gitops.engine.sql.store.store import Operation, Replica, Session, StoreError
from chronos_gitops.engine.sql.write_batcher import WriteBatcher
from chronos_gitops.jobs.model import Concurrency
from chronos_gitops.process import failpoints
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.outcome import ErrorClass, Outcome, RequestNotSent
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.retry import next_wait

log = logging.getLogger(__name__)
T = TypeVar("T")

_STORE_RETRY = timedelta(seconds=1)
_LOOK_AGAIN_S = 0.1
_CUT_OFF = {
    Reason.REPLACED: "cut off: a newer execution replaced this one",
    Reason.OPERATOR: "cut off: an operator cancelled it",
}


class Executor:
    """Holds the tasks of all running executions, and those whose callback is awaited. Lives in the engine's loop.

    ``sign`` makes the proof that a callback of an execution has to show; ``wake`` is called when a new deadline may be
    the next one.
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
        wake: Callable[[], None],
    ) -> None:
        self._outbox = outbox
        self._replica = replica
        self._delivery = delivery
        self._clock = clock
        self._observer = observer
        self._random = random
        self._sign = sign
        self._wake = wake
        self._awaiting = CallbackDeadlines()
        self._called_back: set[str] = set()
        self._tasks: dict[str, dict[str, asyncio.Task[None]]] = defaultdict(dict)
        self._waiting: dict[str, deque[PendingRun]] = defaultdict(deque)
        self._runs: dict[str, PendingRun] = {}
        self._resting: set[asyncio.Task[None]] = set()
        self._reasons: dict[str, Reason | None] = {}
        self._draining = False

    async def waited_for_descriptors(self) -> bool:
        """What would be claimed now could not be sent."""
        is_short = self._delivery.is_short_of_descriptors
        if is_short:
            await self._clock.sleep(_STORE_RETRY)
        return is_short

    @property
    def running(self) -> int:
        """May be asked from any thread: the loop changes what is counted, but not its copy."""
        return sum(map(len, list(self._tasks.values())))

    def ids(self) -> set[str]:
        """Of all that runs or waits here."""
        return set(self._runs)

    def has(self, execution_id: str) -> bool:
        return execution_id in self._runs

    def start(self, run: PendingRun) -> None:
        job = run.job.name
        self._runs[run.execution.id] = run
        if run.execution.callback_deadline is not None:
            self._await(run)
        elif run.job.concurrency is Concurrency.ALLOW or not self._is_busy(job):
            self._spawn(run)
        else:
            self._waiting[job].append(run)

    def cancel(self, execution_ids: Iterable[str], reason: Reason | None) -> None:
        """The ledger has the end of these executions already, or another runner has them (None); a request under way
        is cut off by closing its connection."""
        for execution_id in execution_ids:
            run = self._runs.get(execution_id)
            task = None if run is None else self._tasks.get(run.job.name, {}).get(execution_id)
            if task is not None:
                self._reasons[execution_id] = reason
                task.cancel()
            elif run is not None:
                self._forget(run)
                self._tell_cancelled(run, reason)

    def called_back(self, execution_ids: Iterable[str]) -> None:
        """A callback has ended these, which the ledger has already: nothing more is sent for them. A request under way
        is not cut off: it is the one that was called back for, and its answer is still recorded."""
        for execution_id in execution_ids:
            run = self._runs.get(execution_id)
            task = None if run is None else self._tasks.get(run.job.name, {}).get(execution_id)
            if task is not None:
                self._called_back.add(execution_id)
                if task in self._resting:
                    task.cancel()
            elif run is not None:
                self._forget(run)

    def next_deadline(self) -> datetime | None:
        return self._awaiting.next_at()

    def bound_deadlines(self, now: datetime) -> None:
        """The clock went back: no callback is waited for longer than its timeout."""
        self._awaiting.bound(now)

    def expire(self, now: datetime) -> None:
        """Goes on with executions whose callback has not come in time."""
        if not self._draining:
            for run in self._awaiting.pop_due(now):
                self._spawn(run)

    def awaiting_callback(self) -> set[str]:
        """The ids of what a callback may end, also while its request is under way."""
        return {execution_id for execution_id, run in self._runs.items() if run.job.awaits_callback}

    def _forget(self, run: PendingRun) -> None:
        """One that has no task: it waits for its callback, or for its turn."""
        del self._runs[run.execution.id]
        if not self._awaiting.discard(run.execution.id):
            self._waiting[run.job.name].remove(run)
        self._next(run.job.name)

    def _await(self, run: PendingRun) -> None:
        """Unless the callback was here before the answer that announced it."""
        if not self._draining and run.execution.id not in self._called_back:
            self._runs[run.execution.id] = run
            self._awaiting.add(run, self._clock.now())
            self._wake()

    def _is_busy(self, job: str) -> bool:
        return bool(self._tasks.get(job)) or self._awaiting.is_awaited_by(job)

    async def drain(self, grace: float) -> None:
        """Lets attempts under way end for ``grace`` seconds; what waits or is cut off stays resumable in the ledger."""
        self._draining = True
        failpoints.reach("in-drain")
        self._waiting.clear()
        self._awaiting.clear()
        self._runs = {each: run for each, run in self._runs.items() if each in self._tasks.get(run.job.name, {})}
        for task in self._resting:
            task.cancel()
        tasks = [task for lane in self._tasks.values() for task in lane.values()]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _spawn(self, run: PendingRun) -> None:
        task = asyncio.create_task(self._guarded(run), name=f"{run.job.name}/{run.execution.id}")
        self._tasks[run.job.name][run.execution.id] = task
        task.add_done_callback(lambda task: self._ended(run, task))

    def _ended(self, run: PendingRun, task: asyncio.Task[None]) -> None:
        job, execution_id = run.job.name, run.execution.id
        lane = self._tasks[job]
        if lane.get(execution_id) is not task:
            return  # it goes on already: its callback did not come in time
        del lane[execution_id]
        self._reasons.pop(execution_id, None)
        self._called_back.discard(execution_id)
        if execution_id not in self._awaiting:
            self._runs.pop(execution_id, None)
        if not lane:
            del self._tasks[job]
        self._next(job)

    def _next(self, job: str) -> None:
        if self._is_busy(job):
            return
        waiting = self._waiting.get(job)
        if waiting and not self._draining:
            self._spawn(waiting.popleft())
        if not waiting:
            self._waiting.pop(job, None)

    async def _guarded(self, run: PendingRun) -> None:
        try:
            await self._run(run)
        except asyncio.CancelledError:
            if not self._draining:
                self._tell_cancelled(run, self._reasons.get(run.execution.id))
        except Exception as error:
            # A defect of ours must neither take the loop along nor let the job look busy until the next start.
            log.exception("execution broke", extra={"job": run.job.name, "execution_id": run.execution.id})
            await self._give_up(run, f"an internal error ({type(error).__name__}); see the log of the runner")

    async def _run(self, run: PendingRun) -> None:
        if run.execution.callback_deadline is None:
            await self._deliver(run, await self._begin(run))
            return
        overdue = await self._overdue(run)
        if overdue is not None:
            execution, wait = overdue
            await self._rest_before(run, wait)
            await self._deliver(run, execution)

    async def _begin(self, run: PendingRun) -> Execution:
        if run.not_before is not None:
            await self._rest(run.wait(self._clock.now()))
        execution = replace(run.execution, status=Status.RUNNING)
        if execution.started_at is None:
            execution = replace(execution, started_at=self._clock.now())
        started_at = execution.started_at or self._clock.now()
        self._outbox.write_soon(lambda session: repository.start(session, execution.id, run.fence, started_at))
        return execution

    async def _deliver(self, run: PendingRun, execution: Execution) -> None:
        number = execution.attempts
        while not self._draining or number == execution.attempts:
            number += 1
            done = await self._attempt(run, execution, number)
            if done is None:
                return  # another runner has it by now
            outcome, attempt = done
            wait = next_wait(run.job.retry_policy, number, outcome, random=self._random)
            now = self._clock.now()
            deadline = callbacks.deadline(run.job, outcome, now)
            execution = after_attempt(execution, outcome, attempt, is_over=wait is None and deadline is None, now=now)
            execution = replace(execution, callback_deadline=deadline)
            if not await self._record(run, execution, attempt, wait):
                return  # ended meanwhile, or another runner has it: its end was told there
            if deadline is not None:
                self._await(replace(run, execution=execution))
                return
            if wait is None:
                self._observer.execution_finished(execution)
                return
            await self._rest_before(run, wait)

    async def _overdue(self, run: PendingRun) -> tuple[Execution, timedelta] | None:
        """The callback did not come in time: the execution, and the wait before it is sent again; None when it is not,
        because that was the last attempt, or because it has ended otherwise."""
        deadline, policy, number = run.execution.callback_deadline, run.job.retry_policy, run.execution.attempts
        assert deadline is not None
        wait = next_wait(policy, number, callbacks.overdue("", last_heartbeat=None), random=self._random)
        now = self._clock.now()

        def operation(session: Session) -> Execution | None:
            held = repository.hold(session, run.execution.id)
            if held is None or held[0].attempts != number:
                return None
            after = after_deadline(held[0], run.job, is_over=wait is None, now=now)
            next_attempt_at = None if wait is None else now + wait
            is_first = repository.record_overdue(session, after, deadline, next_attempt_at, run.fence)
            return after if is_first else None

        after = await self._written(operation)
        if after is not None and wait is None:
            self._observer.execution_finished(after)
        return None if after is None or wait is None else (after, wait)

    async def _confirm_ownership(self, run: PendingRun, execution: Execution) -> int | None:
        """The losses of the replica under which it is this runner's, None when others have gone on with it: who was
        away for longer than its lease looks again before it sends. So does who sends again what may have been called
        back for meanwhile."""
        replica = self._replica
        while not replica.is_current:
            await asyncio.sleep(_LOOK_AGAIN_S)
        losses = replica.losses
        may_be_called_back = run.job.awaits_callback and execution.attempts > 0
        if run.losses == losses and not may_be_called_back:
            return losses
        is_ours = await self._written(lambda session: repository.is_ours(session, run.execution.id, run.fence))
        return losses if is_ours else None

    def _may_send(self, run: PendingRun, losses: int) -> bool:
        replica = self._replica
        return replica.is_current and replica.losses == losses and run.execution.id not in self._called_back

    async def _give_up(self, run: PendingRun, error: str) -> None:
        now, internal = self._clock.now(), str(ErrorClass.INTERNAL)
        attempt = Attempt(run.execution.attempts + 1, now, 0, error_class=internal, error=error)
        seen = replace(run.execution, attempts=attempt.number, error_class=internal, error=error)
        failed = finished(seen, Status.FAILED, at=now)
        if await self._written(lambda session: repository.record_attempt(session, failed, attempt, None, run.fence)):
            self._observer.execution_finished(failed)

    async def _attempt(self, run: PendingRun, execution: Execution, number: int) -> tuple[Outcome, Attempt] | None:
        """None: it is no longer this runner's, and nothing was sent."""
        while (losses := await self._confirm_ownership(run, execution)) is not None:
            with contextlib.suppress(RequestNotSent):
                return await self._sent(run, execution, number, losses)
        return None

    async def _sent(self, run: PendingRun, execution: Execution, number: int, losses: int) -> tuple[Outcome, Attempt]:
        started_at = self._clock.now()
        call = AttemptContext(
            execution_id=execution.id,
            scheduled_time=execution.scheduled_time,
            attempt=number,
            commit=execution.commit,
            path=execution.path,
            may_send=lambda: self._may_send(run, losses),
            signature=self._sign(execution.id) if run.job.awaits_callback else "",
        )
        try:
            outcome = await self._delivery.attempt(run.job, call)
        except asyncio.CancelledError:
            if not self._draining:
                elapsed = max(timedelta(0), self._clock.now() - started_at)
                self._record_cut_off(run, Attempt(number, started_at, round(elapsed.total_seconds() * 1000)))
            raise
        self._observer.attempt_finished(run.job, outcome)
        duration_ms = round(outcome.duration.total_seconds() * 1000)
        return outcome, Attempt(
            number,
            started_at,
            duration_ms,
            outcome.status_code,
            outcome.error_class,
            outcome.error,
            outcome.response,
            outcome.phases,
        )

    def _tell_cancelled(self, run: PendingRun, reason: Reason | None) -> None:
        if reason is None:
            return
        at = self._clock.now()
        self._observer.execution_finished(finished(run.execution, Status.CANCELLED, at=at, reason=reason))

    def _record_cut_off(self, run: PendingRun, attempt: Attempt) -> None:
        reason = self._reasons.get(run.execution.id)
        if reason is not None:
            cut = replace(attempt, error_class="cancelled", error=_CUT_OFF[reason])
            self._outbox.write_soon(
                lambda session: repository.record_cancelled(session, run.execution.id, cut, run.fence)
            )

    async def _record(self, run: PendingRun, execution: Execution, attempt: Attempt, wait: timedelta | None) -> bool:
        failpoints.reach("before-record")
        next_attempt_at = None if wait is None else self._clock.now() + wait
        return await self._written(
            lambda session: repository.record_attempt(session, execution, attempt, next_attempt_at, run.fence)
        )

    async def _written(self, operation: Operation[T]) -> T:
        """Does not give up on a full disk: what the receiver was sent must reach the ledger."""
        while True:
            try:
                return await self._outbox.write_soon(operation)
            except StoreError as error:
                log.error("result not recorded yet: %s", error)
            await self._clock.sleep(_STORE_RETRY)

    async def _rest_before(self, run: PendingRun, wait: timedelta) -> None:
        """Not at all when a callback came just now: the ledger is asked before anything is sent."""
        if run.execution.id not in self._called_back:
            await self._rest(wait)

    async def _rest(self, duration: timedelta) -> None:
        async with self._cancelled_by_drain():
            await self._clock.sleep(max(timedelta(0), duration))

    @contextlib.asynccontextmanager
    async def _cancelled_by_drain(self) -> AsyncIterator[None]:
        task = asyncio.current_task()
        assert task is not None
        if self._draining:
            raise asyncio.CancelledError
        self._resting.add(task)
        try:
            yield
        finally:
            self._resting.discard(task)
