"""The workflow of one replay: it keeps the list, hands it to the timetable of its job a batch at a time, and ends when
that says so. The timetable begins the items, for it alone knows what else of the job is under way."""

import contextlib
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, FailureError

from chronos_gitops.engine.milliseconds import to_ms
from chronos_gitops.engine.operations.replays import ReplayState
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.workflows.replay_messages import (
    BATCH,
    News,
    ReplayBatch,
    ReplayMemo,
    ReplayNews,
    ReplayRun,
)

CONTINUE_AFTER = 100
"""Batches after which a replay continues as new."""
_SAY_AGAIN = timedelta(minutes=5)
"""A timetable that was ended and started again has to be told again."""
_LOCAL = timedelta(seconds=10)
_FEW = RetryPolicy(maximum_attempts=3)
NO_TIMETABLE = "no-timetable"


@workflow.defn(name=names.REPLAY)
class ReplayWorkflow:
    @workflow.init
    def __init__(self, run: ReplayRun) -> None:
        self._run = run
        self._is_asked = True
        self._offered = 0

    @workflow.signal(name=names.REPLAY_NEWS)
    def hear(self, news: ReplayNews) -> None:
        run = self._run
        if run.state != ReplayState.RUNNING:
            return
        run.begun = max(run.begun, news.begun or 0)
        if news.news == News.ADMITTED:
            run.is_admitted = True
        elif news.news == News.WANTED:
            self._is_asked = True
        else:
            self._end(news.news)
        self._publish()

    @workflow.update(name=names.REPLAY_ADMITTED)
    async def admitted(self) -> str:
        """The state once its turn is decided: that of a replay, ``refused`` or ``no-timetable``."""
        await workflow.wait_condition(lambda: self._run.is_admitted or self._is_over)
        return self._run.state

    @workflow.update(name=names.CANCEL)
    async def cancel(self) -> None:
        """Returns when nothing of it can begin any more."""
        self._run.is_cancelled = self._is_asked = True
        await workflow.wait_condition(lambda: self._is_over)

    @workflow.run
    async def run(self, run: ReplayRun) -> None:  # noqa: ARG002  # workflow.init asks for the same signature
        while not self._is_over:
            await self._continue_if_long()
            self._is_asked = False
            await self._speak()
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._is_asked or self._is_over, timeout=_SAY_AGAIN)
        await workflow.wait_condition(workflow.all_handlers_finished)
        run_state = self._run.state
        if run_state in (News.REFUSED, NO_TIMETABLE):
            # It has never begun, so the id stays free.
            raise ApplicationError(f"not begun: {run_state}", category=ApplicationErrorCategory.BENIGN)
        with contextlib.suppress(FailureError):
            await workflow.execute_local_activity(
                names.TELL_REPLAY, self._run, start_to_close_timeout=_LOCAL, retry_policy=_FEW
            )

    async def _speak(self) -> None:
        """Hands over the next items, or asks for the end."""
        run = self._run
        timetable = workflow.get_external_workflow_handle(names.timetable_id(run.job))
        try:
            if run.is_cancelled:
                await timetable.signal(names.REPLAY_END, run.id)
            else:
                self._offered += 1
                await timetable.signal(names.REPLAY_BATCH, self._batch())
        except FailureError:
            if run.is_cancelled:
                self._end(ReplayState.CANCELLED)
            elif not run.is_admitted:
                self._end(NO_TIMETABLE)
            self._publish()

    def _batch(self) -> ReplayBatch:
        run = self._run
        return ReplayBatch(run.id, run.begun, len(run.items), run.pace, run.items[run.begun : run.begun + BATCH])

    def _end(self, state: str) -> None:
        self._run.state, self._run.ended_at = state, to_ms(workflow.now())

    @property
    def _is_over(self) -> bool:
        return self._run.state != ReplayState.RUNNING

    @property
    def _is_ending(self) -> bool:
        return self._is_over or self._run.is_cancelled

    def _publish(self) -> None:
        run = self._run
        workflow.upsert_memo({names.PROGRESS: ReplayMemo(run.state, run.begun, run.ended_at)})

    async def _continue_if_long(self) -> None:
        """A call under way would be lost with the run, so it ends first."""
        if self._offered < CONTINUE_AFTER and not workflow.info().is_continue_as_new_suggested():
            return
        await workflow.wait_condition(lambda: workflow.all_handlers_finished() or self._is_ending)
        if not self._is_ending:
            workflow.continue_as_new(
                self._run, memo=workflow.memo(), search_attributes=workflow.info().typed_search_attributes
            )
