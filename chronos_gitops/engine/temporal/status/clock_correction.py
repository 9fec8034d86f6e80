"""Timetables and executions that sleep until a time which a clock that was ahead has set: they are made to look again.

Only the server's clock says whether a mark is ahead, so timetables are asked; this machine's clock only raises the
suspicion, and it may be the one that is wrong.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError

from chronos_gitops.engine.clock import TOLERANCE, elapsed, is_ahead
from chronos_gitops.engine.milliseconds import instant
from chronos_gitops.engine.temporal import names, updates
from chronos_gitops.engine.temporal.visibility.visibility import TimetableView, Visibility

log = logging.getLogger(__name__)
_AT_ONCE = 20
_LOOK_WITHIN_S = 10.0
_PROBE_EVERY_S = 10.0
_EXECUTIONS_EVERY_S = 60.0
_UNPLANNED_EVERY_S = 60.0


class ClockCorrection:
    """``check`` what visibility shows. ``trouble`` says that this machine's clock is behind the server's."""

    def __init__(self, client: Client, visibility: Visibility, now: Callable[[], datetime]) -> None:
        self._client = client
        self._visibility = visibility
        self._now = now
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._next_probe = 0.0
        self._next_executions = elapsed() + _EXECUTIONS_EVERY_S
        self._asked: dict[str, float] = {}
        self.trouble = ""

    async def check(self, seen: Mapping[str, TimetableView]) -> list[str]:
        """The jobs whose timetables have looked again."""
        ahead = [job for job, view in seen.items() if self._is_ahead(view)]
        unplanned = [job for job, view in seen.items() if view.lacks_plan and self._may_ask(job)]
        looked = await self._look_at_all(unplanned)
        if not ahead:
            self.trouble = ""
        elif elapsed() >= self._next_probe:
            looked += await self._correct(ahead, seen)
        if elapsed() >= self._next_executions:
            await self._wake_executions()
        return looked

    def _is_ahead(self, view: TimetableView) -> bool:
        plan = view.plan
        return plan is not None and plan.mark is not None and is_ahead(instant(plan.mark), self._now())

    def _may_ask(self, job: str) -> bool:
        """A timetable that an earlier release has begun publishes its plan when it is asked; one by one, and seldom."""
        if elapsed() < self._asked.get(job, 0.0):
            return False
        self._asked[job] = elapsed() + _UNPLANNED_EVERY_S
        return True

    async def _correct(self, ahead: list[str], seen: Mapping[str, TimetableView]) -> list[str]:
        """One of them is asked first: where the server thinks that its mark is in the past, so are all others."""
        first, *others = ahead
        by = await self._look(first)
        if by is None:
            return []
        if timedelta(milliseconds=by) <= TOLERANCE:
            self._next_probe = elapsed() + _PROBE_EVERY_S
            self._note_behind(seen[first])
            return [first]
        self.trouble = ""
        looked = await self._look_at_all(others)
        await self._wake_executions()
        return [first, *looked]

    def _note_behind(self, view: TimetableView) -> None:
        assert view.plan is not None
        assert view.plan.mark is not None
        behind = timedelta(seconds=round((instant(view.plan.mark) - self._now()).total_seconds()))
        if not self.trouble:
            log.error("clock_differs", extra={"behind": str(behind)})
        self.trouble = f"the clock of this machine is behind that of the server by {behind} or more"

    async def _look_at_all(self, jobs: Iterable[str]) -> list[str]:
        asked = list(jobs)
        answers = await asyncio.gather(*map(self._look, asked))
        return [job for job, by in zip(asked, answers, strict=True) if by is not None]

    async def _look(self, job: str) -> int | None:
        """Milliseconds by which its mark was ahead; None when it did not answer, or is of an earlier release."""
        handle = self._client.get_workflow_handle(names.timetable_id(job))
        async with self._slots:
            try:
                async with asyncio.timeout(_LOOK_WITHIN_S):
                    by: int = await updates.send(handle, names.LOOK, result_type=int)
            except (updates.Ended, RPCError, WorkflowUpdateFailedError, TimeoutError):
                return None
        return by

    async def _wake_executions(self) -> None:
        """Those that began to wait at a time that has not come yet."""
        self._next_executions = elapsed() + _EXECUTIONS_EVERY_S
        now = self._now()
        waiting = await self._visibility.waiting_since()
        await asyncio.gather(*(self._wake(one) for one, since in waiting.items() if is_ahead(since, now)))

    async def _wake(self, execution_id: str) -> None:
        async with self._slots:
            with contextlib.suppress(RPCError):
                await self._client.get_workflow_handle(execution_id).signal(names.LOOK)
