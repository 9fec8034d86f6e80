"""The workflow of one execution: its row, its attempts, the waits between them. It decides nothing about schedules."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from chronos_gitops.engine.callbacks import CallbackLate, CallbackReport, Told, overdue, received
from chronos_gitops.engine.clock import is_ahead
from chronos_gitops.engine.milliseconds import instant, maybe_instant, to_ms
from chronos_gitops.engine.model import Reason, Status, Trigger
from chronos_gitops.engine.requires.gates import Passage
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.workflows import messages
from chronos_gitops.engine.temporal.workflows.messages import (
    CUT_OFF,
    OVERDUE,
    OWN,
    RESTING,
    AttemptOrder,
    AttemptReport,
    Awaited,
    GateOrder,
    GateReport,
    Heard,
    Order,
    Posted,
    Row,
)
from chronos_gitops.webhooks.outcome import ErrorClass, OutcomeKind

# Only what happens to the worker is retried by Temporal itself, and under the same attempt number: it died, or it was
# asked to stop. What a receiver answers is an answer, and delivery.retry decides about it.
_AGAIN = RetryPolicy(initial_interval=timedelta(milliseconds=100), backoff_coefficient=1.0)
_LOOK_AGAIN = RetryPolicy(initial_interval=timedelta(seconds=1), backoff_coefficient=1.0)
_SLOT_WAIT = timedelta(hours=24)
"""On top of the attempt's timeout: waiting for a free slot towards a host is no part of the attempt."""
_LOCAL = timedelta(seconds=10)


