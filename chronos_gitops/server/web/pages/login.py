"""The way in for a browser: a form that takes a token and gives a session, and the way out."""

from flask import Blueprint, Response, make_response, redirect, request, url_for

from chronos_gitops.server.api import problem_types
from chronos_gitops.server.api.auth import origin, roles, sessions, tokens
from chronos_gitops.server.api.auth.tokens import TooManyFailures, Unauthorized
from chronos_gitops.server.api.middleware import form_redirect
from chronos_gitops.server.api.params import query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.web.layout import render_page

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def form() -> Response:
    way_back = form_redirect.own_path(query.text("next"))
    return _to(way_back) if not roles.has_tokens() else _page(way_back)


@blueprint.post("/login")
def enter() -> Response:
    way_back = form_redirect.own_path(request.form.get("next"))
    if not roles.has_tokens():
        return _to(way_back)
    _check_origin()  # a page of another site must not log its reader in as somebody else
    given = request.form.get("token", "").strip()
    if not given:
        return _page(way_back, error="Paste a token first.", status=400)
    try:
        token = tokens.verify(given)
    except (Unauthorized, TooManyFailures) as error:
        answer = _page(way_back, error=error.message, status=problem_types.of(error.kind).status)
        if isinstance(error, TooManyFailures):
            answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    answer = _to(way_back)
    sessions.keep(answer, tokens.callers().sessions.issue(token, service().now()))
    return answer


@blueprint.post("/logout")
def leave() -> Response:
    _check_origin()
    answer = _to(url_for("login.form") if roles.has_tokens() else form_redirect.START)
    cookie = request.cookies.get(sessions.COOKIE)
    if cookie is not None and roles.has_tokens():
        tokens.callers().sessions.end(cookie, service().now())
    sessions.forget(answer)
    return answer


def _check_origin() -> None:
    origin.check_origin(request.host, request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site"))


def _page(way_back: str, *, error: str = "", status: int = 200) -> Response:
    return make_response(render_page("login.html", next=way_back, error=error), status)


def _to(path: str) -> Response:
    return make_response(redirect(path, 303))
