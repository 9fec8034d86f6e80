"""Every error as problem+json (RFC 9457), and a page for each type of problem."""

import logging
from typing import Any

from flask import Blueprint, Flask, Response, current_app, json, request
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from chronos_gitops.errors import ChronosError, ConflictError, NotFoundError, UsageError
from chronos_gitops.git.errors import GitError
from chronos_gitops.server.api import endpoint, links, problem_types
from chronos_gitops.server.api.endpoint import ApiOperation, Endpoint, answer
from chronos_gitops.server.api.openapi.shapes import one_of, ref
from chronos_gitops.server.api.params import form_origin
from chronos_gitops.server.api.problem_types import KINDS, ProblemType
from chronos_gitops.server.api.request_context import record_problem, request_id

log = logging.getLogger(__name__)
blueprint = Blueprint("problems", __name__, url_prefix="/problems")
MEDIA_TYPE = "application/problem+json"
HEAD = "chronos_gitops.problem_head"
"""The extension of the pages' application that renders the head of a page."""
KIND = endpoint.path("kind", "The last part of a problem's `type`", one_of(kind.kind for kind in KINDS))
_SHOWN = 200
_PAGE = Markup(
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<title>{title}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="{root}/static/chronos.css">'
    '<meta name="color-scheme" content="light dark">{head}'
    '<main id="content"><h1>{title}</h1><p>{detail}</p><p>{hint}</p>{back}</main></html>\n'
)


class ApiError(ChronosError):
    """An error that only this room raises; ``extra`` are members beside those of RFC 9457."""

    def __init__(
        self, message: str, *, hint: str = "", command_hint: str = "", extra: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message, hint=hint, command_hint=command_hint)
        self.extra = extra or {}


def body(kind: ProblemType, detail: str, *, hint: str = "", **extra: Any) -> dict[str, Any]:
    problem = {"type": kind.uri, "title": kind.title, "status": kind.status, "detail": detail}
    return problem | ({"hint": hint} if hint else {}) | {"request_id": request_id()} | extra


def response(kind: ProblemType, detail: str, *, hint: str = "", **extra: Any) -> Response:
    """The problem as JSON; as a page for a browser that asks for one outside of ``/api``."""
    problem = body(kind, detail, hint=hint, **extra)
    record_problem(detail)
    if wants_page():
        return Response(
            _page(kind.title, detail, hint or kind.page_remedy or kind.remedy), problem["status"], mimetype="text/html"
        )
    return Response(json.dumps(problem), problem["status"], mimetype=MEDIA_TYPE)


def refusal(error: ChronosError, **extra: Any) -> Response:
    """The problem of an error, with its hint in both forms."""
    both = extra | ({"command_hint": error.command_hint} if error.command_hint else {})
    return response(kind_of(error), error.message, hint=error.hint, **both)


def install(app: Flask) -> None:
    app.register_error_handler(ChronosError, _chronos_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _bug)


def kind_of(error: ChronosError) -> ProblemType:
    """The kind that the error names; leaves of other rooms that have no page of their own go by their family."""
    families = (
        (UsageError, "usage"),
        (NotFoundError, "not-found"),
        (ConflictError, "conflict"),
        (GitError, "git"),
    )
    family = next((name for family, name in families if isinstance(error, family)), "error")
    return problem_types.find(error.kind) or problem_types.of(family)


def _chronos_error(error: ChronosError) -> Response:
    kind = kind_of(error)
    if kind.status >= 500:
        log.warning("request_failed", extra={"request_id": request_id(), "kind": error.kind, "error": str(error)})
    extra = dict(error.extra) if isinstance(error, ApiError) else {}
    if error.kind != kind.kind:
        extra["reason"] = error.kind
    if hasattr(error, "problems"):
        extra["problems"] = [found.document() for found in error.problems]
    answered = refusal(error, **extra)
    if kind.status == 503:
        answered.headers["Retry-After"] = "5"
    return answered


def _http_error(error: HTTPException) -> Response:
    code = error.code or 500
    answered = response(problem_types.of_status(code), _detail(error, code), status=code)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            answered.headers[name] = value
    return answered


def _detail(error: HTTPException, code: int) -> str:
    if code == 404:
        return f"There is no page or endpoint at {request.path[:_SHOWN]}."
    if code == 405:
        return f"{request.path[:_SHOWN]} does not accept {request.method[:_SHOWN]}."
    if code == 413:
        return "The body is over 1 MiB."
    return error.description or error.name


def _bug(error: Exception) -> Response:
    log.error("request_crashed", exc_info=error, extra={"request_id": request_id(), "path": request.path})
    return response(problem_types.of("internal"), "The runner failed unexpectedly while it handled this request.")


def wants_page() -> bool:
    """True for a browser: outside of ``/api``, and where it sent a form of a page."""
    is_page = not request.path.startswith("/api/") or form_origin.page() is not None
    return is_page and "text/html" in request.headers.get("Accept", "")


def _page(title: str, detail: str, hint: str) -> str:
    head = current_app.extensions[HEAD]()
    came_from = form_origin.page()
    back = Markup("") if came_from is None else Markup('<p><a href="{}">Back to the form</a></p>').format(came_from)
    return _PAGE.format(title=title, detail=detail, hint=hint, head=head, back=back, root=links.path(""))


def _wants_text() -> bool:
    return request.accept_mimetypes.best_match(["application/json", "text/plain"]) == "text/plain"


@blueprint.get(
    "",
    declared=Endpoint(
        ApiOperation(
            "listProblems",
            "runner",
            "Problem types",
            "Every `type` that an error can have.",
            {200: answer("Types", ref("ProblemDescriptionList"))},
        ),
        role=None,
    ),
)
def every_type() -> dict[str, Any]:
    return {"items": [_described(kind) for kind in KINDS], "next": None}


@blueprint.get(
    "/<kind>",
    declared=Endpoint(
        ApiOperation(
            "getProblem",
            "runner",
            "One problem type",
            "The meaning and the remedy of a `type`, as JSON, text or a page by Accept.",
            {200: answer("The type", ref("ProblemDescription"), "text/html", "text/plain")},
            errors=(404,),
        ),
        role=None,
        parameters=(KIND,),
    ),
)
def one_type(kind: str) -> Response | dict[str, Any]:
    found = problem_types.find(kind)
    if found is None:
        raise NotFoundError(f'There is no type of problem "{kind[:80]}".', hint="GET /problems lists them.")
    if wants_page():
        return Response(_page(found.title, f"HTTP status {found.status}.", found.remedy), mimetype="text/html")
    if _wants_text():
        return Response(f"{found.title} (HTTP status {found.status})\n\n{found.remedy}\n", mimetype="text/plain")
    return _described(found)


def _described(kind: ProblemType) -> dict[str, Any]:
    return {"type": kind.uri, "title": kind.title, "status": kind.status, "remedy": kind.remedy}
