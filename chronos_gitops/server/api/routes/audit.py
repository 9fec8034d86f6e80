"""The audit log: every call that changes something, or was not let, written down before it is answered."""

import logging
from typing import Any

from flask import Blueprint, Flask, Response, request

from chronos_gitops.jobs import masking
from chronos_gitops.observability.audit_log import Entry
from chronos_gitops.observability.event_log import Event, EventKind
from chronos_gitops.server.api.auth import tag_scope
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import body, pagination
from chronos_gitops.server.api.request_context import caller, request_id, service
from chronos_gitops.webhooks.redaction import scrub

blueprint = Blueprint("audit", __name__, url_prefix="/api/v1/audit")
log = logging.getLogger(__name__)
ACTIONS = {
    "rollback.roll_back": "rollback",
    "undo.undo": "undo",
    "control.trigger": "trigger",
    "control.pause": "pause",
    "control.resume": "resume",
    "executions.cancel": "cancel",
    "sync.sync_now": "sync",
    "sync.approve": "approve",
}
"""What is written down; dry runs change nothing and are not."""
EVENTS = {
    "rollback": EventKind.JOB_ROLLED_BACK,
    "undo": EventKind.COMMIT_UNDONE,
    "trigger": EventKind.JOB_TRIGGERED,
    "pause": EventKind.JOB_PAUSED,
    "resume": EventKind.JOB_RESUMED,
    "cancel": EventKind.EXECUTION_CANCELLED,
    "sync": EventKind.SYNC_REQUESTED,
    "approve": EventKind.DELETIONS_APPROVED,
}
RESULTS = ("done", "unchanged", "proposed", "refused", "failed")
_FIELDS = ("at", "action", "job", "by", "result", "status", "target", "reason", "detail", "commit", "request_id")
_LONGEST = 2000
_NOBODY_KNOWN = (401, 421)


def install(app: Flask) -> None:
    app.after_request(_note)


@blueprint.get("")
def list_entries() -> Response:
    """Newest first."""
    start = pagination.position(lambda values: int(values[0]))

    def read(count: int, after: tuple[int, Entry] | None) -> list[tuple[int, Entry]]:
        return service().audit.newest(count, before=start if after is None else after[0])

    found, last = tag_scope.page(read, lambda row: _job(row[1]), pagination.limit())
    items = [{"id": number} | {name: entry.get(name) for name in _FIELDS} for number, entry in found]
    return pagination.answer(items, None if last is None else [last[0]])


def _job(entry: Entry) -> str | None:
    job = entry.get("job")
    return job if isinstance(job, str) else None


def _note(response: Response) -> Response:
    action = ACTIONS.get(request.endpoint or "")
    if action is None or request.method != "POST" or response.status_code in _NOBODY_KNOWN:
        return response
    given = body.given()
    if given.get("dry_run") is not True:
        entry = _entry(action, given, response)
        service().events.add(_event(entry))
        try:
            service().audit.append(entry)
        except OSError as error:
            # What was asked for has happened: an answer that denies it would be worse than a gap in the log.
            log.error("audit_failed", extra={"request_id": request_id(), "action": action, "error": str(error)})
    return response


def _entry(action: str, given: dict[str, Any], response: Response) -> dict[str, Any]:
    answer = response.get_json(silent=True)
    said = answer if isinstance(answer, dict) else {}
    asked = request.view_args or {}
    refused = response.status_code >= 400
    target = (
        asked.get("n")
        or given.get("commit")
        or given.get("checksum")
        or given.get("until")
        or asked.get("execution_id")
    )
    return {
        "at": responses.instant(service().now()),
        "action": action,
        "job": _text(said.get("job") or said.get("name") or asked.get("name")),
        "by": caller(),
        "result": _result(response.status_code, said),
        "status": response.status_code,
        "target": _text(target),
        "reason": _text(given.get("reason")),
        "detail": _text(said.get("detail")) if refused else None,
        "commit": _text(said.get("commit")) if action in ("rollback", "undo") and not refused else None,
        "request_id": request_id(),
    }


def _event(entry: Entry) -> Event:
    words = entry["detail"] or entry["reason"] or entry["result"]
    return Event(
        entry["at"],
        EVENTS[entry["action"]],
        words,
        job=entry["job"],
        commit=entry["commit"],
        by=entry["by"],
        result=entry["result"],
        request_id=entry["request_id"],
    )


def _result(status: int, said: dict[str, Any]) -> str:
    if status >= 400:
        return "failed" if status >= 500 else "refused"
    if said.get("changed") is False:
        return "unchanged"
    return "proposed" if said.get("branch") and said.get("changed") else "done"


def _text(value: Any) -> str | None:
    """People write into reasons what they should not: secrets that we know, and what looks like one, are taken out."""
    if not isinstance(value, str):
        return None
    known = {secret: f"${{secret:{name}}}" for name, secret in service().settings.secret_values.items()}
    return masking.masked_text(scrub(value[:_LONGEST], known))
