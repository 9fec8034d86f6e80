"""The loop that claims what is due, and the decisions that change what is due. One lock, one clock, one loop."""

import asyncio
import logging
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from chronos_gitops import failpoints
from chronos_gitops.engine.clock import Clock
from chronos_gitops.engine.model import Execution, Pause, Reason, Status, Trigger
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.sql import ledger
from chronos_gitops.engine.sql.lanes import Lanes, Run
from chronos_gitops.engine.sql.ledger import Claim, Claimed, Skip, Verdict, Watermark
from chronos_gitops.engine.sql.store import Operation, Session, Store, StoreError
from chronos_gitops.engine.timetable import LATE, Due, Timetable, catch_up, given_up
from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.jobs.model import Definition, JobSet
from chronos_gitops.timing.schedule import Schedule, jitter

log = logging.getLogger(__name__)
T = TypeVar("T")

_AFTER_TROUBLE = timedelta(seconds=1)
_CHUNK = 500


@dataclass(slots=True)
class _Batch:
    """What one decision will write in one transaction."""

    claims: list[Claim] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    marks: list[Watermark] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def catch_up(self, definition: Definition, since: datetime, now: datetime) -> None:
        job = definition.job
        decided = catch_up(job, since, now)
        if decided.missed is not None:
            self.skips.append(Skip(definition, decided.missed))
        for tick in decided.run:
            not_before = now + jitter(job.name, tick, job.jitter)
            self.claims.append(Claim.of_tick(definition, tick, Trigger.CATCHUP, not_before))
        self.marks.append(Watermark.of(job, max(since, now)))


