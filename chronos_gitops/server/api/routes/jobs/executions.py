"""What happened: executions of one job or of all, newest first, one with its attempts, and the end of one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Blueprint, Response

from chronos_gitops.engine.model import Execution, ExecutionDetail, ExecutionQuery, Status
from chronos_gitops.errors import NotFoundError
from chronos_gitops.process.engine_priority import yielding
from chronos_gitops.server.api.auth import tag_scope
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import body, job_lookup, pagination, query
from chronos_gitops.server.api.request_context import caller, service
from chronos_gitops.server.api.routes.jobs import explanation

blueprint = Blueprint("executions", __name__, url_prefix="/api/v1")


@blueprint.get("/executions")
def list_all() -> Response:
    return _page(None)


@blueprint.get("/jobs/<name>/executions")
def list_of_job(name: str) -> Response | dict[str, Any]:
    job = job_lookup.name(service(), name)
    at = explanation.instant()
    return _page(job) if at is None else explanation.answer(service(), job, at)


@blueprint.get("/executions/<execution_id>")
def one_execution(execution_id: str) -> dict[str, Any]:
    return responses.execution_detail(found(execution_id))


@blueprint.post("/executions/<execution_id>/cancel")
def cancel(execution_id: str) -> dict[str, Any]:
    """Ends it, if it has not ended: what runs is cut off."""
    body.fields({})
    known = found(execution_id)
    return responses.execution(service().engine.cancel(known.execution.id, by=caller()))


def found(execution_id: str) -> ExecutionDetail:
    """One execution that the caller sees; NotFoundError as for one that never was."""
    detail = service().engine.execution(execution_id)
    if not tag_scope.sees(detail.execution.job):
        raise NotFoundError(f'there is no execution "{execution_id[:64]}"')
    return detail


def _page(job: str | None) -> Response:
    asked = ExecutionQuery(job=job, status=query.choice("status", Status), before=pagination.position(_position))

    def read(count: int, after: Execution | None) -> Sequence[Execution]:
        before = asked.before if after is None else (after.scheduled_time, after.id)
        return service().engine.executions(replace(asked, limit=count, before=before))

    rows, last = tag_scope.page(read, lambda row: row.job, pagination.limit())
    after = None if last is None else [last.scheduled_time.isoformat(), last.id]
    return pagination.answer([responses.execution(row) for row in yielding(rows)], after)


def _position(values: Any) -> tuple[datetime, str]:
    return pagination.instant(values[0]), str(values[1])
