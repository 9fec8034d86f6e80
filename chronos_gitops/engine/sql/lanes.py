"""Runs claimed executions: one after another per job, side by side where the job allows it."""

import asyncio
import contextlib
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from chronos_gitops import failpoints
from chronos_gitops.delivery.attempt import Call, Delivery, Outcome, OutcomeKind
from chronos_gitops.delivery.outcome import ErrorClass, Withheld
from chronos_gitops.delivery.retry import next_wait
from chronos_gitops.engine.clock import Clock
from chronos_gitops.engine.model import Attempt, Execution, Reason, Status, finished
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.sql import ledger
from chronos_gitops.engine.sql.outbox import Outbox
from chronos_gitops.engine.sql.store import Operation, Replica, StoreError
from chronos_gitops.jobs.model import Concurrency, Job

log = logging.getLogger(__name__)
T = TypeVar("T")

_STORE_RETRY = timedelta(seconds=1)
_LOOK_AGAIN_S = 0.1
_CUT_OFF = {
    Reason.REPLACED: "cut off: a newer execution replaced this one",
    Reason.OPERATOR: "cut off: an operator cancelled it",
}


@dataclass(frozen=True, slots=True)
class Run:
    """A claimed execution with its job as it was claimed; ``losses`` are those of the replica at that time."""

    execution: Execution
    job: Job
    not_before: datetime | None = None
    fence: int = 0
    losses: int = 0