class Scheduler:
    """Lives in the engine's loop; ``jobs`` and ``pauses`` may be read from any thread, they are swapped whole."""

    def __init__(self, *, store: Store, lanes: Lanes, clock: Clock, observer: Observer) -> None:
        self._store = store
        self._lanes = lanes
        self._clock = clock
        self._observer = observer
        self._timetable = Timetable()
        self._watermarks: dict[str, Watermark] = {}
        self._decisions = asyncio.Lock()
        self._wake = asyncio.Event()
        self._stopping = False
        self.jobs = JobSet()
        self.pauses: Mapping[str, Pause] = {}
        self.trouble = ""
        self.heartbeat_at: datetime | None = None

    async def open(self) -> None:
        """Reads what an earlier runner left and goes on with its unfinished executions, under the same ids."""
        self._watermarks = await self._write(ledger.watermarks)
        self.pauses = await self._write(ledger.pauses)
        for left in await self._write(ledger.unfinished):
            self._lanes.start(Run(left.execution, left.job, left.next_attempt_at))

    async def run(self) -> None:
        """Claims what is due until ``stop``; trouble with the ledger or a defect delays it, and never ends it."""
        while not self._stopping:
            self.heartbeat_at = self._clock.now()
            try:
                await self._step()
                self.trouble = ""
            except StoreError as error:
                self.trouble = str(error)
                log.error("nothing is claimed: %s", error)
                await self._clock.sleep(_AFTER_TROUBLE)
            except Exception as error:
                self.trouble = f"the scheduler failed: {error}"
                log.exception("the scheduler failed and goes on")
                await self._clock.sleep(_AFTER_TROUBLE)
            await self._clock.wait(self._next_wake(), self._wake)
            self._wake.clear()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def next_tick(self, name: str) -> datetime | None:
        return self._timetable.tick_of(name)

    async def apply(self, jobs: JobSet) -> None:
        async with self._decisions:
            now = self._clock.now()
            batch = self._reconciled(jobs, now)
            claimed = await self._commit(batch, now)
            edited = {mark.job for mark in batch.marks} | _rescheduled(self.jobs, jobs)
            self.jobs = jobs
            self._dispatch(claimed)
            self._timetable.retain(definition.job.name for definition in jobs if self._is_active(definition))
            await self._reschedule(edited)
        self._wake.set()

    async def trigger(self, name: str, *, key: str | None) -> Execution:
        async with self._decisions:
            definition = self.jobs.get(name)
            if definition is None:
                raise NotFoundError(f'there is no job "{name}"')
            now = _to_milliseconds(self._clock.now())
            claim = Claim(definition, None, Trigger.MANUAL, str(uuid.uuid4()), now, request_key=key)
            claimed = await self._commit(_Batch(claims=[claim]), now)
            self._dispatch(claimed)
            return claimed[0].execution

    async def cancel(self, execution_id: str, *, by: str) -> Execution:
        async with self._decisions:
            now = _to_milliseconds(self._clock.now())
            found = await self._write(lambda session: ledger.cancel(session, execution_id, by, now))
            if found is None:
                raise NotFoundError(f'there is no execution "{execution_id[:64]}"')
            execution, was_running = found
            if was_running:
                self._lanes.cancel(execution.job, [execution_id], Reason.OPERATOR)
            elif execution.status is not Status.CANCELLED:
                raise ConflictError(f"execution {execution_id} has ended already: {execution.status}")
            return execution

    async def pause(self, pause: Pause) -> None:
        async with self._decisions:
            if self.jobs.get(pause.job) is None:
                raise NotFoundError(f'there is no job "{pause.job}"')
            await self._write(lambda session: ledger.set_pause(session, pause))
            self.pauses = {**self.pauses, pause.job: pause}
            self._timetable.remove(pause.job)
        self._wake.set()

    async def resume(self, name: str) -> None:
        async with self._decisions:
            await self._resume(name, self._clock.now())
        self._wake.set()

    async def _resume(self, name: str, now: datetime) -> None:
        if name not in self.pauses:
            return
        batch = _Batch()
        definition = self.jobs.get(name)
        mark = self._watermarks.get(name)
        if definition is not None and definition.job.enabled and mark is not None:
            batch.catch_up(definition, mark.at, now)
        claimed = await self._commit(batch, now, also=lambda session: ledger.end_pause(session, name, now))
        self.pauses = {job: pause for job, pause in self.pauses.items() if job != name}
        self._dispatch(claimed)
        await self._reschedule([name])

    async def _step(self) -> None:
        async with self._decisions:
            now = self._clock.now()
            for pause in [pause for pause in self.pauses.values() if not pause.holds_at(now)]:
                await self._resume(pause.job, now)
            due = self._timetable.pop(now)
            if not due:
                return
            try:
                self._dispatch(await self._commit(self._decided(due, now), now))
                await asyncio.sleep(0)
            finally:
                # Also when nothing could be recorded: the watermark has not moved, so the same ticks come again.
                await self._reschedule(entry.job for entry in due)

    def _decided(self, due: Iterable[Due], now: datetime) -> _Batch:
        batch = _Batch()
        for entry in due:
            definition = self.jobs.definitions[entry.job]
            if now - entry.at > LATE:
                batch.catch_up(definition, self._watermarks[entry.job].at, now)
            else:
                batch.claims.append(Claim.of_tick(definition, entry.tick, Trigger.SCHEDULE))
                batch.marks.append(Watermark.of(definition.job, entry.tick))
        return batch

    def _reconciled(self, jobs: JobSet, now: datetime) -> _Batch:
        batch = _Batch()
        for definition in jobs:
            if definition.job.enabled:
                self._reconcile_one(batch, definition, now)
        active = {definition.job.name for definition in jobs if definition.job.enabled}
        batch.dropped = [name for name in self._watermarks if name not in active]
        return batch

    def _reconcile_one(self, batch: _Batch, definition: Definition, now: datetime) -> None:
        job = definition.job
        mark = self._watermarks.get(job.name)
        if mark is None:
            batch.marks.append(Watermark.of(job, now))
        elif not mark.covers(job):
            self._give_up_old_ticks(batch, definition, mark, now)
            batch.marks.append(Watermark.of(job, now))
        elif self._timetable.tick_of(job.name) is None and job.name not in self.pauses:
            batch.catch_up(definition, mark.at, now)

    def _give_up_old_ticks(self, batch: _Batch, definition: Definition, mark: Watermark, now: datetime) -> None:
        """An edit fires nothing: what the old schedule still owed is recorded as missed."""
        known = self.jobs.get(mark.job)
        old = definition if known is None else known
        schedule = Schedule.parse(mark.schedule, mark.timezone, key=mark.job)
        missed = given_up(schedule, mark.at, now)
        if missed is not None:
            batch.skips.append(Skip(old, missed))

    def _is_active(self, definition: Definition) -> bool:
        return definition.job.enabled and definition.job.name not in self.pauses

    async def _reschedule(self, names: Iterable[str]) -> None:
        for position, name in enumerate(names, 1):
            definition = self.jobs.get(name)
            if definition is not None and self._is_active(definition):
                self._timetable.put(definition.job, after=self._watermarks[name].at)
            if position % _CHUNK == 0:
                await asyncio.sleep(0)

    async def _commit(self, batch: _Batch, now: datetime, *, also: Operation[None] | None = None) -> list[Claimed]:
        def operation(session: Session) -> tuple[list[Execution], list[Claimed]]:
            skipped = ledger.skip(session, batch.skips, now)
            claimed = ledger.claim(session, batch.claims, now)
            ledger.set_watermarks(session, batch.marks)
            ledger.drop_watermarks(session, batch.dropped)
            if also is not None:
                also(session)
            if claimed:
                failpoints.reach("before-claim-commit")
            return skipped, claimed

        skipped, claimed = await self._write(operation)
        if claimed:
            failpoints.reach("after-claim")
        for execution in skipped:
            self._observer.execution_finished(execution)
        self._watermarks |= {mark.job: mark for mark in batch.marks}
        for name in batch.dropped:
            del self._watermarks[name]
        return claimed

    def _dispatch(self, claimed: Iterable[Claimed]) -> None:
        for each in claimed:
            job = each.claim.definition.job
            if each.replaced:
                self._lanes.cancel(job.name, each.replaced, Reason.REPLACED)
            if each.verdict is Verdict.RUN:
                self._lanes.start(Run(each.execution, job, each.claim.not_before))
            elif each.verdict is Verdict.SKIPPED:
                self._observer.execution_finished(each.execution)

    def _next_wake(self) -> datetime | None:
        ends = [pause.until for pause in self.pauses.values() if pause.until is not None]
        at = self._timetable.next_at()
        return min([*ends, *([] if at is None else [at])], default=None)

    async def _write(self, operation: Operation[T]) -> T:
        return await asyncio.shield(asyncio.wrap_future(self._store.write(operation)))


def _rescheduled(before: JobSet, after: JobSet) -> set[str]:
    """Jobs whose ticks stay and whose jitter changed, or which only now became active."""
    return {
        definition.job.name
        for definition in after
        if (old := before.get(definition.job.name)) is not None and old.job.jitter != definition.job.jitter
    }


def _to_milliseconds(instant: datetime) -> datetime:
    """What the ledger keeps, so that an answer and a later read of the same row agree."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