@workflow.defn(name=names.EXECUTION)
class ExecutionWorkflow:
    def __init__(self) -> None:
        self._row: Row = {}
        self._may_go = False
        self._end_reason: str | None = None
        self._error: str | None = None
        self._is_stirred = False
        self._has_begun = False
        self._right_clock: int | None = None

    @workflow.signal(name=names.GO)
    def go(self) -> None:
        self._may_go = True

    @workflow.signal(name=names.END)
    def end(self, reason: str) -> None:
        """Cuts off what runs and ends as cancelled; an execution that has another end by then keeps it."""
        self._end_reason = self._end_reason or reason

    @workflow.signal(name=names.LOOK)
    def look(self) -> None:
        """The server's clock was ahead: a wait that began then ends no later than one that begins now."""
        self._is_stirred = True

    @workflow.signal(name=names.WITHDRAW)
    def withdraw(self, now: int) -> None:
        """A clock that was ahead has claimed the scheduled time, which is still to come: it is claimed again then."""
        self._right_clock = None if self._has_begun else now

    @workflow.update(name=names.CANCEL)
    async def cancel(self, by: str) -> Row:
        """An operator's end; answers with the row once it has one, whichever that is."""
        if self._end_reason is None:
            self._end_reason, self._error = Reason.OPERATOR, f"cancelled by {by}"
        await workflow.wait_condition(lambda: Status(self._row.get("status", Status.PENDING)).is_final)
        return self._row

    @workflow.update(name=names.CALL_BACK)
    async def call_back(self, posted: Posted) -> Heard:
        """Record a callback; it also counts when it arrives before the response that accepts the work."""
        execution, report = messages.execution(self._row), CallbackReport(Told(posted.told), posted.message)
        spacing = timedelta(milliseconds=posted.spacing)
        try:
            after = received(execution, report, at=workflow.now(), spacing=spacing)
        except CallbackLate as error:
            return Heard(self._row, error.message)
        if after is not None:
            own = {name: value for name, value in self._row.items() if name in OWN}
            self._row = messages.row(after) | own
            self._publish()
        return Heard(self._row)

    @workflow.run
    async def run(self, order: Order) -> Row:
        self._row = dict(order.row)
        if not Status(self._row["status"]).is_final:
            await self._live(order)
        if self._is_withdrawn:  # the server ends the workflow then
            await workflow.execute_local_activity(
                names.WITHDRAW, self._row["id"], start_to_close_timeout=_LOCAL, retry_policy=_LOOK_AGAIN
            )
            return self._row
        if not order.is_correction:
            await workflow.execute_local_activity(names.TELL, self._row, start_to_close_timeout=_LOCAL)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._row

    async def _live(self, order: Order) -> None:
        if await self._has_its_turn(order):
            await self._deliver(order.document or {})
        if self._end_reason is not None and self._row["status"] in (Status.PENDING, Status.RUNNING):
            self._row |= {} if self._error is None else {"error": self._error}
            self._finish(Status.CANCELLED, reason=self._end_reason)
        self._publish()

    async def _has_its_turn(self, order: Order) -> bool:
        if order.is_held:
            await workflow.wait_condition(lambda: self._may_go or self._is_ending)
        if order.not_before is not None:
            await self._rest(self._left(order.not_before))
        if self._is_ending or not await self._is_admitted(order.document or {}):
            return False
        was_pending, self._has_begun = self._row["status"] == Status.PENDING, True
        self._row |= {"status": Status.RUNNING.value, "started_at": self._now()}
        if was_pending:
            self._publish()
        return True

    async def _is_admitted(self, document: dict[str, Any]) -> bool:
        """True if its gate lets it start. Only what requires another job takes this branch: older histories have none
        of it."""
        if messages.REQUIRES not in document:
            return True
        row = self._row | {"status": Status.PENDING.value}
        order = GateOrder(row, document, self._now())
        known: GateReport = await workflow.execute_local_activity(
            names.GATE, order, result_type=GateReport, start_to_close_timeout=_LOCAL
        )
        if known.passage == Passage.START:
            return True
        self._row = row | {messages.REQUIRES: known.gate}
        self._publish()
        report = await self._passed(replace(order, row=self._row))
        if report is None:
            return False
        self._row[messages.REQUIRES] = report.gate
        if report.passage == Passage.SKIP:
            self._finish(Status.SKIPPED, reason=Reason.REQUIRES)
        return report.passage == Passage.START and not self._is_ending

    async def _passed(self, order: GateOrder) -> GateReport | None:
        """None: it was ended while it waited."""
        gate = order.row[messages.REQUIRES]
        handle = workflow.start_activity(
            names.PASS_GATE,
            order,
            result_type=GateReport,
            start_to_close_timeout=timedelta(milliseconds=max(0, gate["until"] - self._now())) + _SLOT_WAIT,
            heartbeat_timeout=names.HEARTBEAT_TIMEOUT,
            retry_policy=_LOOK_AGAIN,
        )
        await workflow.wait_condition(lambda: handle.done() or self._is_ending)
        if not handle.done():
            handle.cancel()
            return None
        report: GateReport = await handle
        return report

    def _left(self, not_before: int) -> int:
        """Of the jitter; what a clock that was ahead has claimed does not wait until that time."""
        now, created = self._now(), self._row.get("created_at")
        if created is not None and is_ahead(instant(created), instant(now)):
            return not_before - int(created)
        return not_before - now

    async def _deliver(self, document: dict[str, Any]) -> None:
        number = 0
        while not self._is_over:
            number += 1
            report = await self._attempt(document, number)
            if report is None:
                return
            self._take(report)
            if self._is_called_back:
                return
            if report.awaited is not None:
                if await self._is_settled(report.awaited):
                    return
                report = self._overdue(report, report.awaited)
            if report.kind == OutcomeKind.SUCCESS or report.wait is None:
                self._finish(Status.SUCCESS if report.kind == OutcomeKind.SUCCESS else Status.FAILED)
                return
            self._row[RESTING] = self._now()
            self._publish()
            await self._rest(report.wait)

    async def _is_settled(self, awaited: Awaited) -> bool:
        """True if the callback, or another end, has come before the deadline."""
        now = self._now()
        left = awaited.until - now if awaited.within_ms is None else min(awaited.until - now, awaited.within_ms)
        self._row |= {"callback_deadline": now + left, RESTING: now}
        self._publish()
        await self._rest(left)
        return self._is_over

    def _overdue(self, report: AttemptReport, awaited: Awaited) -> AttemptReport:
        last = maybe_instant(self._row.get("heartbeat_at"))
        outcome = overdue(awaited.within, last_heartbeat=last)
        self._row.pop("callback_deadline", None)
        self._row |= {"error_class": str(outcome.error_class), "error": outcome.error}
        self._row[OVERDUE] = {**self._row.get(OVERDUE, {}), str(report.number): outcome.error}
        return replace(report, kind=outcome.kind.value, wait=awaited.wait)

    async def _attempt(self, document: dict[str, Any], number: int) -> AttemptReport | None:
        """None: it was cut off before it could tell anything, or has sent nothing because of a callback."""
        row = self._row
        known = {key: row.get(key) for key in ("commit", "path", "version", "trigger", "idempotency_key")}
        order = AttemptOrder(document, row["id"], row["scheduled_time"], number, **known)
        handle = workflow.start_activity(
            names.ATTEMPT,
            order,
            result_type=AttemptReport,
            start_to_close_timeout=_SLOT_WAIT,
            heartbeat_timeout=names.HEARTBEAT_TIMEOUT,
            retry_policy=_AGAIN,
            # Nothing that replaces this one may start before its connection is closed.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        await workflow.wait_condition(lambda: handle.done() or self._is_ending)
        if not handle.done():
            handle.cancel()
        try:
            report: AttemptReport = await handle
            return report
        except ActivityError as error:
            if self._is_over:
                return None
            cause = error.cause
            told = cause.message if isinstance(cause, ApplicationError) else type(cause).__name__
            return AttemptReport(
                number, self._now(), 0, OutcomeKind.FAILED, error_class=ErrorClass.INTERNAL, error=f"no attempt: {told}"
            )

    def _take(self, report: AttemptReport) -> None:
        self._row["attempts"] = report.number
        if self._is_called_back:
            self._row["status_code"] = report.status_code
        elif report.error_class != CUT_OFF:
            self._row |= {
                "status_code": report.status_code,
                "error_class": report.error_class,
                "error": report.error,
            }

    def _finish(self, status: Status, *, reason: str | None = None) -> None:
        if self._is_ending and status is Status.FAILED:
            return
        now = self._now()
        self._row.pop("callback_deadline", None)
        self._row |= {"status": status.value, "completed_at": now, "reason": reason}
        if self._row.get("started_at") is not None:
            self._row["duration_ms"] = max(0, now - self._row["started_at"])

    def _publish(self) -> None:
        workflow.upsert_memo({names.ROW: self._row})
        workflow.upsert_search_attributes([search_attributes.STATUS.value_set(self._row["status"])])

    async def _rest(self, milliseconds: int) -> None:
        until, left = self._now() + milliseconds, milliseconds
        while left > 0:
            self._is_stirred = False
            try:
                await workflow.wait_condition(
                    lambda: self._is_over or self._is_stirred, timeout=timedelta(milliseconds=left)
                )
            except TimeoutError:
                return
            if self._is_over:
                return
            until = min(until, self._now() + milliseconds)
            left = until - self._now()

    @property
    def _is_withdrawn(self) -> bool:
        """Not once it has begun or has another end. Triggers and replays are due at once, whatever the clock says."""
        is_over = self._right_clock is None or self._has_begun or self._end_reason is not None
        if is_over or self._row["trigger"] not in (Trigger.SCHEDULE, Trigger.CATCHUP):
            return False
        return is_ahead(instant(self._row["scheduled_time"]), instant(self._right_clock or 0))

    @property
    def _is_ending(self) -> bool:
        return self._end_reason is not None or self._is_withdrawn

    @property
    def _is_called_back(self) -> bool:
        return bool(self._row.get("is_called_back"))

    @property
    def _is_over(self) -> bool:
        """True once the execution was ended from outside, so that no further request is sent."""
        return self._is_ending or self._is_called_back

    def _now(self) -> int:
        return to_ms(workflow.now())
