"""The coming executions of jobs, looked at without sending their requests (PROMISES section 5)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint

from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.jobs.promises import preflight_window
from chronos_gitops.observability.audit_log import AuditAction
from chronos_gitops.schedule import durations
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import OPERATE, ApiOperation, Audited, Endpoint, JsonBody, answer
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import body, job_lookup
from chronos_gitops.server.api.params.body import InvalidBody
from chronos_gitops.server.api.request_context import record_target, service
from chronos_gitops.webhooks.preflight.checks import PreflightItem

blueprint = Blueprint("preflight", __name__, url_prefix="/api/v1/preflight")


@blueprint.post(
    "",
    declared=Endpoint(
        ApiOperation(
            "preflightJobs",
            "jobs",
            "Check coming executions",
            "Checks each of `jobs` (default: all that the caller may operate) that has a scheduled time `within` "
            "the duration, 1m to 168h (default 24h). The job's request is never sent: a target sees a connection "
            "and a TLS "
            "handshake. `token` asks the token endpoint of oauth2. The response takes up to one minute.",
            {200: answer("Every check of every job that is due", ref("Preflight"))},
            errors=(404, 409),
        ),
        role=OPERATE,
        is_scoped=True,
        audit=Audited(AuditAction.PREFLIGHT, None),
        body=JsonBody("PreflightRequest"),
    ),
)
def preflight() -> dict[str, Any]:
    given = body.fields()
    within = _within(given.get("within"))
    record_target(f"{', '.join(given.get('jobs') or ['all jobs'])} within {durations.render(within)}")
    return {"items": [_item(item) for item in service().preflights.ask(_definitions(given.get("jobs")), within)]}


def _definitions(names: Sequence[str] | None) -> Sequence[JobVersion]:
    if names is None:
        return tuple(caller_scope.jobs())
    named = (job_lookup.definition(service(), name) for name in names)
    return tuple({definition.job.name: definition for definition in named}.values())


def _within(text: str | None) -> timedelta:
    if text is None:
        return preflight_window.DEFAULT
    try:
        return preflight_window.parse(text)
    except ValueError as error:
        raise InvalidBody(f'"within": {error}.', hint="Write one like 24h.") from None


def _item(item: PreflightItem) -> dict[str, Any]:
    return {
        "job": item.job,
        "scheduled_time": responses.instant(item.scheduled_time),
        "check": item.check.value,
        "result": item.result.value,
        "host": item.host,
        "message": item.message,
    }