class Lanes:
    """Holds the tasks of all running executions. Lives in the engine's loop."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        replica: Replica,
        delivery: Delivery,
        clock: Clock,
        observer: Observer,
        random: Random,
    ) -> None:
        self._outbox = outbox
        self._replica = replica
        self._delivery = delivery
        self._clock = clock
        self._observer = observer
        self._random = random
        self._tasks: dict[str, dict[str, asyncio.Task[None]]] = defaultdict(dict)
        self._waiting: dict[str, deque[Run]] = defaultdict(deque)
        self._runs: dict[str, Run] = {}
        self._resting: set[asyncio.Task[None]] = set()
        self._reasons: dict[str, Reason | None] = {}
        self._draining = False

    @property
    def running(self) -> int:
        return sum(len(tasks) for tasks in self._tasks.values())

    def ids(self) -> set[str]:
        """Of all that runs or waits here."""
        return set(self._runs)

    def has(self, execution_id: str) -> bool:
        return execution_id in self._runs

    def start(self, run: Run) -> None:
        job = run.job.name
        self._runs[run.execution.id] = run
        if run.job.concurrency is Concurrency.ALLOW or not self._tasks.get(job):
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
                self._waiting[run.job.name].remove(run)
                del self._runs[execution_id]
                self._tell_cancelled(run, reason)

    async def drain(self, grace: float) -> None:
        """Lets attempts under way end for ``grace`` seconds; what waits or is cut off stays resumable in the ledger."""
        self._draining = True
        failpoints.reach("in-drain")
        self._waiting.clear()
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

    def _spawn(self, run: Run) -> None:
        task = asyncio.create_task(self._guarded(run), name=f"{run.job.name}/{run.execution.id}")
        self._tasks[run.job.name][run.execution.id] = task
        task.add_done_callback(lambda _: self._ended(run))

    def _ended(self, run: Run) -> None:
        lane = self._tasks[run.job.name]
        lane.pop(run.execution.id, None)
        self._runs.pop(run.execution.id, None)
        self._reasons.pop(run.execution.id, None)
        if lane:
            return
        del self._tasks[run.job.name]
        waiting = self._waiting.get(run.job.name)
        if waiting and not self._draining:
            self._spawn(waiting.popleft())
        if not waiting:
            self._waiting.pop(run.job.name, None)

    async def _guarded(self, run: Run) -> None:
        try:
            await self._run(run)
        except asyncio.CancelledError:
            if not self._draining:
                self._tell_cancelled(run, self._reasons.get(run.execution.id))
        except Exception as error:
            # A defect of ours must neither take the loop along nor let the job look busy until the next start.
            log.exception("execution broke", extra={"job": run.job.name, "execution_id": run.execution.id})
            await self._give_up(run, f"an internal error ({type(error).__name__}); see the log of the runner")

    async def _run(self, run: Run) -> None:
        if run.not_before is not None:
            await self._rest(run.not_before - self._clock.now())
        execution = replace(run.execution, status=Status.RUNNING)
        if execution.started_at is None:
            execution = replace(execution, started_at=self._clock.now())
        started_at = execution.started_at or self._clock.now()
        self._outbox.write_along(lambda session: ledger.start(session, execution.id, run.fence, started_at))
        number = execution.attempts
        while not self._draining or number == execution.attempts:
            number += 1
            done = await self._attempt(run, execution, number)
            if done is None:
                return  # another runner has it by now
            outcome, attempt = done
            wait = next_wait(run.job.retry_policy, number, outcome, random=self._random)
            execution = _after(execution, outcome, attempt, wait, self._clock.now())
            if not await self._record(run, execution, attempt, wait):
                return  # cancelled meanwhile, or another runner has it: its end was told there
            if wait is None:
                self._observer.execution_finished(execution)
                return
            await self._rest(wait)

    async def _seen_as_ours(self, run: Run) -> int | None:
        """The losses of the replica under which it is this runner's, None when others have gone on with it: who was
        away for longer than its lease looks again before it sends."""
        replica = self._replica
        while not replica.is_current:
            await asyncio.sleep(_LOOK_AGAIN_S)
        losses = replica.losses
        if run.losses == losses:
            return losses
        is_ours = await self._written(lambda session: ledger.is_ours(session, run.execution.id, run.fence))
        return losses if is_ours else None

    def _may_send(self, losses: int) -> bool:
        replica = self._replica
        return replica.is_current and replica.losses == losses

    async def _give_up(self, run: Run, error: str) -> None:
        now, internal = self._clock.now(), str(ErrorClass.INTERNAL)
        attempt = Attempt(run.execution.attempts + 1, now, 0, error_class=internal, error=error)
        seen = replace(run.execution, attempts=attempt.number, error_class=internal, error=error)
        failed = finished(seen, Status.FAILED, at=now)
        if await self._written(lambda session: ledger.record_attempt(session, failed, attempt, None, run.fence)):
            self._observer.execution_finished(failed)

    async def _attempt(self, run: Run, execution: Execution, number: int) -> tuple[Outcome, Attempt] | None:
        """None: it is no longer this runner's, and nothing was sent."""
        while (losses := await self._seen_as_ours(run)) is not None:
            with contextlib.suppress(Withheld):
                return await self._sent(run, execution, number, losses)
        return None

    async def _sent(self, run: Run, execution: Execution, number: int, losses: int) -> tuple[Outcome, Attempt]:
        started_at = self._clock.now()
        call = Call(
            execution_id=execution.id,
            scheduled_time=execution.scheduled_time,
            attempt=number,
            commit=execution.commit,
            path=execution.path,
            may_send=lambda: self._may_send(losses),
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

    def _tell_cancelled(self, run: Run, reason: Reason | None) -> None:
        if reason is None:
            return
        at = self._clock.now()
        self._observer.execution_finished(finished(run.execution, Status.CANCELLED, at=at, reason=reason))

    def _record_cut_off(self, run: Run, attempt: Attempt) -> None:
        reason = self._reasons.get(run.execution.id)
        if reason is not None:
            cut = replace(attempt, error_class="cancelled", error=_CUT_OFF[reason])
            self._outbox.write_along(lambda session: ledger.record_cancelled(session, run.execution.id, cut, run.fence))

    async def _record(self, run: Run, execution: Execution, attempt: Attempt, wait: timedelta | None) -> bool:
        failpoints.reach("before-record")
        next_attempt_at = None if wait is None else self._clock.now() + wait
        return await self._written(
            lambda session: ledger.record_attempt(session, execution, attempt, next_attempt_at, run.fence)
        )

    async def _written(self, operation: Operation[T]) -> T:
        """Does not give up on a full disk: what the receiver was sent must reach the ledger."""
        while True:
            try:
                return await self._outbox.write_along(operation)
            except StoreError as error:
                log.error("result not recorded yet: %s", error)
            await self._clock.sleep(_STORE_RETRY)

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


def _after(
    execution: Execution, outcome: Outcome, attempt: Attempt, wait: timedelta | None, now: datetime
) -> Execution:
    seen = replace(
        execution,
        attempts=attempt.number,
        status_code=outcome.status_code,
        error_class=outcome.error_class,
        error=outcome.error,
    )
    if wait is not None:
        return seen
    status = Status.SUCCESS if outcome.kind is OutcomeKind.SUCCESS else Status.FAILED
    return finished(seen, status, at=now)
