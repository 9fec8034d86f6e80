"""What an operator does to a job at runtime: trigger, pause, resume; never a commit (CONTRACT 5)."""

import re
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from chronos_gitops import __version__
from chronos_gitops.api import body, idempotency, lookup, render
from chronos_gitops.api.body import InvalidBody
from chronos_gitops.api.context import caller, service
from chronos_gitops.delivery.request import Call, Masked, masked
from chronos_gitops.jobs.model import Definition

blueprint = Blueprint("control", __name__, url_prefix="/api/v1/jobs/<name>")
_NO_EXECUTION = "00000000-0000-0000-0000-000000000000"
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


@blueprint.post("/trigger")
def trigger(name: str) -> tuple[Response, int, dict[str, str]]:
    given = body.fields({"dry_run": bool})
    definition = lookup.definition(service(), name)
    if given.get("dry_run"):
        return jsonify(render.request(_rehearsed(definition), definition.job.name)), 200, {}
    execution = service().engine.trigger(definition.job.name, key=idempotency.key())
    location = url_for("executions.one_execution", execution_id=execution.id)
    return jsonify(render.execution(execution)), 202, {"Location": location}


@blueprint.post("/pause")
def pause(name: str) -> dict[str, Any]:
    definition = lookup.definition(service(), name)
    given = body.fields({"reason": str, "until": str}, required=("reason",))
    if not given["reason"].strip():
        raise InvalidBody('"reason" is empty.', hint="Say why, for whoever finds the job paused.")
    until = _until(given["until"]) if "until" in given else None
    service().engine.pause(definition.job.name, reason=given["reason"].strip(), by=caller(), until=until)
    return render.job(service(), definition)


@blueprint.post("/resume")
def resume(name: str) -> dict[str, Any]:
    body.fields({})
    definition = lookup.definition(service(), name)
    service().engine.resume(definition.job.name)
    return render.job(service(), definition)


def _rehearsed(definition: Definition) -> Masked:
    """The request that a trigger would send now, without its credentials."""
    call = Call(_NO_EXECUTION, service().now(), 1, definition.commit, path=definition.path)
    return masked(definition.job, call, user_agent=f"chronos-gitops/{__version__}")


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
