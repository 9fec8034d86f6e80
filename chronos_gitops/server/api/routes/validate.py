"""Questions about text that runs nowhere: a schedule, a job file."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from flask import Blueprint, request

from chronos_gitops.jobs.origins.private_hosts import PrivateHosts
from chronos_gitops.jobs.problem import is_error
from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.jobs.validation.validate import FileResult, validate_file
from chronos_gitops.schedule.calendars.calendar import Calendar
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.timing import FIELDS, Timing
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import READ, ApiOperation, Endpoint, JsonBody, RawBody, answer
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import FILE, ref
from chronos_gitops.server.api.params import body, query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes import calendars
from chronos_gitops.server.api.routes.versions import version_diff

blueprint = Blueprint("validate", __name__, url_prefix="/api/v1")
_FILE_NAME = re.compile(r"[A-Za-z0-9._/-]{1,200}\Z", re.ASCII)
UNNAMED = "job.yaml"
PATH = query.text("path", "Name of the file; default: the name of its job")


@blueprint.post(
    "/schedules/validate",
    declared=Endpoint(
        ApiOperation(
            "validateSchedule",
            "questions",
            "Explain a schedule",
            "A description with the next runs, or the problems; the status is 200 in both cases.",
            {200: answer("In words and times", ref("ScheduleAnswer"))},
        ),
        role=READ,
        is_scoped=True,
        is_heavy=True,
        body=JsonBody("ScheduleRequest"),
    ),
)
def schedule() -> dict[str, Any]:
    given = body.fields()
    timezone, fields = given.get("timezone", "UTC"), {field: given[field] for field in FIELDS if field in given}
    seen = {file.name: file.calendar for file in calendars.seen() if file.calendar is not None}
    return schedule_answer(fields, timezone, seen, now=service().now())


@blueprint.post(
    "/validate",
    declared=Endpoint(
        ApiOperation(
            "validateFile",
            "questions",
            "Validate a job file",
            "Accepts any content type. The findings are those of `chronos-gitops validate`, with line and "
            "column. Defaults, environments and policies are the applied ones for the folder of `path`, or for "
            "the top folder without `path`.",
            {200: answer("The findings", ref("FileAnswer"))},
        ),
        role=READ,
        is_scoped=True,
        is_heavy=True,
        parameters=(PATH,),
        body=RawBody("application/octet-stream", FILE, is_required=False),
    ),
)
def job_file() -> dict[str, Any]:
    parsed = _parse(request.get_data(), PATH.value())
    return {
        "valid": not any(is_error(problem) for problem in parsed.problems),
        "problems": [problem.document() for problem in parsed.problems],
    }


def schedule_answer(
    fields: Mapping[str, Any], timezone: str, calendars: Mapping[str, Calendar], *, now: datetime
) -> dict[str, Any]:
    """``fields`` are those of a job file that say when it runs, ``calendars`` those that it may name."""
    try:
        found = Timing.parse(timezone=timezone, **fields)
        found = found.with_calendars([_named(name, calendars) for name in fields.get("skip", ())], ())
    except ScheduleError as error:
        problem = {"field": error.field, "message": str(error), "hint": error.hint}
        return {"valid": False, "description": None, "next_runs": [], "problems": [problem]}
    runs = [responses.instant(tick) for tick in found.upcoming(now, version_diff.RUNS_SHOWN)]
    return {"valid": True, "description": found.describe(), "next_runs": runs, "problems": []}


def _named(name: str, calendars: Mapping[str, Calendar]) -> Calendar:
    if name not in calendars:
        hint = did_you_mean(name, list(calendars)) or "GET /api/v1/calendars lists them"
        raise ScheduleError(f'there is no calendar "{short(name)}"', hint=hint, field="skip")
    return calendars[name]


def _parse(content: bytes, path: str | None) -> FileResult:
    """With the running calendars, layers and policies of its place; without a path of the top of the jobs folder."""
    follower = service().follower
    if path is not None and not _FILE_NAME.match(path):
        raise query.InvalidParameter("path is a file's name such as jobs/daily-backup.yaml.")
    if path is not None:
        caller_scope.check_path(path)
    # Without a path the file is called like its job, so that no warning is about a name that the caller did not choose.
    named = path or f"{validate_file(UNNAMED, content).name}.yaml"
    if not _FILE_NAME.match(named):
        named = UNNAMED
    at = named if path is not None else str(PurePosixPath(follower.source.jobs, named))
    bindings = None if path is None else service().settings.bindings
    found = validate_file(
        at,
        content,
        bindings=bindings,
        layers=follower.layers,
        environment=follower.environment,
        calendars=service().jobs().calendars.contents(),
    )
    problems = PrivateHosts(service().settings.egress.private_hosts).without_notes(found.problems)
    renamed = (replace(problem, file=named) if problem.file == at else problem for problem in problems)
    return replace(found, problems=tuple(renamed))
