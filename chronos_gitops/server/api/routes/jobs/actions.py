"""Operations on a job at runtime: trigger, pause, resume; never a commit (CONTRACT 5)."""

import json
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from chronos_gitops.engine.model import TriggerInputs
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.observability.audit_log import AuditAction
from chronos_gitops.observability.event_log import EventKind
from chronos_gitops.server.api import form_notice, held_times
from chronos_gitops.server.api.endpoint import OPERATE, ApiOperation, Audited, Endpoint, JsonBody, answer
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import body, idempotency, job_lookup, pause_end
from chronos_gitops.server.api.request_context import caller, record_target, service

blueprint = Blueprint("control", __name__, url_prefix="/api/v1/jobs/<name>")


@blueprint.post(
    "/trigger",
    declared=Endpoint(
        ApiOperation(
            "triggerJob",
            "jobs",
            "Trigger a job",
            "Also works for a disabled or paused job, and on closed days (`closed` names the calendar entry). "
            "The job's `concurrency` applies. With `dry_run` the response has the request, and nothing is sent. "
            "A repeated Idempotency-Key returns the first execution.",
            {
                200: answer("A dry run: the request", ref("RequestPlan")),
                202: answer("The execution", ref("TriggeredExecution")),
            },
            errors=(404, 409, 422),
        ),
        role=OPERATE,
        is_scoped=True,
        audit=Audited(AuditAction.TRIGGER, EventKind.JOB_TRIGGERED, answers="execution"),
        notice=form_notice.triggered,
        parameters=(job_lookup.NAME,),
        body=JsonBody("TriggerRequest"),
    ),
)
def trigger(name: str) -> tuple[Response, int, dict[str, str]]:
    given = body.fields()
    definition = job_lookup.definition(service(), name)
    inputs = _inputs(definition, given.get("variables") or {})
    if given.get("dry_run"):
        shown = definition if inputs is None else replace(definition, job=inputs.job)
        return jsonify(responses.rehearsal(shown, service().now())), 200, {}
    execution = service().engine.trigger(definition.job.name, key=idempotency.callers_key(), inputs=inputs)
    location = url_for("executions.one_execution", execution_id=execution.id)
    answered = responses.execution(execution) | {
        "closed": held_times.closed_now(definition.job.timing, service().now())
    }
    return jsonify(answered), 202, {"Location": location}


def _inputs(definition: JobVersion, variables: dict[str, str]) -> TriggerInputs | None:
    if not variables:
        return None
    record_target(json.dumps(variables, ensure_ascii=False))
    return TriggerInputs(service().follower.triggered(definition, variables), variables)


@blueprint.post(
    "/pause",
    declared=Endpoint(
        ApiOperation(
            "pauseJob",
            "jobs",
            "Pause the job",
            "At runtime, never a commit; survives restarts, edits and rollbacks. Ticks that fall in it "
            "follow the job's missed-run policy when it ends.",
            {200: answer("The job", ref("Job"))},
            errors=(404, 409),
        ),
        role=OPERATE,
        is_scoped=True,
        audit=Audited(AuditAction.PAUSE, EventKind.JOB_PAUSED, target="until"),
        notice=form_notice.paused,
        parameters=(job_lookup.NAME,),
        body=JsonBody("PauseRequest"),
    ),
)
def pause(name: str) -> dict[str, Any]:
    definition = job_lookup.definition(service(), name)
    given = body.fields()
    until = pause_end.end(given, service().now())
    service().engine.pause(definition.job.name, reason=given["reason"].strip(), by=caller(), until=until)
    return responses.job(service(), definition)


@blueprint.post(
    "/resume",
    declared=Endpoint(
        ApiOperation(
            "resumeJob",
            "jobs",
            "End a pause",
            "Idempotent.",
            {200: answer("The job", ref("Job"))},
            errors=(404, 409),
        ),
        role=OPERATE,
        is_scoped=True,
        audit=Audited(AuditAction.RESUME, EventKind.JOB_RESUMED),
        notice=form_notice.resumed,
        parameters=(job_lookup.NAME,),
    ),
)
def resume(name: str) -> dict[str, Any]:
    definition = job_lookup.definition(service(), name)
    service().engine.resume(definition.job.name)
    return responses.job(service(), definition)
