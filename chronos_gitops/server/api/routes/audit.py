"""The audit log, newest first."""

from typing import Any

from flask import Blueprint, Response

from chronos_gitops.observability.audit_log import Entry
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import READ, ApiOperation, Endpoint, answer
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import pagination, query
from chronos_gitops.server.api.request_context import service

blueprint = Blueprint("audit", __name__, url_prefix="/api/v1/audit")
_WHO = ("by", "via", "address", "runner")
_OUTCOME = ("result", "status", "target", "reason", "detail", "commit", "review", "request_id")
JOB = query.text("job", "Only calls about the job with this name")
_FIELDS = ("at", "action", "job", "path", *_WHO, *_OUTCOME)


@blueprint.get(
    "",
    declared=Endpoint(
        ApiOperation(
            "listAudit",
            "records",
            "Requests of callers with their results",
            "Newest first: every call that changed something or was refused, written down durably. Equal refusals of "
            "one minute (address, caller, action, status) are one entry with their count. With `job` a page looks at a "
            "bounded number of entries, so it may be short and have a `next` one.",
            {200: answer("Entries, newest first", ref("AuditList"))},
        ),
        role=READ,
        is_scoped=True,
        parameters=(*pagination.PAGED, JOB),
    ),
)
def list_entries() -> Response:
    """Newest first."""
    start = pagination.position(lambda values: int(values[0]))

    def read(count: int, after: tuple[int, Entry] | None) -> list[tuple[int, Entry]]:
        return service().audit.newest(count, before=start if after is None else after[0])

    found, last = caller_scope.page(
        read, lambda row: _job(row[1]), pagination.limit(), path_of=lambda row: _path(row[1]), job=JOB.value()
    )
    items = [_document(number, entry) for number, entry in found]
    return pagination.answer(items, None if last is None else [last[0]])


def _document(number: int, entry: Entry) -> dict[str, Any]:
    """Entries of earlier releases lack some fields."""
    return {"id": number} | {name: entry.get(name) for name in _FIELDS} | {"count": entry.get("count", 1)}


def _job(entry: Entry) -> str | None:
    job = entry.get("job")
    return job if isinstance(job, str) else None


def _path(entry: Entry) -> str | None:
    path = entry.get("path")
    return path if isinstance(path, str) else None
