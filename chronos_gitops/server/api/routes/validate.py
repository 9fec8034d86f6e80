"""Questions about text that runs nowhere: a schedule, a job file."""

import re
from datetime import datetime
from typing import Any

from flask import Blueprint, request

from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.validation.validate import FileResult, validate_file
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.schedule import Schedule
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import body, query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes.jobs import version_diff

blueprint = Blueprint("validate", __name__, url_prefix="/api/v1")
_FILE_NAME = re.compile(r"[A-Za-z0-9._/-]{1,200}\Z", re.ASCII)
UNNAMED = "job.yaml"


@blueprint.post("/schedules/validate")
def schedule() -> dict[str, Any]:
    given = body.fields({"schedule": str, "timezone": str}, required=("schedule",))
    return schedule_answer(given["schedule"], given.get("timezone", "UTC"), now=service().now())


@blueprint.post("/validate")
def job_file() -> dict[str, Any]:
    parsed = _parse(request.get_data(), query.text("path"))
    return {
        "valid": not any(is_error(problem) for problem in parsed.problems),
        "problems": [responses.problem(problem) for problem in parsed.problems],
    }


def schedule_answer(text: str, timezone: str, *, now: datetime) -> dict[str, Any]:
    try:
        found = Schedule.parse(text, timezone)
    except ScheduleError as error:
        problem = {"field": error.field, "message": str(error), "hint": error.hint}
        return {"valid": False, "description": None, "next_runs": [], "problems": [problem]}
    runs = [responses.instant(tick) for tick in found.upcoming(now, version_diff.RUNS_SHOWN)]
    return {"valid": True, "description": found.describe(), "next_runs": runs, "problems": []}


def _parse(content: bytes, path: str | None) -> FileResult:
    bindings = service().settings.bindings
    if path is not None:
        if not _FILE_NAME.match(path):
            raise query.InvalidParameter("path is a file's name such as jobs/daily-backup.yaml.")
        return validate_file(path, content, bindings=bindings)
    # Without a path the file is called like its job, so that no warning complains about a name nobody chose.
    parsed = validate_file(UNNAMED, content)
    named = f"{parsed.name}.yaml"
    return validate_file(named, content) if parsed.name and _FILE_NAME.match(named) else parsed
