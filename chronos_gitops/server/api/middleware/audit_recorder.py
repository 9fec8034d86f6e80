"""Records in the audit log what was asked for: each call that changes something, and each that was refused."""

import logging
from collections.abc import Hashable
from typing import Any, Final

from flask import Flask, Response, request

from chronos_gitops.jobs.secrets import masking
from chronos_gitops.observability.audit_log import AuditAction, AuditResult, Entry, runner_name
from chronos_gitops.observability.event_log import Event, EventKind
from chronos_gitops.server.api import endpoint, request_context
from chronos_gitops.server.api.auth import origin
from chronos_gitops.server.api.endpoint import Audited
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import body
from chronos_gitops.server.api.request_context import service
from chronos_gitops.webhooks.redaction.redaction import scrub

log = logging.getLogger(__name__)
REFUSED_STATUSES: Final = (401, 403, 429)
"""Of any call: the caller is unknown, may not, or asks too often."""
_MISDIRECTED: Final = 421
_LONGEST, _LONGEST_REFUSED = 2000, 300
_REFUSED_CALL: Final = Audited(AuditAction.REFUSED, None)
_SESSION_ACTIONS: Final = (AuditAction.LOGIN, AuditAction.LOGOUT)


def install(app: Flask) -> None:
    app.after_request(_record)


def _record(response: Response) -> Response:
    status = request_context.refused_as() or response.status_code
    if status in REFUSED_STATUSES:
        service().metrics.caller_refused(status)
    given = _given()
    audited = _audited(status, given)
    if audited is not None:
        entry = _entry(audited, given, response, status)
        if status < 400 and audited.action in _SESSION_ACTIONS and entry["target"] is None:
            return response  # no session began or ended
        _write(audited, entry)
    return response


def _given() -> dict[str, Any]:
    """The fields of the body; reading has none."""
    return {} if request.method in origin.SAFE_METHODS else body.given()


def _audited(status: int, given: dict[str, Any]) -> Audited | None:
    """An unknown caller does nothing but try: only its tries to log in are named."""
    declared = endpoint.current()
    audited = None if declared is None or request.method in ("HEAD", "OPTIONS") else declared.audit
    is_tried = given.get("dry_run") is not True and status != _MISDIRECTED
    if audited is not None and is_tried and (status != 401 or audited.action is AuditAction.LOGIN):
        return audited
    return _REFUSED_CALL if status in REFUSED_STATUSES else None


def _write(audited: Audited, entry: Entry) -> None:
    """Write the entry. An error is logged only, because the action has happened and its response must not deny it."""
    is_refused = entry["result"] == AuditResult.REFUSED
    is_new = True
    try:
        if is_refused:
            is_new = service().audit.append_refusal(_key(entry), entry, service().now())
        else:
            service().audit.append(entry)
    except OSError as error:
        is_new = not is_refused
        fields = {"request_id": request_context.request_id(), "action": audited.action.value, "error": str(error)}
        log.error("audit_failed", extra=fields)
    if is_new and audited.event is not None:
        service().events.add(_event(audited.event, entry))


def _key(entry: Entry) -> Hashable:
    """The key under which equal refusals are merged: address, caller, action and status. It has a job only where the
    caller may do the action and the job exists, so that a caller cannot create entries without bound."""
    job = entry["job"] if entry["path"] is not None and entry["status"] not in REFUSED_STATUSES else None
    return entry["address"], entry["by"], entry["action"], entry["status"], job


def _entry(audited: Audited, given: dict[str, Any], response: Response, status: int) -> dict[str, Any]:
    said = {} if audited is _REFUSED_CALL else _answer(response)
    asked = request.view_args or {}
    is_refused = status >= 400
    longest = _LONGEST_REFUSED if is_refused else _LONGEST
    job = _text(said.get("job") or said.get("name") or asked.get("name"), longest)
    return {
        "at": responses.instant(service().now()),
        "action": audited.action.value,
        "job": job,
        "path": _path(job, is_refused=status in REFUSED_STATUSES),
        "by": request_context.caller(),
        "via": request_context.via(),
        "address": request_context.address(),
        "runner": runner_name(service().listener.port),
        "result": _result(status, said).value,
        "status": status,
        "target": _text(_target(audited, given), longest),
        "reason": _text(given.get("reason"), longest),
        "detail": _text(request_context.problem_detail(), _LONGEST_REFUSED) if is_refused else None,
        "commit": _text(said.get("commit"), longest) if audited.makes_commit and not is_refused else None,
        "review": _text(_review(said), longest) if audited.makes_commit and not is_refused else None,
        "execution": _answered(audited, "execution", said, is_refused=is_refused),
        "replay": _answered(audited, "replay", said, is_refused=is_refused),
        "request_id": request_context.request_id(),
        "count": 1,
    }


def _answered(audited: Audited, kind: str, said: dict[str, Any], *, is_refused: bool) -> str | None:
    """The id of what the response describes, if it is of this kind."""
    return None if is_refused or audited.answers != kind else said.get("id")


def _answer(response: Response) -> dict[str, Any]:
    """The fields of a JSON object; none of anything else."""
    answer = response.get_json(silent=True)
    return answer if isinstance(answer, dict) else {}


def _review(said: dict[str, Any]) -> Any:
    """Where the commit waits for review: the address of its request, or the branch alone while the forge is away."""
    request = said.get("request")
    return request.get("url") if isinstance(request, dict) else said.get("branch")


def _target(audited: Audited, given: dict[str, Any]) -> Any:
    if audited is _REFUSED_CALL:
        return f"{request.method} {request.path}"
    asked = (request.view_args or {}).get(audited.target or "") or given.get(audited.target or "")
    return asked or request_context.recorded_target()


def _path(job: str | None, *, is_refused: bool) -> str | None:
    """The file of the job, of a deleted one its last. Refused callers do not make the runner look into the history."""
    running = None if job is None else service().jobs().get(job)
    if running is not None:
        return running.path
    last = None if job is None or is_refused else service().follower.index().current(job)
    return None if last is None else last.path


def _event(kind: EventKind, entry: Entry) -> Event:
    is_done = entry["status"] < 400
    words = entry["detail"] or entry["reason"] or entry["result"]
    return Event(
        entry["at"],
        kind if is_done else EventKind.CALL_REFUSED,
        words if is_done else f"{entry['action']}: {words}",
        job=entry["job"],
        commit=entry["commit"],
        by=entry["by"],
        result=entry["result"],
        request_id=entry["request_id"],
        paths={entry["job"]: entry["path"]} if entry["job"] is not None and entry["path"] is not None else {},
        execution=entry["execution"],
        replay=entry["replay"],
    )


def _result(status: int, said: dict[str, Any]) -> AuditResult:
    if status >= 400:
        return AuditResult.FAILED if status >= 500 else AuditResult.REFUSED
    if "changed" in said and not said["changed"]:
        return AuditResult.UNCHANGED
    return AuditResult.PROPOSED if said.get("branch") and said.get("changed") else AuditResult.DONE


def _text(value: Any, longest: int) -> str | None:
    """People write into reasons what they should not: secrets that we know, and what looks like one, are taken out."""
    if not isinstance(value, str):
        return None
    known = {secret: f"${{secret:{name}}}" for name, secret in service().settings.secret_values.items()}
    return masking.masked_text(scrub(value[:_LONGEST], known))[:longest]
