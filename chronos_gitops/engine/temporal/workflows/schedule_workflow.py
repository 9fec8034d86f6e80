"""The workflow of one job's timetable: it sleeps until a tick, claims it, and keeps executions apart as the job says.

Nothing of a schedule is computed here: a replay must come to the same commands when time rules have changed since, so
the answers of ``decide`` and ``settle``, which histories keep, are all that this code knows of time.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, FailureError, WorkflowAlreadyStartedError

from chronos_gitops.engine.model import Execution, Reason, Status, Trigger
from chronos_gitops.engine.temporal import names, search_attributes
from chronos_gitops.engine.temporal.workflows import messages
from chronos_gitops.engine.temporal.workflows.messages import (
    Applied,
    Held,
    Order,
    Row,
    Situation,
    TimetableState,
    TriggerRequest,
    Verdict,
    instant,
    to_ms,
)
from chronos_gitops.jobs.model import Concurrency

CONTINUE_AFTER = 100
"""Claims after which a timetable continues as new: about 16 events each, histories warn at 10,000."""
_REMEMBERED_PAUSES = 50
_LOCAL = timedelta(seconds=10)
_AGAIN = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10))


@workflow.defn(name=names.TIMETABLE)
class TimetableWorkflow:
    @workflow.init
    def __init__(self, state: TimetableState) -> None:
        self._state = state
        # Updates may come before ``run`` does: what they add is followed by them.
        self._inherited = [*state.running, *state.waiting]
        self._turns = asyncio.Lock()
        self._wake_at: int | None = to_ms(workflow.now())
        self._is_stirred = False
        self._claimed = 0

    @workflow.run
    async def run(self, state: TimetableState) -> None:  # noqa: ARG002  # workflow.init asks for the same signature
        for execution_id in self._inherited:
            self._follow(execution_id, None)
        while not self._is_over():
            if self._should_continue():
                await self._continue()
            self._is_stirred = False
            async with self._turns:
                await self._turn()
            await self._rest()

    @workflow.update(name=names.APPLY)
    async def apply(self, applied: Applied) -> bool:
        """Whether it was news: of several reconcilers that say the same exactly one hears True."""
        async with self._turns:
            before = self._state.applied
            if before is not None and before.digest == applied.digest:
                return False
            verdict = await self._ask(names.SETTLE, Situation(self._now(), self._state.mark, before, applied))
            await self._claim(verdict.orders)
            self._state.applied, self._state.mark, self._state.is_removed = applied, verdict.mark, False
            self._look_again()
            self._publish()
            return True

    @workflow.update(name=names.REMOVE)
    async def remove(self) -> bool:
        async with self._turns:
            was_there = self._state.applied is not None
            self._state.applied, self._state.mark, self._state.is_removed = None, None, True
            self._look_again()
            self._publish()
            return was_there

    @workflow.update(name=names.PAUSE)
    async def pause(self, held: Held) -> None:
        async with self._turns:
            if held == self._state.pause:
                return  # said again, for its sender did not hear that it arrived
            self._remember_pause(held.at)
            self._state.pause = held
            self._look_again()
            self._publish()

    @workflow.update(name=names.RESUME)
    async def resume(self) -> None:
        async with self._turns:
            await self._resume(self._now())

    @workflow.update(name=names.TRIGGER)
    async def trigger(self, request: TriggerRequest) -> Row | None:
        """The row as it was claimed; None when this id was claimed before."""
        async with self._turns:
            applied = self._state.applied
            if applied is None or request.id in (*self._state.running, *self._state.waiting):
                return None
            execution = Execution(
                request.id,
                self._state.job,
                instant(request.at),
                Trigger.MANUAL,
                Status.PENDING,
                created_at=instant(request.at),
                version=applied.version,
                commit=applied.commit,
                path=applied.path,
            )
            claimed = await self._claim([Order(messages.row(execution), applied.document)])
            self._stir()
            return claimed[0].row if claimed else None

    async def _turn(self) -> None:
        now = self._now()
        pause = self._state.pause
        if pause is not None and pause.until is not None and pause.until <= now:
            await self._resume(now)
        if self._is_active() and self._wake_at is not None and self._wake_at <= now:
            await self._decide(now)
        await self._advance()

    async def _decide(self, now: int, *, is_resumed: bool = False, until: int | None = None) -> None:
        applied = self._state.applied
        situation = Situation(now, self._state.mark, applied, is_resumed=is_resumed, until=until)
        try:
            verdict = await self._ask(names.DECIDE, situation)
        except ActivityError as error:
            # A job that this release cannot read any more: what git says next may be better.
            workflow.logger.error("the timetable of %s stands still: %s", self._state.job, error.cause)
            self._wake_at = None
            return
        self._state.mark, self._wake_at = verdict.mark, verdict.wake_at
        for order in verdict.orders:
            order.document = applied.document if applied is not None else None
        await self._claim(verdict.orders)

    async def _ask(self, question: str, situation: Situation) -> Verdict:
        verdict: Verdict = await workflow.execute_local_activity(
            question, situation, result_type=Verdict, start_to_close_timeout=_LOCAL, retry_policy=_AGAIN
        )
        return verdict

    async def _resume(self, now: int) -> None:
        pause = self._state.pause
        if pause is None:
            return
        self._remember_pause(now)
        self._state.pause = None
        if self._is_active():
            await self._decide(now, is_resumed=True, until=pause.until)
        self._stir()
        self._publish()

    def _remember_pause(self, now: int) -> None:
        held = self._state.pause
        if held is not None:
            end = now if held.until is None else min(now, held.until)
            self._state.ended_pauses.append(Held(held.reason, held.by, held.at, end))
            del self._state.ended_pauses[:-_REMEMBERED_PAUSES]

    async def _claim(self, orders: Sequence[Order]) -> list[Order]:
        """Records each order as a workflow of its own; those that somebody recorded before are left out."""
        replaced = [self._judge(order) for order in orders]
        started = await asyncio.gather(*(self._start(order) for order in orders))
        claimed = []
        for order, is_new, ends in zip(orders, started, replaced, strict=True):
            if is_new:
                claimed.append(order)
                self._state.waiting = [waiting for waiting in self._state.waiting if waiting not in ends]
                for execution_id in ends:
                    await self._signal(execution_id, names.END, Reason.REPLACED.value)
        self._claimed += len(claimed)
        if claimed:
            self._note_newest(claimed)
        return claimed

    def _judge(self, order: Order) -> list[str]:
        """The overlap rule of CONTRACT 5 for one order; the executions that it replaces."""
        row, applied = order.row, self._state.applied
        if applied is None or Status(row["status"]).is_final:
            order.document = None
            return []
        busy = [*self._state.running, *self._state.waiting]
        concurrency = Concurrency(applied.document["concurrency"])
        if not busy or concurrency is Concurrency.ALLOW:
            self._state.running.append(row["id"])
            if order.not_before is None:
                row |= {"status": Status.RUNNING.value}
            return []
        # Missed ticks that are caught up wait their turn: they are owed, so an overlap must not swallow them.
        waits_its_turn = row["trigger"] == Trigger.CATCHUP
        if concurrency is Concurrency.FORBID and not waits_its_turn:
            row |= {"status": Status.SKIPPED.value, "reason": Reason.OVERLAP.value, "completed_at": self._now()}
            order.document = None
            return []
        order.is_held = True
        self._state.waiting.append(row["id"])
        return [] if waits_its_turn else busy

    async def _start(self, order: Order) -> bool:
        execution_id = order.row["id"]
        try:
            handle = await workflow.start_child_workflow(
                names.EXECUTION,
                order,
                id=execution_id,
                task_queue=names.EXECUTIONS,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                memo={names.ROW: order.row},
                search_attributes=search_attributes.of_row(order.row),
                static_summary=f"{order.row['job']} {instant(order.row['scheduled_time']).isoformat()}",
            )
        except WorkflowAlreadyStartedError:
            self._ended(execution_id)
            return False
        if execution_id in self._state.running or execution_id in self._state.waiting:
            self._follow(execution_id, handle)
        return True

    def _follow(self, execution_id: str, handle: workflow.ChildWorkflowHandle[object, object] | None) -> None:
        asyncio.create_task(self._until_its_end(execution_id, handle))  # noqa: RUF006  # the workflow's loop keeps it

    async def _until_its_end(
        self, execution_id: str, handle: workflow.ChildWorkflowHandle[object, object] | None
    ) -> None:
        try:
            if handle is not None:
                await handle
            else:  # started by the run before this one: its handle is gone
                await workflow.execute_activity(
                    names.WATCH,
                    execution_id,
                    start_to_close_timeout=timedelta(days=3650),
                    heartbeat_timeout=names.HEARTBEAT_TIMEOUT,
                    retry_policy=_AGAIN,
                )
        except FailureError:
            pass  # it was terminated: that is an end, too
        self._ended(execution_id)

    def _ended(self, execution_id: str) -> None:
        for ids in (self._state.running, self._state.waiting):
            if execution_id in ids:
                ids.remove(execution_id)
        self._stir()

    async def _advance(self) -> None:
        """Gives the next one its turn once nothing runs."""
        while self._state.waiting and (not self._state.running or self._allows_overlap()):
            execution_id = self._state.waiting.pop(0)
            self._state.running.append(execution_id)
            await self._signal(execution_id, names.GO)

    async def _signal(self, execution_id: str, signal: str, *arguments: str) -> None:
        try:
            await workflow.get_external_workflow_handle(execution_id).signal(signal, args=arguments)
        except FailureError:
            self._ended(execution_id)

    def _note_newest(self, orders: Sequence[Order]) -> None:
        at, execution_id = max((order.row["scheduled_time"], order.row["id"]) for order in orders)
        if (at, execution_id) > (self._state.newest_at, self._state.newest):
            self._state.newest_at, self._state.newest = at, execution_id
            workflow.upsert_memo({names.NEWEST: execution_id})

    def _publish(self) -> None:
        held = [*self._state.ended_pauses, *([self._state.pause] if self._state.pause else [])]
        workflow.upsert_memo({names.PAUSES: held})
        digest = search_attributes.REMOVED_STATUS if self._state.applied is None else self._state.applied.digest
        workflow.upsert_search_attributes(
            [search_attributes.STATUS.value_set(self._status()), search_attributes.DIGEST.value_set(digest)]
        )

    def _status(self) -> str:
        if self._state.pause is not None:
            return search_attributes.PAUSED_STATUS
        if self._state.applied is None:
            return search_attributes.REMOVED_STATUS
        return search_attributes.SCHEDULED_STATUS if self._state.mark is not None else search_attributes.DISABLED_STATUS

    def _is_active(self) -> bool:
        return self._state.applied is not None and self._state.mark is not None and self._state.pause is None

    def _allows_overlap(self) -> bool:
        applied = self._state.applied
        return applied is not None and applied.document["concurrency"] == Concurrency.ALLOW

    def _is_over(self) -> bool:
        """A removed job waits for its executions, and while it is paused: a pause survives what git says."""
        state = self._state
        is_idle = not (state.pause or state.running or state.waiting)
        return state.is_removed and is_idle and workflow.all_handlers_finished()

    def _should_continue(self) -> bool:
        return self._claimed >= CONTINUE_AFTER or workflow.info().is_continue_as_new_suggested()

    async def _continue(self) -> None:
        """Commands under way would be lost with the run, so they end first; starts and signals are theirs or ours."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._is_over():
            return
        workflow.continue_as_new(
            self._state, memo=workflow.memo(), search_attributes=workflow.info().typed_search_attributes
        )

    def _look_again(self) -> None:
        self._wake_at = self._now()
        self._stir()

    def _stir(self) -> None:
        self._is_stirred = True

    async def _rest(self) -> None:
        ends = [self._wake_at] if self._is_active() and self._wake_at is not None else []
        if self._state.pause is not None and self._state.pause.until is not None:
            ends.append(self._state.pause.until)
        timeout = timedelta(milliseconds=max(0, min(ends) - self._now())) if ends else None
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._is_stirred, timeout=timeout)

    def _now(self) -> int:
        return to_ms(workflow.now())
