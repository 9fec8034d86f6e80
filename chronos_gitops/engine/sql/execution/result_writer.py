"""Writes what becomes of an execution. What a receiver was sent must reach the ledger, also after a full disk."""

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf
from typing import TypeVar

from chronos_gitops.engine.clock import Clock
from chronos_gitops.engine.model import Attempt, Execution, Reason, cancelled_because
from chronos_gitops.engine.sql.execution.pending_run import PendingRun, after_deadline
from chronos_gitops.engine.sql.store import attempts, ledger
from chronos_gitops.engine.sql.store.store import Operation, Session, StoreError
from chronos_gitops.engine.sql.write_batcher import WriteBatcher
from chronos_gitops.jobs.model import Concurrency
from chronos_gitops.process import failpoints

log = logging.getLogger(__name__)
T = TypeVar("T")

STORE_RETRY = timedelta(seconds=1)
_SAID_AGAIN_AFTER = timedelta(minutes=1)
_START_WRITTEN_AFTER_S = 0.05


class UnwrittenStarts:
    """Executions that have begun in the last 50 ms, oldest first: most end sooner, and then one write says it all. A
    crash before that leaves them pending, and they are sent again as they would be otherwise."""

    def __init__(self, outbox: WriteBatcher) -> None:
        self._outbox = outbox
        self._loop = asyncio.get_running_loop()
        self._begun: dict[str, tuple[float, int, datetime]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, run: PendingRun, at: datetime) -> None:
        due = self._loop.time() + _START_WRITTEN_AFTER_S
        self._begun[run.execution.id] = (due, run.fence, at)
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._write_due)

    def discard(self, execution_id: str) -> None:
        self._begun.pop(execution_id, None)

    def write(self, until: float = inf) -> None:
        """Those that are due by then, with what is written next."""
        for execution_id, (due, fence, at) in list(self._begun.items()):
            if due > until:
                break
            del self._begun[execution_id]
            self._outbox.write_soon(attempts.Start(execution_id, fence, at))

    def _write_due(self) -> None:
        self.write(self._loop.time())
        due, *_ = next(iter(self._begun.values()), (None,))
        self._timer = None if due is None else self._loop.call_at(due, self._write_due)


class ResultWriter:
    """Every write counts under the fence of the run only: another runner may have gone on with it."""

    def __init__(self, outbox: WriteBatcher, clock: Clock) -> None:
        self._outbox = outbox
        self._clock = clock
        self._said_at: datetime | None = None
        self._starts = UnwrittenStarts(outbox)

    def started(self, run: PendingRun, at: datetime) -> None:
        """Without waiting for it. A later claim may replace it: then its row says at once that it has begun."""
        self._starts.add(run, at)
        if run.job.concurrency is Concurrency.REPLACE:
            self.write_starts()

    def write_starts(self) -> None:
        """Before a decision that depends on which executions have begun, such as a deletion or a pause."""
        self._starts.write()

    async def attempt(self, run: PendingRun, execution: Execution, attempt: Attempt, wait: timedelta | None) -> bool:
        """``execution`` as it is after this attempt; False when it has ended meanwhile, or another runner has it."""
        failpoints.reach("before-record")
        self._starts.discard(run.execution.id)
        next_attempt_at = None if wait is None else self._clock.now() + wait
        return await self.until_written(attempts.Record(execution, attempt, next_attempt_at, run.fence))

    async def overdue(self, run: PendingRun, wait: timedelta | None, now: datetime) -> Execution | None:
        """The callback did not come in time, and it is sent again after ``wait``, or has failed. None when it has ended
        otherwise."""
        deadline, number = run.execution.callback_deadline, run.execution.attempts
        assert deadline is not None

        def operation(session: Session) -> Execution | None:
            held = ledger.hold(session, run.execution.id)
            if held is None or held[0].attempts != number:
                return None
            after = after_deadline(held[0], run.job, is_over=wait is None, now=now)
            next_attempt_at = None if wait is None else now + wait
            is_first = ledger.record_overdue(session, after, deadline, next_attempt_at, run.fence)
            return after if is_first else None

        return await self.until_written(operation)

    def cut_off(self, run: PendingRun, attempt: Attempt, reason: Reason | None) -> None:
        """A request under way when the execution was cancelled. Soon, and without waiting for it."""
        if reason is not None:
            cut = replace(attempt, error_class="cancelled", error=f"cut off: {cancelled_because(reason)}")
            self._outbox.write_soon(
                lambda session: attempts.record_cancelled(session, run.execution.id, cut, run.fence)
            )

    async def is_ours(self, run: PendingRun) -> bool:
        return await self.until_written(lambda session: ledger.is_ours(session, run.execution.id, run.fence))

    async def until_written(self, operation: Operation[T]) -> T:
        """Tries again each second for as long as the ledger cannot be written."""
        while True:
            try:
                return await self._outbox.write_soon(operation)
            except StoreError as error:
                self._warn(error)
            await self._clock.sleep(STORE_RETRY)

    def _warn(self, error: StoreError) -> None:
        """Many results wait for the same disk: one line a minute for all of them."""
        now = self._clock.now()
        if self._said_at is None or abs(now - self._said_at) >= _SAID_AGAIN_AFTER:
            self._said_at = now
            log.error("results cannot be written to the ledger yet: %s", error)
