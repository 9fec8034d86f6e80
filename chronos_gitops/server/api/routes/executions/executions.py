"""Executions: of one job or of all, newest first; one with its attempts; cancelling one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Blueprint, Response

from chronos_gitops.engine.model import Execution, ExecutionDetail, ExecutionQuery, Status, Trigger
from chronos_gitops.errors import NotFoundError
from chronos_gitops.observability.audit_log import AuditAction
from chronos_gitops.observability.event_log import EventKind
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.server.api import endpoint, form_notice
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import OPERATE, READ, ApiOperation, Audited, Endpoint, answer
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import job_lookup, pagination, query
from chronos_gitops.server.api.request_context import caller, service
from chronos_gitops.server.api.routes.executions import execution_order, explanation, other_changes
from chronos_gitops.server.api.routes.executions.execution_order import ExecutionOrder

blueprint = Blueprint("executions", __name__, url_prefix="/api/v1")


ID = endpoint.path("execution_id", "The execution's id")
STATUS = query.choices("status", Status, "Only executions with this status")
TRIGGER = query.choice("trigger", Trigger, "Only executions that this started")
SINCE = query.instant("since", "Only scheduled times from here on; RFC 3339, UTC without an offset")
UNTIL = query.instant("until", "Only scheduled times before this; RFC 3339, UTC without an offset")
JOB = query.text("job", "Only executions of this job, by its name or id")
FIELDS = pagination.fields("Execution")
SORT = execution_order.parameter()
FILTERS = (STATUS, TRIGGER, SINCE, UNTIL)


@blueprint.get(
    "/executions",
    declared=Endpoint(
        ApiOperation(
            "listExecutions",
            "executions",
            "Executions of all jobs",
            "Newest first, or by `sort`, over all jobs. Filters add up. Tags are those that a job has now. A page with "
            "`tag.` may be short; `next` continues.",
            {200: pagination.listed("Executions, newest first", "ExecutionList")},
            errors=(404,),
        ),
        role=READ,
        is_scoped=True,
        parameters=(*pagination.PAGED, FIELDS, SORT, JOB, *FILTERS, query.TAGS),
    ),
)
def list_all() -> Response:
    asked = JOB.value()
    return _page(None if asked is None else job_lookup.name(service(), asked))


@blueprint.get(
    "/jobs/<name>/executions",
    declared=Endpoint(
        ApiOperation(
            "listJobExecutions",
            "executions",
            "Executions of one job, or an explanation of one instant",
            "Newest first, or by `sort`. With `at` the response explains in one sentence what happened at that "
            "time, and which commit caused it.",
            {
                200: pagination.listed(
                    "Executions, newest first; with `at` an explanation of that time",
                    "ExecutionList",
                    ref("Explanation"),
                )
            },
            errors=(404,),
        ),
        role=READ,
        is_scoped=True,
        parameters=(job_lookup.NAME, *pagination.PAGED, FIELDS, SORT, *FILTERS, explanation.AT),
    ),
)
def list_of_job(name: str) -> Response | dict[str, Any]:
    job = job_lookup.name(service(), name)
    at = explanation.instant()
    return _page(job) if at is None else explanation.answer(service(), job, at)


@blueprint.get(
    "/executions/<execution_id>",
    declared=Endpoint(
        ApiOperation(
            "getExecution",
            "executions",
            "One execution",
            "With every attempt: time, duration, phases, status and the first 4 KiB of the response, with "
            "secrets redacted.",
            {200: answer("The execution with its attempts", ref("ExecutionDetail"))},
            errors=(404,),
        ),
        role=READ,
        is_scoped=True,
        parameters=(ID,),
    ),
)
def one_execution(execution_id: str) -> dict[str, Any]:
    detail = found(execution_id)
    compared = other_changes.compared(detail.execution)
    return responses.execution_detail(detail) | {
        "changed": other_changes.documents(compared),
        "since_success": other_changes.sentence(detail.execution, compared),
    }


@blueprint.post(
    "/executions/<execution_id>/cancel",
    declared=Endpoint(
        ApiOperation(
            "cancelExecution",
            "executions",
            "Cancel an execution",
            "A running request is aborted; its target may have acted already.",
            {200: answer("The execution, cancelled", ref("Execution"))},
            errors=(404, 409),
        ),
        role=OPERATE,
        is_scoped=True,
        audit=Audited(AuditAction.CANCEL, EventKind.EXECUTION_CANCELLED, target="execution_id", answers="execution"),
        notice=form_notice.cancelled,
        parameters=(ID,),
    ),
)
def cancel(execution_id: str) -> dict[str, Any]:
    """Ends it, if it has not ended: what runs is cut off."""
    known = found(execution_id)
    return responses.execution(service().engine.cancel(known.execution.id, by=caller()))


def found(execution_id: str) -> ExecutionDetail:
    """One execution that the caller sees; NotFoundError as for one that never was."""
    detail = service().engine.execution(execution_id)
    if not caller_scope.sees_row(detail.execution.job, detail.execution.path):
        caller_scope.refuse_known(detail.execution.job)
        raise NotFoundError(f'there is no execution "{execution_id[:64]}"')
    return detail


def _page(job: str | None) -> Response:
    asked = ExecutionQuery(
        job=job,
        statuses=STATUS.value() or (),
        trigger=TRIGGER.value(),
        since=SINCE.value(),
        until=UNTIL.value(),
    )
    rows, after = in_order(asked, SORT.value(), pagination.limit())
    return pagination.answer([responses.execution(row) for row in yielding(rows)], after)


def in_order(
    asked: ExecutionQuery, order: ExecutionOrder, size: int
) -> tuple[Sequence[Execution], Sequence[str | int | None] | None]:
    """The page that the request's cursor begins, and what a cursor to the next one holds."""
    if order == execution_order.NEWEST_FIRST:
        return page(replace(asked, before=pagination.position(position)), size)
    return execution_order.placed(page, asked, order, size, pagination.position(execution_order.read_position))


def page(asked: ExecutionQuery, size: int) -> tuple[Sequence[Execution], list[str | int] | None]:
    """Executions that the caller sees, of jobs with the request's tags, and what a cursor to the next ones holds."""

    def read(count: int, after: Execution | None) -> Sequence[Execution]:
        before = asked.before if after is None else (after.scheduled_time, after.id)
        return service().engine.executions(replace(asked, limit=count, before=before))

    rows, last = caller_scope.page(read, lambda row: row.job, size, path_of=lambda row: row.path, asked=query.tags())
    return rows, None if last is None else [last.scheduled_time.isoformat(), last.id]


def position(values: Any) -> tuple[datetime, str]:
    """Where a page starts, out of a cursor."""
    return pagination.instant(values[0]), str(values[1])
