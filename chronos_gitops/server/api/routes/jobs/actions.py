"""What an operator does to a job at runtime: trigger, pause, resume; never a commit (CONTRACT 5)."""

import re
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import body, idempotency, job_lookup
from chronos_gitops.server.api.params.body import InvalidBody
from chronos_gitops.server.api.request_context import caller, service

blueprint = Blueprint("control", __name__, url_prefix="/api/v1/jobs/<name>")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


@blueprint.post("/trigger")
def trigger(name: str) -> tuple[Response, int, dict[str, str]]:
    given = body.fields({"dry_run": bool})
    definition = job_lookup.definition(service(), name)
    if given.get("dry_run"):
        return jsonify(responses.rehearsal(definition, service().now())), 200, {}
    execution = service().engine.trigger(definition.job.name, key=idempotency.key())
    location = url_for("executions.one_execution", execution_id=execution.id)
    return jsonify(responses.execution(execution)), 202, {"Location": location}


@blueprint.post("/pause")
def pause(name: str) -> dict[str, Any]:
    definition = job_lookup.definition(service(), name)
    given = body.fields({"reason": str, "until": str}, required=("reason",))
    if not given["reason"].strip():
        raise InvalidBody('"reason" is empty.', hint="Say why, for whoever finds the job paused.")
    until = _until(given["until"]) if "until" in given else None
    service().engine.pause(definition.job.name, reason=given["reason"].strip(), by=caller(), until=until)
    return responses.job(service(), definition)


@blueprint.post("/resume")
def resume(name: str) -> dict[str, Any]:
    body.fields({})
    definition = job_lookup.definition(service(), name)
    service().engine.resume(definition.job.name)
    return responses.job(service(), definition)


def _until(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC) if _RFC_3339.match(text) else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise InvalidBody('"until" is not a time as RFC 3339 writes it.', hint="Write one like 2026-03-08T07:00:00Z.")
    if moment <= service().now():
        raise InvalidBody('"until" lies in the past.', hint="Leave it out to pause until somebody resumes.")
    return moment
