"""Many jobs paused, resumed or triggered by one call (TIME 7)."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from flask import Blueprint

from chronos_gitops.engine.operations import bulk
from chronos_gitops.engine.operations.bulk import MOST_TRIGGERED, BulkAction, BulkCall, BulkItem
from chronos_gitops.errors import ConflictError
from chronos_gitops.observability.audit_log import AuditAction
from chronos_gitops.observability.event_log import EventKind
from chronos_gitops.plurals import plural
from chronos_gitops.server.api import form_notice, held_times
from chronos_gitops.server.api.endpoint import OPERATE, ApiOperation, Audited, Endpoint, JsonBody, answer
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import body, bulk_select, idempotency, pause_end
from chronos_gitops.server.api.params.body import InvalidBody
from chronos_gitops.server.api.problems import ApiError
from chronos_gitops.server.api.request_context import caller, record_target, service

blueprint = Blueprint("bulk", __name__, url_prefix="/api/v1/bulk")
_SELECTORS = (
    "Selectors combine by `and`, and select current jobs that the caller can see. If `expect_jobs` differs from "
    "their number, the response is 409. With `dry_run` nothing changes. "
)
_REPEATED = (
    "A repeated Idempotency-Key returns the first response, or continues with the jobs that the first call did not "
    "reach."
)


class TooManyJobs(ApiError):
    kind = "too-many-items"


def _endpoint(operation: str, summary: str, text: str, shape: str, audit: Audited, did: str) -> Endpoint:
    return Endpoint(
        ApiOperation(
            operation,
            "jobs",
            summary,
            _SELECTORS + text + _REPEATED,
            {200: answer("An outcome for each job", ref("BulkAnswer"))},
            errors=(404, 409, 422),
        ),
        role=OPERATE,
        is_scoped=True,
        audit=audit,
        body=JsonBody(shape),
        notice=form_notice.bulk(did),
    )


@blueprint.post(
    "/pause",
    declared=_endpoint(
        "pauseJobs",
        "Pause many jobs",
        "An operator's pause that lasts longer does not change (`kept`). ",
        "BulkPauseRequest",
        Audited(AuditAction.BULK_PAUSE, EventKind.JOBS_PAUSED),
        "paused",
    ),
)
def pause() -> dict[str, Any]:
    return _answer(BulkAction.PAUSE)


@blueprint.post(
    "/resume",
    declared=_endpoint(
        "resumeJobs",
        "End the pauses of many jobs",
        "`select.bulk` ends only the pauses that one bulk call began, and restores the shorter pauses that it "
        "had extended. ",
        "BulkResumeRequest",
        Audited(AuditAction.BULK_RESUME, EventKind.JOBS_RESUMED),
        "resumed",
    ),
)
def resume() -> dict[str, Any]:
    return _answer(BulkAction.RESUME)


@blueprint.post(
    "/trigger",
    declared=_endpoint(
        "triggerJobs",
        "Trigger many jobs",
        "At most 1,000 jobs; each job's `concurrency` applies (`skipped` while an execution is unfinished). Jobs "
        "also run on closed days (`closed` names the calendar entry). ",
        "BulkTriggerRequest",
        Audited(AuditAction.BULK_TRIGGER, EventKind.JOBS_TRIGGERED),
        "triggered",
    ),
)
def trigger() -> dict[str, Any]:
    return _answer(BulkAction.TRIGGER)


def _answer(action: BulkAction) -> dict[str, Any]:
    given = body.fields()
    call = _first(action, given) or _call(action, given)
    number = plural(len(call.jobs), "job")
    record_target(f"{call.id}: {number} ({bulk_select.text(given['select'])})")
    if given.get("dry_run"):
        return _rendered(action, None, bulk.preview(call, service().engine.pauses()))
    return _rendered(action, call.id, service().engine.bulk(call))


def _first(action: BulkAction, given: dict[str, Any]) -> BulkCall | None:
    """The call that came before under the same Idempotency-Key: it means the jobs that it meant then."""
    key = idempotency.callers_key()
    if key is None or given.get("dry_run"):
        return None
    first = service().engine.bulk_call(bulk.call_id(action, caller(), key))
    if first is not None:
        bulk.check_same(first.fingerprint, _fingerprint(given))
    return first


def _call(action: BulkAction, given: dict[str, Any]) -> BulkCall:
    now, key = service().now(), idempotency.callers_key()
    jobs = bulk_select.jobs(given["select"])
    _check_number(action, given, len(jobs))
    return BulkCall(
        id=bulk.call_id(action, caller(), key),
        action=action,
        jobs=jobs,
        by=caller(),
        reason=given["reason"].strip(),
        at=now,
        until=pause_end.end(given, now) if action is BulkAction.PAUSE else None,
        bulk=given["select"].get("bulk"),
        fingerprint=None if key is None else _fingerprint(given),
    )


def _check_number(action: BulkAction, given: dict[str, Any], number: int) -> None:
    expected = given.get("expect_jobs")
    if expected is not None and expected != number:
        raise ConflictError(
            f"The selection has {plural(number, 'job')}, not {expected}.",
            hint="Look with dry_run at which jobs they are, then send their number.",
            command_hint="Look with --dry-run at which jobs they are, then give their number with --expect-jobs.",
        )
    if action is not BulkAction.TRIGGER:
        return
    if expected is None and not given.get("dry_run"):
        raise InvalidBody(
            '"expect_jobs" is missing.',
            hint="Send the number of jobs that a dry_run has shown.",
            command_hint="Give --expect-jobs the number that --dry-run shows.",
        )
    if number > MOST_TRIGGERED:
        raise TooManyJobs(f"The selection has {plural(number, 'job')}; one call triggers at most {MOST_TRIGGERED}.")


def _fingerprint(given: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


def _rendered(action: BulkAction, call_id: str | None, items: Sequence[BulkItem]) -> dict[str, Any]:
    closed = _closed_now(items) if action is BulkAction.TRIGGER else {}
    rendered = [_item(item) | {"closed": closed.get(item.job)} for item in items]
    return {"id": call_id, "items": rendered, "changed": bulk.changed(items)}


def _closed_now(items: Sequence[BulkItem]) -> dict[str, str | None]:
    now, jobs = service().now(), service().jobs().definitions
    return {item.job: held_times.closed_now(jobs[item.job].job.timing, now) for item in items if item.job in jobs}


def _item(item: BulkItem) -> dict[str, Any]:
    return {
        "job": item.job,
        "outcome": item.outcome.value,
        "until": responses.instant(item.until),
        "execution": item.execution,
        "error": item.error,
    }
