"""The workflow of one job's timetable: it sleeps until a tick, claims it, and keeps executions apart as the job says.

Nothing of a schedule is computed here: a replay must come to the same commands when time rules have changed since, so
the answers of ``decide`` and ``settle``, which histories keep, are all that this code knows of time.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, FailureError, WorkflowAlreadyStartedError

from chronos_gitops.engine.milliseconds import instant, to_ms
from chronos_gitops.engine.model import Reason
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.workflows import marks, messages, pauses, published, questions, turns
from chronos_gitops.engine.temporal.workflows.execution_ends import ExecutionEnds
from chronos_gitops.engine.temporal.workflows.messages import (
    Applied,
    BulkAnswer,
    BulkResume,
    Order,
    PauseRecord,
    PublishedSchedule,
    Row,
    Situation,
    TimetableState,
    TriggerRequest,
)
from chronos_gitops.engine.temporal.workflows.replay_messages import ReplayBatch
from chronos_gitops.engine.temporal.workflows.replay_turns import ReplayTurns
from chronos_gitops.jobs.promises.guard import GUARD

AT_ONCE = CONTINUE_AFTER = 20
"""Executions that one run starts in one turn; claims and turns given after which it continues as new. Each adds
about 9 events, and 900 events take 0.4 s of processor time to replay: too long for a runner with a tenth of a core."""
_CONTINUED_AFTER = 100  # claims, in histories of earlier releases


@workflow.defn(name=names.TIMETABLE)
class TimetableWorkflow:
    @workflow.init
    def __init__(self, state: TimetableState) -> None:
        self._state = state
        # Updates may come before ``run`` does: what they add is followed by them.
        self._inherited = [*state.running, *state.waiting]
        self._ends = ExecutionEnds(self._ended)
        self._replays = ReplayTurns(state, self._claim, on_end=self._stir)
        self._turns = asyncio.Lock()
        self._wake_at: int | None = to_ms(workflow.now())
        self._is_stirred = False
        self._claimed = 0
        self._published: PublishedSchedule | None = None

    @workflow.run
    async def run(self, state: TimetableState) -> None:  # noqa: ARG002  # workflow.init asks for the same signature
        self._ends.follow_inherited(self._inherited)
        while not self._is_over():
            if self._should_continue():
                await self._continue()
            self._is_stirred = False
            async with self._turns:
                await self._turn()
                self._publish_plan()
            await self._rest()

    @workflow.update(name=names.APPLY)
    async def apply(self, applied: Applied) -> bool:
        """True if it was news: of several reconcilers that say the same exactly one hears True. A runner says it first
        of all after an outage, and does not claim at once what that has left."""
        async with self._turns:
            before = self._state.applied
            if before is not None and before.digest == applied.digest:
                return False
            is_released = pauses.is_guarded(self._state) and (before is None or before.document != applied.document)
            await marks.take_back(self._state, self._now())
            situation = replace(self._edit(before, applied), is_released=is_released)
            verdict = await questions.ask(names.SETTLE, situation)
            for order in verdict.orders:
                order.document = order.document or applied.document
            await self._claim(verdict.orders)
            await questions.withdraw(self._state.job, verdict)
            if is_released:
                pauses.release(self._state, self._now())
            if self._state.mark is not None and verdict.mark is None:
                await self._claim_rest()
                await self._cancel_queued(Reason.DISABLED)
            self._state.applied, self._state.mark, self._state.is_removed = applied, verdict.mark, False
            self._state.moves, self._state.earlier_marks = verdict.moves, []
            self._look_again()
            self._publish()
            return True

    @workflow.update(name=names.REMOVE)
    async def remove(self) -> bool:
        async with self._turn_alone():
            was_there = self._state.applied is not None
            if self._state.mark is not None and workflow.patched(names.REMOVE_PATCH):
                situation = self._edit(self._state.applied, None)
                verdict = await questions.ask(names.SETTLE, situation)
                await self._claim(verdict.orders)
                await questions.withdraw(self._state.job, verdict)
            await self._cancel_queued(Reason.DELETED)
            self._state.applied, self._state.mark, self._state.is_removed = None, None, True
            self._state.moves, self._state.earlier_marks = [], []
            self._replays.drop()
            self._look_again()
            self._publish()
            return was_there

    @workflow.update(name=names.PAUSE)
    async def pause(self, held: PauseRecord) -> bool:
        async with self._turn_alone():
            if held == self._state.pause:
                return True  # said again, for its sender did not hear that it arrived
            if pauses.is_late_stop(self._state, held) and workflow.patched(names.STOP_PATCH):
                return False
            if held.by == GUARD:
                await self._cancel_queued(Reason.GUARD)
            await self._begin_pause()
            pauses.pause(self._state, held)
            turns.hold(self._state)
            self._look_again()
            self._publish()
            return True

    @workflow.update(name=names.RESUME)
    async def resume(self) -> None:
        async with self._turn_alone():
            await self._resume(self._now())

    @workflow.update(name=names.BULK_PAUSE)
    async def bulk_pause(self, wanted: PauseRecord) -> BulkAnswer:
        """A call that is repeated under its id changes nothing more, whatever happened to the pause since."""
        async with self._turn_alone():
            if self._state.bulk is None or self._state.bulk.id != wanted.bulk:
                await self._begin_pause()
                self._state.bulk = pauses.pause_by_call(self._state, wanted)
                self._look_again()
                self._publish()
            return replace(self._state.bulk, current=self._state.pause)

    @workflow.update(name=names.BULK_RESUME)
    async def bulk_resume(self, order: BulkResume) -> BulkAnswer:
        async with self._turn_alone():
            if self._state.bulk is None or self._state.bulk.id != order.id:
                self._state.bulk = pauses.left_by_call(self._state, order.id, order.bulk, self._now())
                if self._state.bulk.held is None:
                    await self._resume(self._now())
                self._look_again()
                self._publish()
            return replace(self._state.bulk, current=self._state.pause)

    @workflow.update(name=names.LOOK)
    async def look(self) -> int:
        """Decides at once, whatever is slept for, and publishes; the milliseconds by which the mark was ahead."""
        async with self._turn_alone():
            now, mark = self._now(), self._state.mark
            await marks.take_back(self._state, now)
            if self._is_active():
                await self._decide(now)
            self._stir()
            self._publish()
            return 0 if mark is None else max(0, mark - now)

    @workflow.signal(name=names.REPLAY_BATCH)
    def run_again(self, batch: ReplayBatch) -> None:
        self._replays.offer(batch)
        self._stir()

    @workflow.signal(name=names.REPLAY_END)
    def end_replay(self, replay: str) -> None:
        self._replays.end(replay)
        self._stir()

    @workflow.update(name=names.TRIGGER)
    async def trigger(self, request: TriggerRequest) -> Row | None:
        """The row as it was claimed; None when this id was claimed before."""
        async with self._turn_alone():
            applied = self._state.applied
            if applied is None or request.id in (*self._state.running, *self._state.waiting):
                return None
            execution = turns.triggered(self._state.job, applied, request)
            claimed = await self._claim([Order(messages.row(execution), request.document or applied.document)])
            self._stir()
            return claimed[0].row if claimed else None

    @contextlib.asynccontextmanager
    async def _turn_alone(self) -> AsyncIterator[None]:
        """Of a message: what was decided is claimed before it."""
        async with self._turns:
            await self._claim_rest()
            yield

    async def _turn(self) -> None:
        if self._state.unclaimed:
            await self._claim_next()
            return
        now, pause = self._now(), self._state.pause
        if pause is not None and pause.until is not None and pause.until <= now and pause.beside is None:
            await self._resume(now)
        is_due = self._wake_at is not None and self._wake_at <= now
        if self._is_active() and (is_due or marks.must_decide(self._state, now)):
            await self._decide(now)
        await self._advance()
        await self._replays.take_turn()

    async def _decide(
        self, now: int, *, is_resumed: bool = False, until: int | None = None, begins_pause: bool = False
    ) -> None:
        applied = self._state.applied
        await marks.take_back(self._state, now)
        known = Situation(now, self._state.mark, applied, moves=self._state.moves)
        situation = replace(known, is_resumed=is_resumed, until=until, begins_pause=begins_pause)
        try:
            verdict = await questions.ask(names.DECIDE, situation)
        except ActivityError as error:
            # This release cannot read the job any more: what git says next may be better.
            workflow.logger.error("scheduling of %s has stopped: %s", self._state.job, error.cause)
            self._wake_at = None
            return
        marks.note_jump(self._state, verdict.mark)
        self._state.mark, self._wake_at, self._state.moves = verdict.mark, verdict.wake_at, verdict.moves
        for order in verdict.orders:
            order.document = order.document or (None if applied is None else applied.document)
        if len(verdict.orders) > AT_ONCE and workflow.patched(names.PORTION_PATCH):
            self._state.unclaimed = list(verdict.orders)
            await self._claim_next()
        else:
            await self._claim(verdict.orders)

    async def _claim_rest(self) -> None:
        while self._state.unclaimed:
            await self._claim_next()

    async def _claim_next(self) -> None:
        """With each event the server writes all children of a run, so one run does not start a hundred."""
        orders, self._state.unclaimed = self._state.unclaimed[:AT_ONCE], self._state.unclaimed[AT_ONCE:]
        await self._claim(orders)
        self._stir()

    def _edit(self, before: Applied | None, after: Applied | None) -> Situation:
        state = self._state
        return Situation(self._now(), state.mark, before, after, moves=state.moves, is_paused=state.pause is not None)

    async def _begin_pause(self) -> None:
        has_calendars = (applied := self._state.applied) is not None and applied.calendars is not None
        if has_calendars and self._is_active() and workflow.patched(names.CLOSE_HELD_PATCH):
            await self._decide(self._now(), begins_pause=True)

    async def _resume(self, now: int) -> None:
        pause = self._state.pause
        if pause is None:
            return
        pauses.remember(self._state, now)
        self._state.pause, self._state.held = None, []
        if self._is_active():
            await self._decide(now, is_resumed=True, until=pause.until)
        self._state.earlier_marks = []
        self._stir()
        self._publish()

    async def _claim(self, orders: Sequence[Order]) -> list[Order]:
        """Records each order as a workflow of its own; those that are recorded already are left out."""
        is_bounded = partial(workflow.patched, names.BOUND_PATCH)
        replaced = [turns.claim(self._state, order, self._now(), is_bounded) for order in orders]
        started = await asyncio.gather(*(self._start(order) for order in orders))
        claimed, replacing = [], []
        for order, is_new, ends in zip(orders, started, replaced, strict=True):
            if is_new:
                claimed.append(order)
                replacing += ends
                self._state.waiting = [waiting for waiting in self._state.waiting if waiting not in ends]
        await self._end_replaced(replacing)
        self._claimed += len(claimed)
        if claimed:
            self._note_newest(claimed)
        return claimed

    async def _end_replaced(self, executions: Sequence[str]) -> None:
        """Of ticks that are late together each replaces all before it: every execution hears of it once, and all at the
        same time, or the next ticks are late before the last one has heard."""
        if len(executions) > 1 and workflow.patched(names.REPLACE_PATCH):
            ends = [self._signal(one, names.END, Reason.REPLACED.value) for one in dict.fromkeys(executions)]
            await asyncio.gather(*ends)
            return
        for execution_id in executions:
            await self._signal(execution_id, names.END, Reason.REPLACED.value)

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
            self._ends.follow(execution_id, handle)
        return True

    def _ended(self, execution_id: str) -> None:
        turns.forget(self._state, execution_id)
        self._stir()

    async def _advance(self) -> None:
        """Gives the next one its turn once nothing runs."""
        while (execution_id := turns.advance(self._state)) is not None:
            await self._signal(execution_id, names.GO)
            self._claimed += workflow.patched(names.PORTION_PATCH)

    async def _cancel_queued(self, reason: Reason) -> None:
        for execution_id in turns.clear(self._state):
            await self._signal(execution_id, names.END, reason.value)

    async def _signal(self, execution_id: str, signal: str, *arguments: str) -> None:
        try:
            await workflow.get_external_workflow_handle(execution_id).signal(signal, args=arguments)
        except FailureError:
            self._ended(execution_id)

    def _note_newest(self, orders: Sequence[Order]) -> None:
        at, execution_id = max((order.row["scheduled_time"], order.row["id"]) for order in orders)
        is_newer = (at, execution_id) > (self._state.newest_at, self._state.newest)
        if is_newer or marks.is_newest_ahead(self._state, self._now()):
            self._state.newest_at, self._state.newest = at, execution_id
            self._published = self._plan()
            workflow.upsert_memo({names.NEWEST: execution_id, names.PLAN: self._published})

    def _plan(self) -> PublishedSchedule | None:
        return published.plan(self._state, is_awake=self._wake_at is not None)

    def _publish_plan(self) -> None:
        """Where no claim has: most plans go with the newest execution."""
        plan = self._plan()
        if plan != self._published and workflow.patched(names.PLAN_PATCH):
            self._published = plan
            workflow.upsert_memo({names.PLAN: plan})

    def _publish(self) -> None:
        self._published = self._plan()
        workflow.upsert_memo({names.PAUSES: published.pauses(self._state), names.PLAN: self._published})
        workflow.upsert_search_attributes(published.attributes(self._state))

    def _is_active(self) -> bool:
        return self._state.applied is not None and self._state.mark is not None and self._state.pause is None

    def _is_over(self) -> bool:
        """A removed job waits for its executions, and while it is paused: a pause survives what git says."""
        state = self._state
        is_idle = self._replays.is_idle and not (state.pause or state.running or state.waiting)
        return state.is_removed and is_idle and workflow.all_handlers_finished()

    def _should_continue(self) -> bool:
        is_long = self._claimed >= CONTINUE_AFTER and workflow.patched(names.CONTINUE_PATCH)
        return is_long or self._claimed >= _CONTINUED_AFTER or workflow.info().is_continue_as_new_suggested()

    async def _continue(self) -> None:
        """Commands under way would be lost with the run, so they end first; starts and signals are theirs or ours."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._is_over() or not self._replays.is_heard:
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
        if self._state.pause is not None and self._state.pause.until is not None and self._state.pause.beside is None:
            ends.append(self._state.pause.until)
        next_item = self._replays.next_at()
        ends += [] if next_item is None else [next_item]
        timeout = timedelta(milliseconds=max(0, min(ends) - self._now())) if ends else None
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._is_stirred, timeout=timeout)

    def _now(self) -> int:
        return to_ms(workflow.now())
