"""The audit log, newest first."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from flask import Blueprint, Response

from chronos_gitops.observability.audit_log import AuditAction, AuditResult, Entry
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import READ, ApiOperation, Endpoint, answer
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import pagination, query
from chronos_gitops.server.api.request_context import service

blueprint = Blueprint("audit", __name__, url_prefix="/api/v1/audit")
_WHO = ("by", "via", "address", "runner")
_OUTCOME = ("result", "status", "target", "reason", "detail", "commit", "review", "execution", "replay", "request_id")
_FIELDS = ("at", "action", "job", "path", *_WHO, *_OUTCOME)
JOB = query.text("job", "Only calls about the job with this name")
ACTION = query.choices("action", AuditAction, "Only these actions")
RESULT = query.choices("result", AuditResult, "Only calls with this result")
BY = query.text("by", "Only calls of the caller with this name")
SINCE = query.instant("since", "Only calls from here on; RFC 3339, UTC without an offset")
UNTIL = query.instant("until", "Only calls before this; RFC 3339, UTC without an offset")


class AuditQuery(NamedTuple):
    """Filters that add up; an empty one lets every entry pass."""

    job: str | None = None
    actions: Collection[str] = ()
    results: Collection[str] = ()
    by: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def matches(self, entry: Entry) -> bool:
        """True for an entry that passes the filters by words; those by time choose where reading begins and ends."""
        return (
            self.job in (None, entry.get("job"))
            and self.by in (None, entry.get("by"))
            and (not self.actions or entry.get("action") in self.actions)
            and (not self.results or entry.get("result") in self.results)
        )


@blueprint.get(
    "",
    declared=Endpoint(
        ApiOperation(
            "listAudit",
            "records",
            "Requests of callers with their results",
            "Newest first: every call that changed something or was refused. Refusals within a minute that have "
            "the same address, caller, action and status are one entry with a count. With a filter each page "
            "searches a bounded number of entries, so it may be short and still have a `next` page.",
            {200: answer("Entries, newest first", ref("AuditList"))},
        ),
        role=READ,
        is_scoped=True,
        parameters=(*pagination.PAGED, JOB, ACTION, RESULT, BY, SINCE, UNTIL),
    ),
)
def list_entries() -> Response:
    """Newest first."""
    asked = AuditQuery(
        job=JOB.value(),
        actions=ACTION.value() or (),
        results=RESULT.value() or (),
        by=BY.value(),
        since=SINCE.value(),
        until=UNTIL.value(),
    )
    return pagination.answer(*found(asked, pagination.limit()))


def found(asked: AuditQuery, size: int) -> tuple[list[dict[str, Any]], tuple[int] | None]:
    """The entries of this page that the caller sees, and the position of the last one where more follow."""
    start = pagination.position(lambda values: int(values[0]))
    if start is None and asked.until is not None:
        start = service().audit.number_at(asked.until)
    oldest = 1 if asked.since is None else service().audit.number_at(asked.since)

    def read(count: int, after: tuple[int, Entry] | None) -> list[tuple[int, Entry]]:
        rows = service().audit.newest(count, before=start if after is None else after[0])
        return [row for row in rows if row[0] >= oldest]

    rows, last = caller_scope.page(
        read,
        lambda row: _text(row[1].get("job")),
        size,
        path_of=lambda row: _text(row[1].get("path")),
        wanted=None if asked._replace(since=None, until=None) == AuditQuery() else lambda row: asked.matches(row[1]),
    )
    return [_document(number, entry) for number, entry in rows], None if last is None else (last[0],)


def _document(number: int, entry: Entry) -> dict[str, Any]:
    """Entries of earlier releases lack some fields."""
    return {"id": number} | {name: entry.get(name) for name in _FIELDS} | {"count": entry.get("count", 1)}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
