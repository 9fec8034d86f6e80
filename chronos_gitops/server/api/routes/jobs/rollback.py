"""Rollback: the content of a version as a new commit (CONTRACT 4), or what that commit would be."""

import uuid
from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from chronos_gitops.errors import ChronosError
from chronos_gitops.git.commit import Person
from chronos_gitops.rollback.revert import RollbackPlan, RollbackRequest, RollbackResult
from chronos_gitops.server.api.middleware import conditional
from chronos_gitops.server.api.params import body, idempotency, job_lookup
from chronos_gitops.server.api.request_context import caller, request_id, service
from chronos_gitops.server.api.routes.jobs import version_diff, versions

blueprint = Blueprint("rollback", __name__, url_prefix="/api/v1/jobs/<name>/rollback")
Answer = tuple[Response, int, dict[str, str]]


@blueprint.post("/<n>")
def roll_back(name: str, n: str) -> Answer:
    given = body.fields({"reason": str, "dry_run": bool})
    job = job_lookup.name(service(), name)
    running = service().jobs().get(job)
    conditional.require_match(None if running is None else running.blob)
    asked = RollbackRequest(
        job=job,
        to=n,
        reason=given.get("reason", "").strip(),
        requested_by=person(),
        request_id=idempotency.key() or unrepeated(request_id()),
    )
    if given.get("dry_run"):
        return jsonify(planned(service().rollbacks.plan(asked))), 200, {}
    return _performed(asked)


def planned(plan: RollbackPlan) -> dict[str, Any]:
    """What a rollback would commit, and what that changes."""
    before, after = versions.content_of(plan.current), versions.content_of(plan.target)
    return plan.document() | version_diff.versions(before, after, now=service().now())


def _performed(asked: RollbackRequest) -> Answer:
    try:
        result = service().rollbacks.perform(asked)
    except ChronosError:
        service().metrics.rollback("refused")
        raise
    outcome, status = _outcome(result)
    service().metrics.rollback(outcome)
    where = {} if result.version is None else {"Location": _location(result.job, result.version)}
    return jsonify(_done(result)), status, where


def person() -> Person:
    """The caller, as the author of a commit."""
    return Person(caller(), f"{caller()}@chronos-gitops.invalid")


def unrepeated(correlation: str) -> str:
    """An X-Request-ID may stand for many calls, while the repository takes an equal request id for the same call."""
    return f"{correlation}.{uuid.uuid4().hex[:8]}"


def _outcome(result: RollbackResult) -> tuple[str, int]:
    if not result.changed:
        return "unchanged", 200
    return ("committed", 201) if result.branch is None else ("proposed", 202)


def _done(result: RollbackResult) -> dict[str, Any]:
    done = {
        "job": result.job,
        "version": result.version,
        "restored_version": result.restored_version,
        "commit": result.commit,
        "changed": result.changed,
    }
    return done if result.branch is None else done | {"branch": result.branch}


def _location(job: str, number: int) -> str:
    return url_for("versions.one_version", name=job, n=str(number))
