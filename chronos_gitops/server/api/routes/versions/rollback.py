"""Rollback: the content of a version as a new commit (CONTRACT 4), or what that commit would be."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify, url_for

from chronos_gitops.errors import ChronosError
from chronos_gitops.git.commit import Person
from chronos_gitops.jobs.secrets import masking
from chronos_gitops.observability.audit_log import AuditAction
from chronos_gitops.observability.event_log import EventKind
from chronos_gitops.rollback.revert import RevertRequest, RevertResult
from chronos_gitops.rollback.to_version import RollbackPlan, RollbackRequest
from chronos_gitops.server.api import endpoint, form_notice
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import ROLLBACK, ApiOperation, Audited, Endpoint, JsonBody, answer
from chronos_gitops.server.api.middleware import conditional
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import body, idempotency, job_lookup
from chronos_gitops.server.api.request_context import caller, request_id, service
from chronos_gitops.server.api.routes.versions import version_diff, versions

blueprint = Blueprint("rollback", __name__, url_prefix="/api/v1/jobs/<name>/rollback")
Plan = TypeVar("Plan")
Result = TypeVar("Result", bound=RevertResult)
Answer = tuple[Response, int, dict[str, str]]
IF_MATCH = endpoint.header("If-Match", "The job's ETag: refuse when its file changed since")


@blueprint.post(
    "/<n>",
    declared=Endpoint(
        ApiOperation(
            "rollBack",
            "versions",
            "Restore a version as a new commit",
            "Restores the file of version `n` with one new commit, which is applied at once. The response is 200 "
            "if nothing would change, and 202 with a branch to review if the branch is protected. With `dry_run` "
            "the response has the commit that would be made.",
            {
                200: answer("Nothing to change, or a dry run", {"oneOf": [ref("Rollback"), ref("RollbackPlan")]}),
                201: answer("Committed; it is the new version", ref("Rollback")),
                202: answer("Proposed on another branch, because the followed branch is protected", ref("Rollback")),
            },
            errors=(404, 409, 412, 422),
        ),
        role=ROLLBACK,
        is_scoped=True,
        audit=Audited(AuditAction.ROLLBACK, EventKind.JOB_ROLLED_BACK, target="n", makes_commit=True),
        notice=form_notice.rolled_back,
        parameters=(job_lookup.NAME, versions.N, IF_MATCH),
        body=JsonBody("RollbackRequest"),
    ),
)
def roll_back(name: str, n: str) -> Answer:
    given = body.fields()
    job = job_lookup.name(service(), name)
    with contextlib.nullcontext() if given.get("dry_run") else _counted_refusal():
        job_lookup.version(service(), job, n)
    running = service().jobs().get(job)
    conditional.require_match(None if running is None else running.identity)
    asked = RollbackRequest(
        job=job,
        to=n,
        reason=given.get("reason", "").strip(),
        requested_by=person(),
        request_id=idempotency.key() or unrepeated(request_id()),
    )
    if given.get("dry_run"):
        return jsonify(planned(service().reverter.plan(asked))), 200, {}
    result, status = perform(asked)
    where = {} if result.version is None else {"Location": _location(result.job, result.version)}
    return jsonify(result.document()), status, where


def planned(plan: RollbackPlan) -> dict[str, Any]:
    """The commit that a rollback would make, and its effects."""
    before, after = versions.content_of(plan.current), versions.content_of(plan.target)
    told = plan.document() | version_diff.versions(before, after, now=service().now())
    running = service().jobs().get(plan.current.job)
    if running is not None and before.source is not None and before.job is None:  # invalid: the last good version runs
        told["fields"] = version_diff.fields(running.job, after.job)
        told["next_runs_before"] = version_diff.runs(running.job, after=service().now())
    told |= versions.fate(plan.target, service().engine.outcomes(plan.target.job))
    return told | {"unified": masking.masked_file(plan.diff, after.job)} if plan.file.written_out else told


def perform(asked: RevertRequest[Plan, Result]) -> tuple[Result, int]:
    """The result with its status, counted by its outcome."""
    with _counted_refusal():
        result = service().reverter.perform(asked, caller_scope.sees_path)
    outcome, status = _outcome(result)
    service().metrics.rollback(outcome)
    return result, status


@contextlib.contextmanager
def _counted_refusal() -> Iterator[None]:
    try:
        yield
    except ChronosError:
        service().metrics.rollback("refused")
        raise


def person() -> Person:
    """The caller, as the author of a commit."""
    return Person(caller(), f"{caller()}@chronos-gitops.invalid")


def unrepeated(correlation: str) -> str:
    """An X-Request-ID may stand for many calls, while the repository takes an equal request id for the same call."""
    return f"{correlation}.{uuid.uuid4().hex[:8]}"


def _outcome(result: RevertResult) -> tuple[str, int]:
    if not result.changed:
        return "unchanged", 200
    return ("committed", 201) if result.branch is None else ("proposed", 202)


def _location(job: str, number: int) -> str:
    return url_for("versions.one_version", name=job, n=str(number))
