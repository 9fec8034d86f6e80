"""The OpenAPI 3.1 document, written by hand; tests hold it to the URL map, the guard and every answer."""

from functools import cache
from typing import Any

from flask import Blueprint

import chronos_gitops
from chronos_gitops.engine.model import Status
from chronos_gitops.observability.event_log import EventKind
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.openapi.schemas import (
    DURATION,
    INSTANT,
    NUMBER,
    TEXT,
    TEXT_MAP,
    Schema,
    components,
    one_of,
    ref,
)
from chronos_gitops.server.api.problem_types import KINDS
from chronos_gitops.sync.push_webhooks import Forge

blueprint = Blueprint("openapi", __name__, url_prefix="/api/v1")
Parameter = dict[str, Any]
_JSON = "application/json"


@blueprint.get("/openapi.json")
def document() -> dict[str, Any]:
    return specification()


@cache
def specification() -> dict[str, Any]:
    """The whole document; not to be changed, it is made once."""
    return endpoint.finish(_written())


def _written() -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "chronos-gitops",
            "version": chronos_gitops.__version__,
            "summary": "The runner's REST API",
            "description": (
                "Errors are RFC 9457 problems. Every GET has a strong ETag and answers 304. Unknown query parameters "
                "are refused. Every answer carries X-Request-ID, and X-Chronos-Commit once a revision is applied. "
                "Security requirements name the role a token needs; a browser's session stands for its token. "
                "A token with tags sees only jobs that have them. A runner without tokens answers on loopback only."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": _jobs()
        | _job()
        | _upcoming()
        | _versions()
        | _executions()
        | _questions()
        | _sync()
        | _hooks()
        | _audit()
        | _events()
        | _health()
        | _problems(),
        "components": {
            "schemas": components(),
            "responses": {"Problem": _answer("What went wrong", ref("Problem"), media="application/problem+json")},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(
    name: str,
    summary: str,
    answers: dict[int, dict[str, Any]],
    *,
    role: str | None = "read",
    parameters: tuple[Parameter, ...] = (),
    body: dict[str, Any] | None = None,
    errors: tuple[int, ...] = (),
) -> dict[str, Any]:
    refusals = (400, 401, 403, 421, 429, 500, 503) if role else (400, 403, 421, 500)
    responses = {str(status): answer for status, answer in answers.items()}
    responses |= {str(status): {"$ref": "#/components/responses/Problem"} for status in (*refusals, *errors)}
    found = {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": responses,
        "security": [{"bearer": [role]}] if role else [],
    }
    return found | ({"requestBody": body} if body else {})


def _get(name: str, summary: str, answer: dict[str, Any], **more: Any) -> dict[str, Any]:
    unchanged = {"description": "Not modified: If-None-Match has the ETag of the answer"}
    errors = (412, *more.pop("errors", ()))
    return {"get": _operation(name, summary, {200: answer, 304: unchanged}, errors=errors, **more)}


def _post(name: str, summary: str, answers: dict[int, dict[str, Any]], **more: Any) -> dict[str, Any]:
    errors = (413, *more.pop("errors", ()))
    if more.get("role") in ("operate", "rollback"):
        # The same answer as a program gets, with the address of the page that the form names.
        done = next(answer for status, answer in answers.items() if status < 300)
        answers = answers | {303: done | {"description": "Done: a form of the page, sent on to the page of its _next"}}
    return {"post": _operation(name, summary, answers, errors=errors, **more)}


def _answer(description: str, schema: Schema, *, media: str = _JSON) -> dict[str, Any]:
    return {"description": description, "content": {media: {"schema": schema}}}


def _body(schema: str, *, required: bool = False) -> dict[str, Any]:
    return {"required": required, "content": {_JSON: {"schema": ref(schema)}}}


def _query(name: str, schema: Schema, description: str) -> Parameter:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _path(name: str, description: str) -> Parameter:
    return {"name": name, "in": "path", "required": True, "schema": TEXT, "description": description}


def _header(name: str, description: str) -> Parameter:
    return {"name": name, "in": "header", "schema": TEXT, "description": description}


_NAME = _path("name", "The job's name or id")
_N = _path("n", "A version's number, or its commit (4 digits or more)")
_PAGED = (
    _query("limit", NUMBER | {"maximum": 1000, "default": 100}, "Items on a page"),
    _query("cursor", TEXT, "Opaque; out of `next`, for the same filters"),
)
_STATUS = _query("status", one_of(Status), "Only executions with this status")
_AT = _query("at", TEXT, "Why did it (not) run then? RFC 3339, UTC without an offset; takes no filter beside it")
_KEY = _header("Idempotency-Key", "The same key is the same call, however often it is sent")


_FILTERS = (
    _query("state", one_of(("enabled", "disabled", "paused")), "Only jobs in this state"),
    _query("q", TEXT, "Only jobs whose name or description has this text, whatever its case"),
    # No style of OpenAPI writes dotted names; this is how a free set of `tag.<key>` is described best.
    _query("tag.", TEXT_MAP, "`tag.team=backend`: only jobs with this tag; several mean all of them")
    | {"style": "form", "explode": True},
)


def _jobs() -> dict[str, Any]:
    answer = _answer("Jobs by name", ref("JobList"))
    return {"/api/v1/jobs": _get("listJobs", "Jobs that run now", answer, parameters=(*_PAGED, *_FILTERS))}


def _upcoming() -> dict[str, Any]:
    window = (
        _query("from", INSTANT, "The beginning; now when absent, with `bucket` the start of the one that now lies in"),
        _query("until", INSTANT, "The end, not included; a day after `from` when absent"),
        _query("bucket", DURATION, "Count by this length (`15m`) instead of listing; takes no `limit` and no `cursor`"),
    )
    either = {"oneOf": [ref("TickList"), ref("Load")]}
    answer = _answer("The ticks in order, or how many there are in each bucket", either)
    return {
        "/api/v1/next-runs": _get(
            "allNextRuns", "What is due in a window, over all jobs", answer, parameters=(*_PAGED, *window, *_FILTERS)
        )
    }


def _job() -> dict[str, Any]:
    base = "/api/v1/jobs/{name}"
    job, ticks = _answer("The job", ref("Job")), _answer("Ticks", ref("NextRuns"))
    count = _query("count", NUMBER | {"maximum": 1000, "default": 5}, "How many")
    triggered = _answer("The execution", ref("Execution"))
    write: dict[str, Any] = {"role": "operate", "parameters": (_NAME,), "errors": (404, 409)}
    return {
        base: _get("getJob", "One job", job, parameters=(_NAME,), errors=(404,)),
        f"{base}/next": _get("nextRuns", "Its next ticks", ticks, parameters=(_NAME, count), errors=(404,)),
        f"{base}/trigger": _post(
            "triggerJob",
            "Run it once, now",
            {200: _answer("A dry run: the request", ref("RequestPlan")), 202: triggered},
            role="operate",
            parameters=(_NAME, _KEY),
            body=_body("TriggerRequest"),
            errors=(404, 409),
        ),
        f"{base}/pause": _post(
            "pauseJob", "Stop claiming its ticks", {200: job}, body=_body("PauseRequest", required=True), **write
        ),
        f"{base}/resume": _post("resumeJob", "End a pause", {200: job}, **write),
    }


def _versions() -> dict[str, Any]:
    base = "/api/v1/jobs/{name}/versions"
    against = _query("against", TEXT, "The version before the change; the one before `n` when absent")
    listing = _answer("Versions, newest first", ref("VersionList"))
    return {
        base: _get("listVersions", "Its versions", listing, parameters=(_NAME, *_PAGED), errors=(404,)),
        f"{base}/{{n}}": _get(
            "getVersion",
            "One version, as it was",
            _answer("The version", ref("VersionDetail")),
            parameters=(_NAME, _N),
            errors=(404,),
        ),
        f"{base}/{{n}}/diff": _get(
            "diffVersions",
            "What a version changed",
            _answer("The change from `against` to `n`", ref("Diff")),
            parameters=(_NAME, _N, against),
            errors=(404,),
        ),
        "/api/v1/jobs/{name}/rollback/{n}": _rollback(),
        "/api/v1/rollback": _undo(),
    }


def _rollback() -> dict[str, Any]:
    return _post(
        "rollBack",
        "Restore a version as a new commit",
        {
            200: _answer("Nothing to change, or a dry run", {"oneOf": [ref("Rollback"), ref("RollbackPlan")]}),
            201: _answer("Committed; it is the new version", ref("Rollback")),
            202: _answer("Proposed on a branch, because this one is protected", ref("Rollback")),
        },
        role="rollback",
        parameters=(_NAME, _N, _KEY, _header("If-Match", "The job's ETag: refuse when its file changed since")),
        body=_body("RollbackRequest"),
        errors=(404, 409, 412, 422),
    )


def _undo() -> dict[str, Any]:
    return _post(
        "undoCommit",
        "Take every job that one commit changed back to what it was before, all or nothing, as one new commit",
        {
            200: _answer("Nothing to change, or a dry run", {"oneOf": [ref("Undo"), ref("UndoPlan")]}),
            201: _answer("Committed", ref("Undo")),
            202: _answer("Proposed on a branch, because this one is protected", ref("Undo")),
        },
        role="rollback",
        parameters=(_KEY,),
        body=_body("UndoRequest", required=True),
        errors=(404, 409, 422),
    )


def _executions() -> dict[str, Any]:
    listing = _answer("Executions, newest first", ref("ExecutionList"))
    either = {"oneOf": [ref("ExecutionList"), ref("Explanation")]}
    of_job = _answer("Executions, newest first; with `at` what became of that instant", either)
    one = _answer("The execution with its attempts", ref("ExecutionDetail"))
    number = _path("execution_id", "The execution's id")
    return {
        "/api/v1/executions": _get("listExecutions", "What happened", listing, parameters=(*_PAGED, _STATUS)),
        "/api/v1/jobs/{name}/executions": _get(
            "listJobExecutions",
            "What happened to one job, or why it did (not) run at one instant",
            of_job,
            parameters=(_NAME, *_PAGED, _STATUS, _AT),
            errors=(404,),
        ),
        "/api/v1/executions/{execution_id}": _get(
            "getExecution", "One execution", one, parameters=(number,), errors=(404,)
        ),
        "/api/v1/executions/{execution_id}/cancel": _post(
            "cancelExecution",
            "End it now; a request under way is cut off",
            {200: _answer("The execution, cancelled", ref("Execution"))},
            role="operate",
            parameters=(number,),
            errors=(404, 409),
        ),
        "/api/v1/executions/{execution_id}/callback": _post(
            "callBack",
            "The target of a webhook tells how the work goes that it has accepted",
            {200: _answer("Heard", ref("CallbackAnswer"))},
            role=None,
            parameters=(number, _query("signature", TEXT, "The proof that the URL has in it")),
            body=_body("CallbackRequest", required=True),
            errors=(404, 409, 429, 503),
        ),
    }


def _questions() -> dict[str, Any]:
    yaml = {"required": True, "content": {"application/yaml": {"schema": TEXT}}}
    path = _query("path", TEXT, "What the file is called; like its job when absent")
    return {
        "/api/v1/schedules/validate": _post(
            "validateSchedule",
            "What a schedule means",
            {200: _answer("In words and times", ref("ScheduleAnswer"))},
            body=_body("ScheduleRequest", required=True),
        ),
        "/api/v1/validate": _post(
            "validateFile",
            "What is wrong in a job file; any content type",
            {200: _answer("The findings", ref("FileAnswer"))},
            parameters=(path,),
            body=yaml,
        ),
    }


def _sync() -> dict[str, Any]:
    status = _answer("The sync status", ref("Sync"))
    return {
        "/api/v1/sync": _get("getSync", "How following git goes", status)
        | _post("syncNow", "Look at git now", {202: status}, role="operate"),
        "/api/v1/sync/approve": _post(
            "approveDeletions",
            "Let held deletions through",
            {200: status},
            role="operate",
            body=_body("ApproveRequest", required=True),
            errors=(409,),
        ),
    }


def _hooks() -> dict[str, Any]:
    forge = _path("forge", "Whose hook it is") | {"schema": one_of(Forge)}
    payload = {"required": True, "content": {_JSON: {"schema": {"type": "object"}}}}
    answer = ref("HookAnswer")
    return {
        "/api/v1/hooks/{forge}": _post(
            "receiveHook",
            "A forge tells of a push; proven by its signature, and there only when its secret is configured",
            {200: _answer("A ping", answer), 202: _answer("Heard; what follows happens later", answer)},
            role=None,
            parameters=(forge,),
            body=payload,
            errors=(401, 404, 415),
        ),
    }


def _audit() -> dict[str, Any]:
    listing = _answer("Entries, newest first", ref("AuditList"))
    return {"/api/v1/audit": _get("listAudit", "Who asked for what, and what came of it", listing, parameters=_PAGED)}


def _events() -> dict[str, Any]:
    answer = _answer("Events, newest first; or as they come, as server-sent events by Accept", ref("EventList"))
    answer["content"]["text/event-stream"] = {"schema": TEXT}
    filters = (
        _query("type", one_of(EventKind), "Only events of this type"),
        _query("job", TEXT, "Only events of the job with this name"),
        _header("Last-Event-ID", "For a stream: the events after this one; only new ones when absent"),
    )
    return {"/api/v1/events": _get("listEvents", "What changed", answer, parameters=(*_PAGED, *filters))}


def _health() -> dict[str, Any]:
    text = _answer("Good", TEXT, media="text/plain")
    failing = _answer("Not good", TEXT, media="text/plain")
    verbose = _query("verbose", TEXT, "Every check on a line") | {"allowEmptyValue": True}
    health = _answer("Good, or good enough", ref("Health"))
    numbers = _answer("Prometheus' text format, or OpenMetrics by Accept", TEXT, media="text/plain")
    numbers["content"]["application/openmetrics-text"] = {"schema": TEXT}
    operations = {
        "/livez": _get("livez", "Does the process live?", text, role=None, parameters=(verbose,)),
        "/readyz": _get("readyz", "May it get traffic?", text, role=None, parameters=(verbose,)),
        "/health": _get("health", "Both, as JSON", health, role=None),
    }
    for path, answer in (("/livez", failing), ("/readyz", failing), ("/health", _answer("Not good", ref("Health")))):
        operations[path]["get"]["responses"]["503"] = answer
    return operations | {
        "/metrics": _get("metrics", "Numbers for Prometheus", numbers),
        "/version": _get("version", "What runs here", _answer("The build", ref("Build"))),
        "/api/v1/openapi.json": _get("openapi", "This document", _answer("OpenAPI 3.1", {"type": "object"}), role=None),
    }


def _problems() -> dict[str, Any]:
    page = {"text/html": {"schema": TEXT}, "text/plain": {"schema": TEXT}}
    one = _answer("The type", ref("ProblemType"))
    one["content"] |= page
    kind = _path("kind", "The last part of a problem's `type`") | {"schema": one_of(found.kind for found in KINDS)}
    return {
        "/problems": _get("listProblems", "Every type of problem", _answer("Types", ref("ProblemTypeList")), role=None),
        "/problems/{kind}": _get(
            "getProblem", "One type of problem", one, role=None, parameters=(kind,), errors=(404,)
        ),
    }
