"""One execution: its attempts with their phases, the request as it was made, masked, and as a curl line."""

from dataclasses import asdict
from typing import Any

from chronos_gitops.engine.model import Attempt
from chronos_gitops.server.api.endpoint import READ, Endpoint
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.routes.executions import executions as api_executions
from chronos_gitops.server.api.routes.executions import other_changes
from chronos_gitops.server.web.layout import blueprint, render_page

_PHASES = ("dns", "connect", "tls", "first_byte", "read")


@blueprint.get("/executions/<execution_id>", declared=Endpoint(role=READ, is_scoped=True))
def execution(execution_id: str) -> str:
    found = api_executions.found(execution_id)
    rendered = responses.execution_detail(found)
    return render_page(
        "execution.html",
        execution=rendered,
        phases=[_phases(attempt) for attempt in found.attempts],
        ended=found.execution.status.is_final,
        since=other_changes.sentence(found.execution, other_changes.compared(found.execution)),
    )


def _phases(attempt: Attempt) -> list[dict[str, Any]]:
    """Where the time went: each phase with where it begins and how long it is, in 600ths of the attempt."""
    if attempt.phases is None:
        return []
    took = {name: asdict(attempt.phases)[name] or 0.0 for name in _PHASES}
    whole = sum(took.values()) or 1.0
    shown, begins = [], 0.0
    for name, length in took.items():
        if length:
            shown.append({"name": name, "ms": length, "x": round(begins), "width": max(1, round(600 * length / whole))})
            begins += 600 * length / whole
    return shown
