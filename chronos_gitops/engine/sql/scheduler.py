"""The loop that claims what is due, and the decisions that change what is due. One lock, one clock, one loop."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.callbacks import CallbackReport, unknown
from chronos_gitops.engine.clock import Clock, LoopHeartbeat
from chronos_gitops.engine.clock_watch import ClockWatch
from chronos_gitops.engine.model import Execution, Pause, Reason, Status, Trigger, TriggerInputs
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.operations.bulk import BulkCall, BulkItem
from chronos_gitops.engine.operations.pauses import with_pause
from chronos_gitops.engine.operations.replays import Replay
from chronos_gitops.engine.sql.claiming import pending_writes, watermarks
from chronos_gitops.engine.sql.claiming.apply_jobs import ApplyJobs
from chronos_gitops.engine.sql.claiming.claim_due import ClaimDue
from chronos_gitops.engine.sql.claiming.claim_status import ClaimStatus
from chronos_gitops.engine.sql.claiming.claims import Claim, Claimed, ClaimOutcome
from chronos_gitops.engine.sql.claiming.clock_correction import changes_by_now, take_back
from chronos_gitops.engine.sql.claiming.early_claims import EarlyClaims
from chronos_gitops.engine.sql.claiming.pending_writes import CommittedWrites, PendingWrites
from chronos_gitops.engine.sql.claiming.timetable import Timetable
from chronos_gitops.engine.sql.execution.executor import Executor
from chronos_gitops.engine.sql.execution.pending_run import PendingRun
from chronos_gitops.engine.sql.operations import pausing
from chronos_gitops.engine.sql.operations.bulk_operations import BulkOperation
from chronos_gitops.engine.sql.operations.replay_driver import ReplayDriver
from chronos_gitops.engine.sql.store import ledger
from chronos_gitops.engine.sql.store.store import Operation, Replica, Session, StoreError
from chronos_gitops.engine.sql.write_batcher import WriteBatcher
from chronos_gitops.engine.ticks.due_queue import DueTick
from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.jobs.job_set import diff
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.process import failpoints

log = logging.getLogger(__name__)
T = TypeVar("T")

_AFTER_TROUBLE = timedelta(seconds=1)
_OTHERS_DECIDE_S = 0.02
_LOOK_AGAIN_S = 0.1
_OTHERS_ARE_NEWER = timedelta(milliseconds=500)
"""A runner with an older release of the time zone database looks so often what the others have decided."""


class Scheduler:
    """Lives in the engine's loop, and so does the ``timetable`` that it keeps."""

    def __init__(
        self,
        *,
        outbox: WriteBatcher,
        replica: Replica,
        executor: Executor,
        clock: Clock,
        observer: Observer,
        wake: asyncio.Event,
        room: Callable[[], int],
    ) -> None:
        self._room = room
        self._outbox = outbox
        self._replica = replica
        self._executor = executor
        self._clock = clock
        self._observer = observer
        self.timetable = Timetable(replica.decides_at)
        self.replays = ReplayDriver(self._write, replica, executor.is_occupied, observer.replay_ended)
        self.early = EarlyClaims(self._write, self.timetable, executor, replica, room)
        self._decisions = asyncio.Lock()
        self._wake = wake
        self._clock_watch = ClockWatch()
        self._has_news = self._stopping = self._was_applied = False
        self._led = True
        self.claiming = ClaimStatus()
        self.heartbeat = LoopHeartbeat()

    async def open(self) -> None:
        """Reads what earlier runners left and goes on with their unfinished executions, under the same ids."""
        await self._write(self._replica.take_over)
        self._hold(await self._write(ledger.pauses))
        await self._sync_with_other_replicas()
        await self.replays.read()

    async def run(self) -> None:
        """Claims what is due until ``stop``; trouble with the ledger or a defect delays it, and never ends it."""
        while not self._stopping:
            self.heartbeat.beat(self._clock.now())
            if not self._replica.is_current:
                await self._wait_for_lease()
                continue
            if await self._executor.waited_for_descriptors():
                continue
            try:
                await self._step()
                self.claiming.report("")
            except StoreError as error:
                await self._after_trouble(str(error))
            except Exception as error:
                log.exception("the scheduler failed and continues")
                await self._after_trouble(f"the scheduler failed: {error}")
            await self._clock.wait(self._next_wake(), self._wake)
            self._wake.clear()
        with contextlib.suppress(StoreError):  # then they are sent after the next start
            await self.early.withdraw()

    async def _after_trouble(self, trouble: str) -> None:
        """A transaction may have been committed though nobody could say so: what it claimed is looked for."""
        self.claiming.report(trouble)
        self._has_news = True
        await self._clock.sleep(_AFTER_TROUBLE)

    async def _wait_for_lease(self) -> None:
        """Whoever cannot write, or has no lease, claims nothing: others may have what it claims."""
        self.claiming.report(self._replica.lease_failure)
        self._has_news = True
        await asyncio.sleep(_LOOK_AGAIN_S)

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def hear(self) -> None:
        """Another runner may have done something that is of interest here."""
        self._has_news = True
        self._wake.set()

    def clock_trouble(self, now: datetime) -> str:
        return self._clock_watch.trouble(now)

    async def apply(self, jobs: JobSet) -> None:
        async with self._deciding():
            await self._apply(jobs)
        self._wake.set()

    async def _apply(self, jobs: JobSet) -> None:
        if jobs.revision is None and not len(jobs) and not self._was_applied:
            return  # nothing is known yet, as when the remote is away: that is nobody's decision to end all jobs
        now, before, first = self._clock.now(), self.timetable.jobs, not self._was_applied
        pauses, marked = self.timetable.pauses, self.timetable.watermarks.keys()
        # Nobody else writes these watermarks: those of the jobs that stay as they are need not be looked at again.
        changes = diff(before, jobs)
        news = None if first or self._replica.is_shared else pending_writes.edited_jobs(changes)
        applied = ApplyJobs(before, jobs, news, pauses, marked, now, self._replica, is_first=first)
        self._led, written, after = await self._write(applied)
        if after is not pauses:
            self._hold(after)
        edited = {mark.job for mark in written.marks.values() if mark != self.timetable.watermarks.get(mark.job)}
        self._told(written)
        self.timetable.jobs, self._was_applied = jobs, True
        absent = self.timetable.retain_active()
        await self.timetable.reschedule(edited | absent | pending_writes.jittered_otherwise(changes, before, jobs))

    async def trigger(self, name: str, *, key: str | None, inputs: TriggerInputs | None = None) -> Execution:
        async with self._deciding(name):
            definition = self.timetable.jobs.get(name)
            if definition is None:
                raise NotFoundError(f'there is no job "{name}"')
            now = milliseconds.whole(self._clock.now())
            claim = Claim(definition, None, Trigger.MANUAL, str(uuid.uuid4()), now, request_key=key)
            if inputs is not None:
                made = replace(definition, job=inputs.job)
                claim = replace(claim, definition=made, variables=inputs.variables)

            def operation(session: Session) -> CommittedWrites:
                self._replica.hold(session, name)
                watermarks.hold(session, name)
                return PendingWrites(claims=[claim]).write(session, self._replica, {}, now)

            written = await self._write(operation)
            self._told(written)
            return written.claimed[0].execution

    async def cancel(self, execution_id: str, *, by: str) -> Execution:
        async with self._decisions:
            now = milliseconds.whole(self._clock.now())
            found = await self._write(lambda session: ledger.cancel(session, execution_id, by, now, self._replica))
            if found is None:
                raise NotFoundError(f'there is no execution "{execution_id[:64]}"')
            if found.status is not Status.CANCELLED:
                raise ConflictError(f"execution {execution_id} has ended already: {found.status}")
            if found.reason == Reason.OPERATOR:
                self._executor.cancel({execution_id: Reason.OPERATOR})
            return found

    async def call_back(self, execution_id: str, report: CallbackReport, *, spacing: timedelta) -> Execution:
        """Record a callback, whichever runner has the execution."""
        now, me = milliseconds.whole(self._clock.now()), self._replica
        found = await self._write(
            lambda session: ledger.receive(session, execution_id, report, at=now, spacing=spacing, replica=me)
        )
        if found is None:
            raise unknown()
        if isinstance(found, ConflictError):
            raise found
        execution, is_news = found
        if is_news and execution.status.is_final:
            self._executor.called_back([execution_id])
            self._observer.execution_finished(execution)
        return execution

    async def pause(self, pause: Pause) -> None:
        async with self._deciding(pause.job):
            if self.timetable.jobs.get(pause.job) is None:
                raise NotFoundError(f'there is no job "{pause.job}"')
            replica, jobs = self._replica, self.timetable.jobs
            after, written = await self._write(lambda session: pausing.pause(session, pause, replica, jobs))
            self._hold(with_pause(self.timetable.pauses, pause.job, after))
            self._told(written)
        self._wake.set()

    async def stop_version(self, pause: Pause) -> bool:
        async with self._deciding(pause.job):
            jobs = self.timetable.jobs
            made = await self._write(lambda session: pausing.stop_version(session, pause, self._replica, jobs))
            if made is None:
                return False
            self._hold(with_pause(self.timetable.pauses, pause.job, made[0]))
            self._told(made[1])
        self._wake.set()
        return True

    async def resume(self, name: str) -> None:
        async with self._decisions:
            await self._resume(name, self._clock.now(), lambda _: True)
        self._wake.set()

    async def _resume(self, name: str, now: datetime, is_over: Callable[[Pause], bool]) -> None:
        def operation(session: Session) -> tuple[Pause | None, CommittedWrites]:
            return pausing.resume(session, self.timetable.jobs, name, now, is_over, self._replica)

        pause, written = await self._write(operation)
        self._hold(with_pause(self.timetable.pauses, name, pause))
        self._told(written)
        await self.timetable.reschedule([name])

    async def bulk(self, call: BulkCall) -> tuple[BulkItem, ...]:
        async with self._deciding():
            operation = BulkOperation(call, self.timetable.jobs, self._clock.now(), self._replica)
            performed = await self._write(operation)
            resumed = self.timetable.pauses.keys() - performed.pauses.keys()
            self._hold(performed.pauses)
            self._told(performed.written)
            await self.timetable.reschedule(resumed)
        self._wake.set()
        return performed.items

    async def replay(self, replay: Replay) -> None:
        async with self._deciding(replay.job):
            await self.replays.begin(replay)
        self._wake.set()

    async def _step(self) -> None:
        async with self._decisions:
            if self._has_news:
                self._has_news = False
                await self._sync_with_peers()
            now = self._clock.now()
            with self._reread_on_failure():
                await self.early.pass_time(now)
            if self._clock_watch.went_back(now):
                await self._follow_clock_back(now)
            self._executor.expire(now)
            ended = [pause for pause in self.timetable.pauses.values() if not pause.holds_at(now)]
            for pause in [] if self._replica.defers else ended:
                await self._resume(pause.job, now, lambda pause: not pause.holds_at(now))
            due = self.timetable.pop(now)
            due += self.early.pop(now, self.replays.active.keys(), len(due))
            is_decided = not due or await self._decide(due, now)
            for begun in await self.replays.step(self.timetable.jobs if self._was_applied else None, now):
                self._told(begun)
            self._executor.replayed = self.replays.active.keys()
        if not is_decided and not self._replica.defers:
            await asyncio.sleep(_OTHERS_DECIDE_S)

    async def _decide(self, due: list[DueTick], now: datetime) -> bool:
        before = [self.timetable.watermarks.get(entry.job) for entry in due]
        try:
            is_decided = await self._claim(due, now)
            await asyncio.sleep(0)
            return is_decided
        finally:
            # Also when nothing could be recorded: the watermark has not moved, so the same ticks come again.
            await self.timetable.put_back(due, before)

    async def _claim(self, due: list[DueTick], now: datetime) -> bool:
        """False when nothing was: others decide over all of these just now, or know of a pause that is news here."""
        jobs, known, room = self.timetable.jobs, self.timetable.watermarks, self._room()
        before = [known.get(entry.job) for entry in due]
        written = await self._outbox.write(ClaimDue(due, jobs, known, now, room, self._replica))
        self.early.note(due, before, written, now)
        has_moved = any(mark != known.get(job) for job, mark in written.marks.items())
        self._told(written)
        if not has_moved and written.marks:
            self._has_news = True
        return has_moved or bool(written.dropped)

    async def _follow_clock_back(self, now: datetime) -> None:
        """Correct deadlines, watermarks and claims after the clock was set back: they may lie that far ahead."""
        self._executor.bound_deadlines(now)
        await self._executor.withdraw_early(now)

        def operation(session: Session) -> CommittedWrites:
            held, correction = take_back(session, watermarks.hold_all(session), now, self._replica.namespace)
            return CommittedWrites([], [], held, self.timetable.watermarks.keys() - held.keys(), correction=correction)

        self._told(await self._write(operation))
        await self._sync_with_other_replicas()
        await self.timetable.reschedule(list(self.timetable.jobs.definitions))

    async def _sync_with_peers(self) -> None:
        await self._sync_with_other_replicas()
        await self._agree_on_pauses()
        await self.replays.read()
        if not self._replica.leads:
            self._led = False
        elif self._was_applied and not self._led:
            log.info("no runner with a newer revision is left; this runner's revision decides")
            await self._apply(self.timetable.jobs)

    async def _sync_with_other_replicas(self) -> None:
        """End executions that were cancelled or taken over elsewhere, and start those that were left to this runner."""
        runs, awaiting = self._executor.ids(), self._executor.awaiting_callback()
        me, losses, now = self._replica.id, self._replica.losses, self._clock.now()
        called_back, lost, new = await self._write(lambda session: changes_by_now(session, runs, awaiting, me, now))
        self._executor.called_back(called_back)
        self._executor.cancel({one: None if reason is None else Reason(reason) for one, reason in lost.items()})
        # Who waits for a callback is busy already, so that what waits for its turn goes on waiting.
        for left in sorted(new, key=lambda left: left.execution.callback_deadline is None):
            self._executor.start(PendingRun(left.execution, left.job, left.next_attempt_at, left.fence, losses))

    async def _agree_on_pauses(self) -> None:
        pauses = await self._write(ledger.pauses)
        ended = self.timetable.pauses.keys() - pauses.keys()
        self._hold(pauses)
        await self.timetable.reschedule(ended)

    def _hold(self, pauses: Mapping[str, Pause]) -> None:
        self.timetable.hold(pauses)
        self._executor.hold(pauses)

    def _told(self, written: CommittedWrites) -> None:
        """Takes over what a transaction has written: watermarks, observers, and what is to run now."""
        if written.claimed:
            failpoints.reach("after-claim")
        if written.correction is not None:
            self._clock_watch.note(written.correction, self._clock.now())
        for execution in written.skipped:
            self._observer.execution_finished(execution)
        self.timetable.move(written.marks, written.dropped)
        self._executor.cancel(written.cancelled)
        for each in written.claimed:
            self._dispatch(each, written.losses)

    def _dispatch(self, claimed: Claimed, losses: int) -> None:
        job = claimed.claim.definition.job
        if claimed.replaced:
            self._executor.cancel(dict.fromkeys(claimed.replaced, Reason.REPLACED))
        if claimed.verdict is ClaimOutcome.SKIPPED:
            self._observer.execution_finished(claimed.execution)
        elif claimed.owner == self._replica.id and not self._executor.has(claimed.execution.id):
            if claimed.verdict is ClaimOutcome.RUN:
                not_before = claimed.claim.not_before
                self._executor.start(PendingRun(claimed.execution, job, not_before, losses=losses))
            elif not claimed.execution.status.is_final:
                self.hear()

    @contextlib.asynccontextmanager
    async def _deciding(self, *names: str) -> AsyncIterator[None]:
        """Decide about these jobs, or all of them: what was claimed of them ahead of its instant is withdrawn first."""
        async with self._decisions:
            with self._reread_on_failure():
                await self.early.withdraw(names or None)
            yield

    @contextlib.contextmanager
    def _reread_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.hear()
            raise

    def _next_wake(self) -> datetime | None:
        due = self.timetable.next_at(self.early.ahead)
        if self._replica.defers and due is not None:
            due = max(due, self._clock.now() + _OTHERS_ARE_NEWER)
        times = (due, self._executor.next_deadline(), self.replays.next_at())
        return min((at for at in times if at is not None), default=None)

    async def _write(self, operation: Operation[T]) -> T:
        self._executor.write_starts()
        return await self._outbox.write(operation)
