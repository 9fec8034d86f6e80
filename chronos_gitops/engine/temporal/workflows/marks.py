"""Traces of a server clock that was ahead in a timetable: its mark, its newest execution, and executions that have not
begun. Workflow code.

Instants are milliseconds.
"""

import asyncio
import contextlib
from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, FailureError

from chronos_gitops.engine.clock import is_ahead
from chronos_gitops.engine.milliseconds import instant
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.workflows.messages import AheadMark, TimetableState

_MOST: Final = 8
_WITHIN: Final = timedelta(seconds=10)
_FEW: Final = RetryPolicy(maximum_attempts=3)


def note_jump(state: TimetableState, mark: int | None) -> None:
    """The mark is about to become ``mark``: one that is left far behind is kept, for the clock may be ahead."""
    before = state.mark
    if before is not None and mark is not None and is_ahead(instant(mark), instant(before)):
        state.earlier_marks = [*state.earlier_marks, before][-_MOST:]


def before_jump(state: TimetableState, now: int) -> int:
    """The newest mark that is not later than now; now, where none is known."""
    return max((mark for mark in state.earlier_marks if mark <= now), default=now)


async def take_back(state: TimetableState, now: int) -> None:
    """A mark that is ahead goes back to where it was before, so that the ticks since then are decided. Executions of
    times to come go unless they have begun, as do rows that say they were skipped. In histories of earlier releases it
    goes to now, and all of them stay."""
    mark = state.mark
    if mark is None or not is_ahead(instant(mark), instant(now)):
        return
    state.mark, state.moves = now, [pair for pair in state.moves if min(pair) <= now]
    if (unfinished := [*state.running, *state.waiting]) and workflow.patched(names.WITHDRAW_PATCH):
        await asyncio.gather(*(_withdraw(execution_id, now) for execution_id in unfinished))
    if workflow.patched(names.RECLAIM_PATCH):
        ahead = AheadMark(state.job, mark, now, back_to=before_jump(state, now))
        with contextlib.suppress(ActivityError):  # the rows stay, and the job goes on
            state.mark = await workflow.execute_local_activity(
                names.RECLAIM, ahead, result_type=int, start_to_close_timeout=_WITHIN, retry_policy=_FEW
            )
    state.earlier_marks = []


def is_newest_ahead(state: TimetableState, now: int) -> bool:
    """The newest execution has its scheduled time from a clock that was ahead, so that later ones are newer."""
    return is_ahead(instant(state.newest_at), instant(now)) and workflow.patched(names.NEWEST_PATCH)


def must_decide(state: TimetableState, now: int) -> bool:
    """The mark is ahead, and what was claimed by it would get its turn."""
    is_due = state.mark is not None and state.waiting and is_ahead(instant(state.mark), instant(now))
    return bool(is_due) and workflow.patched(names.WITHDRAW_PATCH)


async def _withdraw(execution_id: str, now: int) -> None:
    """The execution knows whether it has begun; the timetable hears of its end as of any other."""
    with contextlib.suppress(FailureError):
        await workflow.get_external_workflow_handle(execution_id).signal(names.WITHDRAW, now)
