"""The questions of a timetable that local activities answer, so that histories keep the answers. Workflow code."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.workflows import turns
from chronos_gitops.engine.temporal.workflows.messages import (
    Applied,
    Situation,
    TimetableOrders,
    TimetableState,
    Withdrawal,
)

_WITHIN: Final = timedelta(seconds=10)
_AGAIN: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10))
_FEW: Final = RetryPolicy(maximum_attempts=3)


def situation(state: TimetableState, now: int, after: Applied | None = None, **more: Any) -> Situation:
    known = Situation(now, state.mark, state.applied, after, moves=state.moves, unfinished=turns.to_ask(state))
    return replace(known, is_paused=state.pause is not None, **more)


async def ask(question: str, situation: Situation) -> TimetableOrders:
    verdict: TimetableOrders = await workflow.execute_local_activity(
        question, situation, result_type=TimetableOrders, start_to_close_timeout=_WITHIN, retry_policy=_AGAIN
    )
    return verdict


async def ended(execution_ids: Sequence[str]) -> list[str]:
    """Those of them that have."""
    found: list[str] = await workflow.execute_local_activity(
        names.ENDED, execution_ids, result_type=list[str], start_to_close_timeout=_WITHIN, retry_policy=_AGAIN
    )
    return found


async def withdraw(job: str, verdict: TimetableOrders) -> None:
    """Histories of earlier releases have no answer with ``withdrawn``."""
    if verdict.withdrawn:
        order = Withdrawal(job, verdict.withdrawn, verdict.why)
        with contextlib.suppress(ActivityError):  # the rows stay as they are, and the job goes on
            await workflow.execute_local_activity(
                names.WITHDRAW_MOVES, order, start_to_close_timeout=_WITHIN, retry_policy=_FEW
            )
