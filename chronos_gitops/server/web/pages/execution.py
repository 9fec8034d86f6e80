"""One execution: its attempts with their phases, the request as it was made, masked, and as a curl line. And a replay
of several."""

from dataclasses import asdict
from typing import Any

from chronos_gitops.engine.model import Attempt, Execution, ExecutionQuery, Status
from chronos_gitops.server.api.endpoint import READ, Endpoint
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.executions import executions as api_executions
from chronos_gitops.server.api.routes.executions import other_changes, replays
from chronos_gitops.server.web.layout import blueprint, render_page

_PHASES = ("dns", "connect", "tls", "first_byte", "read")


@blueprint.get("/executions/<execution_id>", declared=Endpoint(role=READ, is_scoped=True))
def execution(execution_id: str) -> str:
    found = api_executions.found(execution_id)
    rendered = responses.execution_detail(found)
    return render_page(
        "execution.html",
        about=found.execution.job,
        execution=rendered,
        phases=[_phases(attempt) for attempt in found.attempts],
        ended=found.execution.status.is_final,
        is_known=_is_known(found.execution.job, found.execution.commit),
        earlier=_last_good(found.execution),
        other=_other_end(found.execution),
        since=other_changes.sentence(found.execution, other_changes.compared(found.execution)),
    )


@blueprint.get("/replays/<replay_id>", declared=Endpoint(role=READ, is_scoped=True))
def replay(replay_id: str) -> str:
    found = replays.found(replay_id)
    return render_page("replay.html", about=found.job, replay=replays.rendered(found))


def _is_known(job: str, commit: str | None) -> bool:
    """True where the commit made a version of the job that is still in the history."""
    return commit is not None and bool(tuple(service().follower.index().versions(job).made_by(commit)))


def _last_good(run: Execution) -> str | None:
    """Of a failed execution the commit of the last success before it, where that is another one."""
    if run.status is not Status.FAILED or not _is_known(run.job, run.commit):
        return None
    asked = ExecutionQuery(job=run.job, statuses=(Status.SUCCESS,), limit=1, before=(run.scheduled_time, run.id))
    good = next(iter(service().engine.executions(asked)), None)
    return good.commit if good and good.commit != run.commit and _is_known(run.job, good.commit) else None


def _other_end(run: Execution) -> str | None:
    """Of a held execution that of the time to which it was moved, and of that one the held one."""
    at = run.moved_to or run.moved_from
    rows = [] if at is None else service().engine.ticks(run.job, at, at)
    return next((row.id for row in rows if row.scheduled_time == at), None)


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
