"""The questions of a timetable that local activities answer, so that histories keep the answers. Workflow code."""

import contextlib
from datetime import timedelta
from typing import Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.workflows.messages import Situation, TimetableOrders, Withdrawal

_WITHIN: Final = timedelta(seconds=10)
_AGAIN: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10))
_FEW: Final = RetryPolicy(maximum_attempts=3)


async def ask(question: str, situation: Situation) -> TimetableOrders:
    verdict: TimetableOrders = await workflow.execute_local_activity(
        question, situation, result_type=TimetableOrders, start_to_close_timeout=_WITHIN, retry_policy=_AGAIN
    )
    return verdict


async def withdraw(job: str, verdict: TimetableOrders) -> None:
    """Histories of earlier releases have no answer with ``withdrawn``."""
    if verdict.withdrawn:
        order = Withdrawal(job, verdict.withdrawn, verdict.why)
        with contextlib.suppress(ActivityError):  # the rows stay as they are, and the job goes on
            await workflow.execute_local_activity(
                names.WITHDRAW_MOVES, order, start_to_close_timeout=_WITHIN, retry_policy=_FEW
            )
