"""The loop that claims what is due, and the decisions that change what is due. One lock, one clock, one loop."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from chronos_gitops.engine.callbacks import CallbackReport, unknown
from chronos_gitops.engine.clock import Clock, Heartbeat
from chronos_gitops.engine.due_queue import DueQueue, DueTick
from chronos_gitops.engine.model import Execution, Pause, Reason, Status, Trigger
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.sql import claims, decisions
from chronos_gitops.engine.sql.claim_status import ClaimStatus
from chronos_gitops.engine.sql.claims import Claim, Claimed, Verdict, Watermark
from chronos_gitops.engine.sql.clock_correction import ClockWatch, take_back
from chronos_gitops.engine.sql.decisions import Decision, Written
from chronos_gitops.engine.sql.executor import Executor
from chronos_gitops.engine.sql.pending_run import PendingRun
from chronos_gitops.engine.sql.store import repository, row_mapping
from chronos_gitops.engine.sql.store.store import Operation, Replica, Session, StoreError
from chronos_gitops.engine.sql.write_batcher import WriteBatcher
from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.jobs.job_set import diff
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.process import failpoints

log = logging.getLogger(__name__)
T = TypeVar("T")

_AFTER_TROUBLE = timedelta(seconds=1)
_OTHERS_DECIDE_S = 0.02
_LOOK_AGAIN_S = 0.1
_CHUNK = 500


class Scheduler:
    """Lives in the engine's loop; ``jobs`` and ``pauses`` may be read from any thread, they are swapped whole."""

    def __init__(
        self,
        *,
        outbox: WriteBatcher,
        replica: Replica,
        lanes: Executor,
        clock: Clock,
        observer: Observer,
        wake: asyncio.Event,
        room: Callable[[], int],
    ) -> None:
        self._room = room
        self._outbox = outbox
        self._replica = replica
        self._lanes = lanes
        self._clock = clock
        self._observer = observer
        self._timetable = DueQueue()
        self._watermarks: dict[str, Watermark] = {}
        self._decisions = asyncio.Lock()
        self._wake = wake
        self._clock_watch = ClockWatch()
        self._has_news = False
        self._led = True
        self._stopping = False
        self._was_applied = False
        self.jobs = JobSet()
        self.pauses: Mapping[str, Pause] = {}
        self.claiming = ClaimStatus()
        self.heartbeat = Heartbeat()

    async def open(self) -> None:
        """Reads what earlier runners left and goes on with their unfinished executions, under the same ids."""
        await self._write(self._replica.take_over)
        self.pauses = await self._write(repository.pauses)
        await self._sync_with_other_replicas()

    async def run(self) -> None:
        """Claims what is due until ``stop``; trouble with the ledger or a defect delays it, and never ends it."""
        while not self._stopping:
            self.heartbeat.beat(self._clock.now())
            if not self._replica.is_current:
                await self._wait_for_lease()
                continue
            if await self._lanes.waited_for_descriptors():
                continue
            try:
                await self._step()
                self.claiming.report("")
            except StoreError as error:
                await self._after_trouble(str(error))
            except Exception as error:
                log.exception("the scheduler failed and goes on")
                await self._after_trouble(f"the scheduler failed: {error}")
            await self._clock.wait(self._next_wake(), self._wake)
            self._wake.clear()

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

    def next_runs(self, name: str, count: int, now: datetime) -> tuple[datetime, ...]:
        """From any thread."""
        return decisions.next_runs(self.jobs.get(name), self._watermarks.get(name), self.pauses.get(name), now, count)

    def decided_until(self, now: datetime) -> dict[str, datetime]:
        return {name: mark.at for name, mark in list(self._watermarks.items()) if mark.at > now}

    async def apply(self, jobs: JobSet) -> None:
        async with self._decisions:
            await self._apply(jobs)
        self._wake.set()

    async def _apply(self, jobs: JobSet) -> None:
        if jobs.revision is None and not len(jobs) and not self._was_applied:
            return  # nothing is known yet, as when the remote is away: that is nobody's decision to end all jobs
        now, before, first = self._clock.now(), self.jobs, not self._was_applied
        pauses = self.pauses
        # Nobody else writes these watermarks: those of the jobs that stay as they are need not be looked at again.
        changes = diff(before, jobs)
        news = None if first or self._replica.is_shared else decisions.edited_jobs(changes)

        def operation(session: Session) -> tuple[bool, Written]:
            standing = self._replica.join(session, jobs.revision)
            held = claims.hold_all(session) if news is None else claims.hold_due(session, news, len(news))
            held, correction = take_back(session, held, now, self._replica.namespace)
            if not standing.leads:
                gone = self._watermarks.keys() - held.keys()
                return False, Written([], [], held, gone, correction=correction)
            missed_by_all = first and standing.alone
            names = jobs.definitions.keys() if news is None else news
            owed = jobs.definitions.keys() - pauses.keys() if missed_by_all else set()
            decided = decisions.on_apply(before, jobs, names, held, owed, now)
            return True, replace(decided.write(session, self._replica, held, now), correction=correction)

        self._led, written = await self._write(operation)
        edited = {mark.job for mark in written.marks.values() if mark != self._watermarks.get(mark.job)}
        self._told(written)
        self.jobs, self._was_applied = jobs, True
        active = [definition.job.name for definition in jobs if self._is_active(definition)]
        self._timetable.retain(active)
        absent = {name for name in active if self._timetable.tick_of(name) is None}
        await self._reschedule(edited | absent | decisions.jittered_otherwise(changes, before, jobs))

    async def trigger(self, name: str, *, key: str | None) -> Execution:
        async with self._decisions:
            definition = self.jobs.get(name)
            if definition is None:
                raise NotFoundError(f'there is no job "{name}"')
            now = row_mapping.whole(self._clock.now())
            claim = Claim(definition, None, Trigger.MANUAL, str(uuid.uuid4()), now, request_key=key)

            def operation(session: Session) -> Written:
                self._replica.hold(session, name)
                claims.hold(session, name)
                return Decision(claims=[claim]).write(session, self._replica, {}, now)

            written = await self._write(operation)
            self._told(written)
            return written.claimed[0].execution

    async def cancel(self, execution_id: str, *, by: str) -> Execution:
        async with self._decisions:
            now = row_mapping.whole(self._clock.now())
            found = await self._write(lambda session: repository.cancel(session, execution_id, by, now, self._replica))
            if found is None:
                raise NotFoundError(f'there is no execution "{execution_id[:64]}"')
            if found.status is not Status.CANCELLED:
                raise ConflictError(f"execution {execution_id} has ended already: {found.status}")
            if found.reason == Reason.OPERATOR:
                self._lanes.cancel([execution_id], Reason.OPERATOR)
            return found

    async def call_back(self, execution_id: str, report: CallbackReport, *, spacing: timedelta) -> Execution:
        """What the target says of an execution, whichever runner has it."""
        now = row_mapping.whole(self._clock.now())
        replica = self._replica
        found = await self._write(
            lambda session: repository.receive(session, execution_id, report, at=now, spacing=spacing, replica=replica)
        )
        if found is None:
            raise unknown()
        if isinstance(found, ConflictError):
            raise found
        execution, is_news = found
        if is_news and execution.status.is_final:
            self._lanes.called_back([execution_id])
            self._observer.execution_finished(execution)
        return execution

    async def pause(self, pause: Pause) -> None:
        async with self._decisions:
            if self.jobs.get(pause.job) is None:
                raise NotFoundError(f'there is no job "{pause.job}"')

            def operation(session: Session) -> None:
                claims.hold(session, pause.job)
                repository.set_pause(session, pause)
                self._replica.tell(session)

            await self._write(operation)
            self.pauses = {**self.pauses, pause.job: pause}
            self._timetable.remove(pause.job)
        self._wake.set()

    async def resume(self, name: str) -> None:
        async with self._decisions:
            await self._resume(name, self._clock.now(), lambda _: True)
        self._wake.set()

    async def _resume(self, name: str, now: datetime, is_over: Callable[[Pause], bool]) -> None:
        """Whoever ends the pause catches up; another runner that wanted to end it too finds nothing to do."""

        def operation(session: Session) -> tuple[Pause | None, Written]:
            mark = claims.hold(session, name)
            held, correction = take_back(session, {} if mark is None else {name: mark}, now, self._replica.namespace)
            pause = repository.pauses(session).get(name)
            if pause is None or not is_over(pause):
                return pause, Written([], [], held, correction=correction)
            decided = decisions.on_resume(self.jobs.get(name), held.get(name), pause, now)
            repository.end_pause(session, name, now)
            self._replica.tell(session)
            return None, replace(decided.write(session, self._replica, held, now), correction=correction)

        pause, written = await self._write(operation)
        others = {job: other for job, other in self.pauses.items() if job != name}
        self.pauses = others if pause is None else others | {name: pause}
        self._told(written)
        await self._reschedule([name])

    async def _step(self) -> None:
        async with self._decisions:
            if self._has_news:
                self._has_news = False
                await self._sync_with_peers()
            now = self._clock.now()
            if self._clock_watch.went_back(now):
                await self._follow_clock_back(now)
            self._lanes.expire(now)
            for pause in [pause for pause in self.pauses.values() if not pause.holds_at(now)]:
                await self._resume(pause.job, now, lambda pause: not pause.holds_at(now))
            due = self._timetable.pop(now)
            if not due:
                return
            before = [self._watermarks.get(entry.job) for entry in due]
            try:
                is_decided = await self._claim(due, now)
                await asyncio.sleep(0)
            finally:
                # Also when nothing could be recorded: the watermark has not moved, so the same ticks come again.
                await self._put_back(due, before)
        if not is_decided:
            await asyncio.sleep(_OTHERS_DECIDE_S)

    async def _claim(self, due: list[DueTick], now: datetime) -> bool:
        """False when nothing was: others decide over all of these just now, or know of a pause that is news here."""
        names = [entry.job for entry in due]
        jobs, known, room = self.jobs, self._watermarks, self._room()

        def operation(session: Session) -> Written:
            held = claims.hold_due(session, names, self._replica.claims_at_once)
            held, correction = take_back(session, held, now, self._replica.namespace)
            paused = repository.paused(session, names)
            decided = decisions.on_due(due, jobs, known, held, paused, now)
            written = decided.write(session, self._replica, held, now, room)
            gone = set() if held else set(names) - claims.marked(session, names)
            return replace(written, dropped=gone, correction=correction)

        written = await self._write(operation)
        has_moved = any(mark != known.get(job) for job, mark in written.marks.items())
        self._told(written)
        if not has_moved and written.marks:
            self._has_news = True
        return has_moved or bool(written.dropped)

    async def _follow_clock_back(self, now: datetime) -> None:
        """What this runner waits for may lie as far ahead as the clock did."""
        self._lanes.bound_deadlines(now)

        def operation(session: Session) -> Written:
            held, correction = take_back(session, claims.hold_all(session), now, self._replica.namespace)
            return Written([], [], held, self._watermarks.keys() - held.keys(), correction=correction)

        self._told(await self._write(operation))
        await self._reschedule(list(self.jobs.definitions))

    async def _sync_with_peers(self) -> None:
        await self._sync_with_other_replicas()
        await self._agree_on_pauses()
        if not self._replica.leads:
            self._led = False
        elif self._was_applied and not self._led:
            log.info("nobody with a newer revision is there any more; this runner's revision decides")
            await self._apply(self.jobs)

    async def _sync_with_other_replicas(self) -> None:
        """What was cancelled or taken over elsewhere ends here; what was left to this runner begins."""
        runs, awaiting = self._lanes.ids(), self._lanes.awaiting_callback()
        me, losses = self._replica.id, self._replica.losses
        called_back, lost, new = await self._write(lambda session: repository.changes(session, runs, awaiting, me))
        self._lanes.called_back(called_back)
        for execution_id, reason in lost.items():
            self._lanes.cancel([execution_id], None if reason is None else Reason(reason))
        # Who waits for a callback is busy already, so that what waits for its turn goes on waiting.
        for left in sorted(new, key=lambda left: left.execution.callback_deadline is None):
            self._lanes.start(PendingRun(left.execution, left.job, left.next_attempt_at, left.fence, losses))

    async def _agree_on_pauses(self) -> None:
        pauses = await self._write(repository.pauses)
        ended = self.pauses.keys() - pauses.keys()
        self.pauses = pauses
        for name in pauses:
            self._timetable.remove(name)
        await self._reschedule(ended)

    def _is_active(self, definition: JobVersion) -> bool:
        """Enabled, not paused, and due by the schedule that this runner knows."""
        job = definition.job
        mark = self._watermarks.get(job.name)
        return job.enabled and job.name not in self.pauses and mark is not None and mark.matches_schedule(job)

    async def _reschedule(self, names: Iterable[str]) -> None:
        for position, name in enumerate(names, 1):
            definition = self.jobs.get(name)
            if definition is not None and self._is_active(definition):
                self._timetable.put(definition.job, after=self._watermarks[name].at)
            if position % _CHUNK == 0:
                await asyncio.sleep(0)

    async def _put_back(self, due: Iterable[DueTick], before: Iterable[Watermark | None]) -> None:
        decided = []
        for entry, mark in zip(due, before, strict=True):
            definition = self.jobs.get(entry.job)
            if self._watermarks.get(entry.job) != mark:
                decided.append(entry.job)
            elif definition is not None and self._is_active(definition):
                self._timetable.requeue(entry)
        await self._reschedule(decided)

    def _told(self, written: Written) -> None:
        """Takes over what a transaction has written: watermarks, observers, and what is to run now."""
        if written.claimed:
            failpoints.reach("after-claim")
        if written.correction is not None:
            self._clock_watch.note(written.correction, self._clock.now())
        for execution in written.skipped:
            self._observer.execution_finished(execution)
        self._watermarks.update(written.marks)
        for name in written.dropped:
            self._watermarks.pop(name, None)
        for each in written.claimed:
            self._dispatch(each, written.losses)

    def _dispatch(self, claimed: Claimed, losses: int) -> None:
        job = claimed.claim.definition.job
        if claimed.replaced:
            self._lanes.cancel(claimed.replaced, Reason.REPLACED)
        if claimed.verdict is Verdict.SKIPPED:
            self._observer.execution_finished(claimed.execution)
        elif claimed.owner == self._replica.id and not self._lanes.has(claimed.execution.id):
            if claimed.verdict is Verdict.RUN:
                not_before = claimed.claim.not_before
                self._lanes.start(PendingRun(claimed.execution, job, not_before, losses=losses))
            elif not claimed.execution.status.is_final:
                self.hear()

    def _next_wake(self) -> datetime | None:
        ends = [pause.until for pause in self.pauses.values() if pause.until is not None]
        others = (self._timetable.next_at(), self._lanes.next_deadline())
        return min([*ends, *(at for at in others if at is not None)], default=None)

    async def _write(self, operation: Operation[T]) -> T:
        return await self._outbox.write(operation)
