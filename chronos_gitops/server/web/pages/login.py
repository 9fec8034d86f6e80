"""The way in for a browser: a form that takes a token and gives a session, and the way out."""

from flask import Blueprint, Response, make_response, redirect, request, url_for

from chronos_gitops.observability.audit_log import AuditAction
from chronos_gitops.server.api import problem_types, request_context
from chronos_gitops.server.api.auth import origin, roles, session_cookie, tokens
from chronos_gitops.server.api.auth.tokens import TooManyFailures, Unauthorized
from chronos_gitops.server.api.endpoint import FORM, Audited, Endpoint, RawBody
from chronos_gitops.server.api.params import form_origin, query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.web import formatting
from chronos_gitops.server.web.layout import render_page

blueprint = Blueprint("login", __name__)


NEXT = query.text("next", "The page to go back to")


@blueprint.get("/login", declared=Endpoint(role=None, parameters=(NEXT,)))
def form() -> Response:
    way_back = form_origin.own_path(NEXT.value())
    return _to(way_back) if not roles.has_callers() else _page(way_back)


@blueprint.post("/login", declared=Endpoint(role=None, audit=Audited(AuditAction.LOGIN, None), body=RawBody(FORM)))
def enter() -> Response:
    way_back = form_origin.own_path(request.form.get("next"))
    if not roles.has_callers():
        return _to(way_back)
    _check_origin()  # a page of another site must not log its reader in as somebody else
    given = request.form.get("token", "").strip()
    if not given:
        return _page(way_back, error="Paste a token first.", status=400)
    try:
        token = tokens.verify(given)
    except (Unauthorized, TooManyFailures) as error:
        request_context.record_problem(error.message)
        answer = _page(way_back, error=error.message, status=problem_types.of(error.kind).status)
        if isinstance(error, TooManyFailures):
            answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    request_context.identify(token.name, "token")
    cookie, session = tokens.callers().sessions.begin(token, request_context.address())
    request_context.record_target(session.id)
    answer = _to(way_back)
    session_cookie.give(answer, cookie, session)
    return answer


@blueprint.post("/logout", declared=Endpoint(role=None, audit=Audited(AuditAction.LOGOUT, None), body=RawBody(FORM)))
def leave() -> Response:
    _check_origin()
    answer = _to(url_for("login.form") if roles.has_callers() else form_origin.START)
    cookie = session_cookie.value()
    session = None if cookie is None else tokens.callers().sessions.of_cookie(cookie)
    if session is not None:
        request_context.identify(session.name, "session")
        tokens.callers().sessions.end(session.id)
        request_context.record_target(session.id)
    session_cookie.take_back(answer)
    return answer


def _check_origin() -> None:
    origin.check_origin(request.host, request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site"))


def _page(way_back: str, *, error: str = "", status: int = 200) -> Response:
    lasts = formatting.length(service().settings.session_lifetime)
    return make_response(render_page("login.html", next=way_back, error=error, lasts=lasts), status)


def _to(path: str) -> Response:
    return make_response(redirect(path, 303))
