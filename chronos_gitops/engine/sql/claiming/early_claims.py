"""Scheduled times that were claimed ahead of their instant, so that the request leaves at it and not after a commit.

Their rows are on disk, their tasks wait. Every other decision about a job withdraws its early claim first: the row is
deleted, the watermark is set back, and the scheduled time is decided again by what holds at its instant.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from chronos_gitops.engine.sql.claiming import watermarks
from chronos_gitops.engine.sql.claiming.claims import ClaimOutcome
from chronos_gitops.engine.sql.claiming.pending_writes import CommittedWrites
from chronos_gitops.engine.sql.claiming.timetable import Timetable
from chronos_gitops.engine.sql.claiming.watermarks import Watermark
from chronos_gitops.engine.sql.execution.executor import Executor
from chronos_gitops.engine.sql.store.store import Operation, Replica, Session
from chronos_gitops.engine.ticks.due_queue import DueTick
from chronos_gitops.jobs.model import Concurrency
from chronos_gitops.process.lazy_dataclass import dataclass

AHEAD: Final = timedelta(milliseconds=10)
"""So long before the next scheduled time the scheduler wakes: a commit takes 1 to 5 ms."""
_WINDOW: Final = timedelta(milliseconds=20)
"""Scheduled times due by then are claimed along with it, in one transaction."""
_WITHDRAW: Final = "DELETE FROM executions WHERE id IN (:ids[]) AND status = 'pending' AND attempts = 0 RETURNING id"


@dataclass(frozen=True, slots=True)
class EarlyClaim:
    """``before`` and ``after`` are the job's watermarks around the claim."""

    id: str
    at: datetime
    before: Watermark
    after: Watermark


class EarlyClaims:
    """By job, until their instant. Lives in the engine's loop, under the scheduler's lock."""

    def __init__(
        self,
        write: Callable[[Operation[Any]], Awaitable[Any]],
        timetable: Timetable,
        executor: Executor,
        replica: Replica,
        room: Callable[[], int],
    ) -> None:
        self._write = write
        self._timetable = timetable
        self._executor = executor
        self._replica = replica
        self._room = room
        self._claims: dict[str, EarlyClaim] = {}

    @property
    def ahead(self) -> timedelta:
        """Replicas decide at the instant: another one may run something of the job, which is not seen here."""
        return timedelta(0) if self._replica.is_shared else AHEAD

    def pop(self, now: datetime, replayed: Collection[str], due: int) -> list[DueTick]:
        """Takes scheduled times of the next 20 ms out of the timetable; ``due`` is the number already due. A scheduled
        time stays there while its job is busy or replayed, or the backlog is nearly full: its instant decides."""
        if not self.ahead:
            return []
        jobs, room = self._timetable.jobs.definitions, self._room() // 2 - due

        def is_certain(entry: DueTick) -> bool:
            nonlocal room
            if not entry.is_plain or entry.job in replayed or entry.job in self._claims:
                return False
            if jobs[entry.job].job.concurrency is not Concurrency.ALLOW:
                return not self._executor.is_occupied(entry.job)
            room -= 1
            return room >= 0

        return self._timetable.pop_ahead(now + _WINDOW, is_certain)

    def note(
        self, due: Iterable[DueTick], before: Iterable[Watermark | None], written: CommittedWrites, now: datetime
    ) -> None:
        """Remembers which of the claims were made ahead of their instant."""
        ahead = {entry.job: (entry.at, mark) for entry, mark in zip(due, before, strict=True) if entry.at > now}
        for each in written.claimed if ahead else ():
            at, mark = ahead.get(each.execution.job, (now, None))
            if mark is not None and each.verdict is ClaimOutcome.RUN:
                self._claims[mark.job] = EarlyClaim(each.execution.id, at, mark, written.marks[mark.job])

    async def pass_time(self, now: datetime) -> None:
        """Forgets those whose instant has come, and withdraws those that a clock set back has left far ahead."""
        self._claims = {job: one for job, one in self._claims.items() if one.at > now}
        if any(one.at > now + _WINDOW for one in self._claims.values()):
            await self.withdraw()

    async def withdraw(self, names: Collection[str] | None = None) -> None:
        """Of these jobs, or all of them. StoreError; then the ledger says which of them are still claimed."""
        chosen = self._claims.keys() if names is None else self._claims.keys() & names
        claims = [claim for claim in map(self._claims.pop, list(chosen)) if self._executor.withdraw(claim.id)]
        if claims:
            marks = await self._write(lambda session: _withdraw(session, claims))
            self._timetable.move(marks, ())
            await self._timetable.reschedule(marks)


def _withdraw(session: Session, claims: Sequence[EarlyClaim]) -> dict[str, Watermark]:
    """The watermarks as they are afterwards."""
    held = watermarks.hold_several(session, [claim.before.job for claim in claims])
    found = session.execute(_WITHDRAW, {"ids": [claim.id for claim in claims]}).fetchall()
    gone = {row["id"] for row in found}
    back = {one.before.job: one.before for one in claims if one.id in gone and held.get(one.before.job) == one.after}
    watermarks.set_watermarks(session, back.values())
    return held | back
