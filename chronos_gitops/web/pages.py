"""Three pages: all jobs, one job, one execution; what they show is what the API answers."""

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, current_app, render_template
from markupsafe import Markup

from chronos_gitops.api import executions as api_executions
from chronos_gitops.api import jobs as api_jobs
from chronos_gitops.api import lookup, query, render, scope, versions
from chronos_gitops.api.context import service
from chronos_gitops.engine.model import ExecutionQuery
from chronos_gitops.jobs.model import Definition
from chronos_gitops.web import words

blueprint = Blueprint("pages", __name__, template_folder="templates", static_folder="static", static_url_path="/static")
IN_WORDS = "chronos_gitops.in_words"
MOST_JOBS = 200
NEWEST = 50
STATE_WORDS = {"enabled": "On schedule", "disabled": "Off", "paused": "Paused"}
_TIME = Markup('<time datetime="{iso}" title="{absolute}">{relative}</time>')


@blueprint.get("/")
def jobs() -> str:
    found = api_jobs.filtered()
    rows = [_row(definition, job) for definition, job in _rendered(found[:MOST_JOBS])]
    # The red ones first; inside, the order of names that the list has anyway.
    rows.sort(key=lambda row: (row["last_execution"] or {}).get("status") != "failed")
    asked = {"q": query.text("q") or "", "state": query.text("state") or ""}
    return render_template("jobs.html", rows=rows, count=len(found), asked=asked)


@blueprint.get("/jobs/<name>")
def job(name: str) -> str:
    known = lookup.name(service(), name)
    definition = service().jobs().get(known)
    current = versions.current_number(known)
    newest = list(reversed(service().follower.index().versions(known)))[:NEWEST]
    return render_template(
        "job.html",
        name=known,
        job=None if definition is None else _row(definition, render.job(service(), definition)),
        next_runs=service().next_runs(known, 5),
        versions=[versions.rendered(version, current) for version in newest],
        executions=[render.execution(row) for row in _newest(known)],
    )


@blueprint.get("/executions/<execution_id>")
def execution(execution_id: str) -> str:
    found = render.execution_detail(api_executions.found(execution_id))
    return render_template("execution.html", execution=found)


def _newest(job: str) -> Any:
    return service().engine.executions(ExecutionQuery(job=job, limit=NEWEST))


def _rendered(definitions: list[Definition]) -> list[tuple[Definition, dict[str, Any]]]:
    return list(zip(definitions, render.jobs(service(), definitions), strict=True))


def _row(definition: Definition, job: dict[str, Any]) -> dict[str, Any]:
    in_words = current_app.extensions[IN_WORDS]
    return job | {"words": in_words(definition.job.schedule), "state_words": STATE_WORDS[job["state"]]}


@blueprint.context_processor
def _banner() -> dict[str, Any]:
    status = render.sync(scope.status(service().follower.status()))
    return {"sync": status, "state_words": STATE_WORDS}


@blueprint.app_template_filter("moment")
def moment(value: str | datetime | None) -> Markup | str:
    """A time as people say it, with the exact one behind it."""
    if value is None:
        return "–"
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    relative = words.relative(instant, service().now())
    return _TIME.format(iso=render.instant(instant), absolute=words.absolute(instant), relative=relative)


@blueprint.app_template_filter("milliseconds")
def milliseconds(value: int | None) -> str:
    return "–" if value is None else words.length(timedelta(milliseconds=value))
