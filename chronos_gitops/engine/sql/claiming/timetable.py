"""The next due time of each job, by the jobs, pauses and watermarks that this runner knows."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from chronos_gitops.engine.model import Pause
from chronos_gitops.engine.sql.claiming import pending_writes
from chronos_gitops.engine.sql.claiming.watermarks import Watermark
from chronos_gitops.engine.ticks.due_queue import DueQueue, DueTick, moving
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.schedule.calendars.applied import AppliedTiming

_CHUNK = 500
"""Number of jobs added to the queue before the event loop gets a turn."""


class Timetable:
    """Lives in the engine's loop. ``jobs`` and ``pauses`` may be read from any thread: they are swapped whole."""

    def __init__(self, decides_at: Callable[[str, datetime], datetime]) -> None:
        """``decides_at``: see ``Replica``."""
        self.jobs = JobSet()
        self.pauses: Mapping[str, Pause] = {}
        self.watermarks: dict[str, Watermark] = {}
        self._due = DueQueue(decides_at)
        self._seen_until: datetime | None = None

    def next_runs(self, name: str, count: int, now: datetime) -> tuple[datetime, ...]:
        """From any thread."""
        return pending_writes.next_runs(
            self.jobs.get(name), self.watermarks.get(name), self.pauses.get(name), now, count
        )

    def moving(self, now: datetime) -> dict[str, AppliedTiming]:
        """The jobs that move scheduled times, with the moves under way. From any thread."""
        found = ((one.job.name, self._moving(one, now)) for one in self.jobs if one.job.timing.moves_ticks)
        return {name: applied for name, applied in found if applied is not None}

    def _moving(self, definition: JobVersion, now: datetime) -> AppliedTiming | None:
        name = definition.job.name
        mark = self.watermarks.get(name)
        if mark is None:
            return None
        timing = pending_writes.timing_of(mark, definition)
        return moving(timing, mark.at, now, mark.moves, is_paused=name in self.pauses)

    def decided_until(self, now: datetime) -> dict[str, datetime]:
        """The watermarks that lie ahead of now. From any thread."""
        return {name: mark.at for name, mark in list(self.watermarks.items()) if mark.at > now}

    def next_at(self, ahead: timedelta = timedelta(0)) -> datetime | None:
        """The next scheduled time, ``ahead`` of it unless ``pop_ahead`` has left it, or the next end of a pause."""
        ends = [pause.ends_at for pause in self.pauses.values() if pause.ends_at is not None]
        at = self._due.next_at()
        if at is not None and (self._seen_until is None or at > self._seen_until):
            at -= ahead
        return min(ends if at is None else [*ends, at], default=None)

    def tick_of(self, name: str) -> datetime | None:
        """The next tick of a job, None when there is none to wait for."""
        return self._due.tick_of(name)

    def pop(self, now: datetime) -> list[DueTick]:
        return self._due.pop(now)

    def pop_ahead(self, until: datetime, is_certain: Callable[[DueTick], bool]) -> list[DueTick]:
        """Of what comes due by ``until``, all that can be decided before its instant; the rest stays."""
        self._seen_until = until
        certain = []
        for entry in self._due.pop(until):
            if is_certain(entry):
                certain.append(entry)
            else:
                self._due.requeue(entry)
        return certain

    def move(self, marks: Mapping[str, Watermark], dropped: Iterable[str]) -> None:
        """Takes over the watermarks that a transaction has written."""
        self.watermarks.update(marks)
        for name in dropped:
            self.watermarks.pop(name, None)

    def hold(self, pauses: Mapping[str, Pause]) -> None:
        """These pauses hold from now on, and no others; jobs whose pause has ended are to be rescheduled."""
        self.pauses = pauses
        for name in pauses:
            self._due.remove(name)

    def retain_active(self) -> set[str]:
        """Removes what is not due any more; the names of active jobs that are not in the queue."""
        active = [definition.job.name for definition in self.jobs if self.is_active(definition)]
        self._due.retain(active)
        return {name for name in active if self.tick_of(name) is None}

    def is_active(self, definition: JobVersion) -> bool:
        """Enabled, not paused, and due by the schedule that this runner knows."""
        job = definition.job
        mark = self.watermarks.get(job.name)
        is_due = job.enabled and job.name not in self.pauses
        return is_due and mark is not None and mark.matches_schedule(job) and mark.matches_calendars(job)

    async def reschedule(self, names: Iterable[str]) -> None:
        for position, name in enumerate(names, 1):
            definition = self.jobs.get(name)
            if definition is not None and self.is_active(definition):
                mark = self.watermarks[name]
                self._due.put(definition.job, after=mark.at, moves=mark.moves)
            if position % _CHUNK == 0:
                await asyncio.sleep(0)

    async def put_back(self, due: Iterable[DueTick], before: Iterable[Watermark | None]) -> None:
        """After a decision over these, or a failed one: then the watermark has not moved, and they are due still."""
        decided = []
        for entry, mark in zip(due, before, strict=True):
            definition = self.jobs.get(entry.job)
            if self.watermarks.get(entry.job) != mark:
                decided.append(entry.job)
            elif definition is not None and self.is_active(definition):
                self._due.requeue(entry)
        await self.reschedule(decided)
