"""Goes through the replays that are under way. Lives in the engine's loop, under the scheduler's lock."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chronos_gitops.engine.operations.replays import Replay, ReplayEnd, ReplayState, ReplayUnderWay
from chronos_gitops.engine.sql.claiming.pending_writes import CommittedWrites
from chronos_gitops.engine.sql.operations import replays
from chronos_gitops.engine.sql.operations.replays import ActiveReplay, ReplayStep, ReplayStepResult
from chronos_gitops.engine.sql.store.store import Operation, Replica, Session
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.process import failpoints

_LOOK_AGAIN = timedelta(seconds=1)
"""Unfinished executions of the job may belong to another runner, whose results are not announced here."""


class ReplayDriver:
    """``is_occupied`` says whether this runner has anything of a job; its end wakes the scheduler. ``on_end`` hears of
    each end that this runner has made."""

    def __init__(
        self,
        write: Callable[[Operation[Any]], Awaitable[Any]],
        replica: Replica,
        is_occupied: Callable[[str], bool],
        on_end: Callable[[ReplayEnd], None],
    ) -> None:
        self._write = write
        self._replica = replica
        self._is_occupied = is_occupied
        self._on_end = on_end
        self.active: dict[str, ActiveReplay] = {}

    def next_at(self) -> datetime | None:
        """Of those whose job this runner has nothing of."""
        times = (one.next_at for one in self.active.values() if not self._is_occupied(one.job))
        return min(times, default=None)

    async def read(self) -> None:
        """Read the running replays, including those of other runners and cancelled ones."""
        self.active = await self._write(replays.running)

    async def begin(self, replay: Replay) -> None:
        def operation(session: Session) -> bool:
            self._replica.tell(session)
            return replays.find(session, replay.id) is not None or replays.add(session, replay)

        if not await self._write(operation):
            raise ReplayUnderWay(f'A replay of "{replay.job}" is under way.', hint="Wait for its end, or cancel it.")
        await self.read()

    async def cancel(self, replay_id: str, now: datetime) -> Replay | None:
        def operation(session: Session) -> tuple[bool, Replay | None]:
            is_ended = replays.end(session, replay_id, ReplayState.CANCELLED, now)
            self._replica.tell(session)
            return is_ended, replays.find(session, replay_id)

        is_ended, found = await self._write(operation)
        await self.read()
        return self._told(found) if is_ended else found

    async def step(self, jobs: JobSet | None, now: datetime) -> list[CommittedWrites]:
        """Begins the next item of each replay whose turn it is; the replays of deleted jobs end. No ``jobs``: they are
        not known yet."""
        begun: list[CommittedWrites] = []
        for active in list(self.active.values()) if jobs is not None else ():
            definition = None if jobs is None else jobs.get(active.job)
            if definition is None:
                await self.cancel(active.id, now)
            elif active.next_at <= now and not self._is_occupied(active.job):
                progress, written = await self._write(ReplayStep(active, definition, now, self._replica))
                if progress is ReplayStepResult.BUSY:
                    self.active[active.job] = replace(active, next_at=now + _LOOK_AGAIN)
                    continue
                if progress is ReplayStepResult.DONE:
                    self._told(await self._find(active.id))
                if written is not None:
                    failpoints.reach("after-replay-item")
                    begun.append(written)
                await self.read()
        return begun

    async def _find(self, replay_id: str) -> Replay | None:
        found: Replay | None = await self._write(lambda session: replays.find(session, replay_id))
        return found

    def _told(self, ended: Replay | None) -> Replay | None:
        if ended is not None:
            self._on_end(ReplayEnd.of(ended))
        return ended
