"""A decision over scheduled times that a runner with an older release of the time zone database asks for."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.workflows.messages import Situation, TimetableOrders

_ANSWERS_WITHIN = timedelta(seconds=5)


@workflow.defn(name=names.DECISION)
class DecisionWorkflow:
    """``question`` is the name of an activity, ``decide`` or ``settle``."""

    @workflow.run
    async def run(self, question: str, situation: Situation) -> TimetableOrders:
        verdict: TimetableOrders = await workflow.execute_local_activity(
            question,
            situation,
            result_type=TimetableOrders,
            start_to_close_timeout=_ANSWERS_WITHIN,
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return verdict
