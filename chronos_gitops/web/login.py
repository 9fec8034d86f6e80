"""The way in for a browser: a form that takes a token and gives a session, and the way out."""

from flask import Blueprint, Response, make_response, redirect, request, url_for

from chronos_gitops.api import callers, forms, guard, kinds, origin, query, session
from chronos_gitops.api.callers import TooManyFailures, Unauthorized
from chronos_gitops.api.context import service
from chronos_gitops.web.frame import filled_in

blueprint = Blueprint("login", __name__)


@blueprint.get("/login")
def form() -> Response:
    way_back = forms.own_path(query.text("next"))
    return _to(way_back) if not guard.has_tokens() else _page(way_back)


@blueprint.post("/login")
def enter() -> Response:
    way_back = forms.own_path(request.form.get("next"))
    if not guard.has_tokens():
        return _to(way_back)
    _check_origin()  # a page of another site must not log its reader in as somebody else
    given = request.form.get("token", "").strip()
    if not given:
        return _page(way_back, error="Paste a token first.", status=400)
    try:
        token = callers.verify(given)
    except (Unauthorized, TooManyFailures) as error:
        answer = _page(way_back, error=error.message, status=kinds.of(error.kind).status)
        if isinstance(error, TooManyFailures):
            answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    answer = _to(way_back)
    session.keep(answer, callers.callers().sessions.issue(token, service().now()))
    return answer


@blueprint.post("/logout")
def leave() -> Response:
    _check_origin()
    answer = _to(url_for("login.form") if guard.has_tokens() else forms.START)
    cookie = request.cookies.get(session.COOKIE)
    if cookie is not None and guard.has_tokens():
        callers.callers().sessions.end(cookie, service().now())
    session.forget(answer)
    return answer


def _check_origin() -> None:
    origin.check_origin(request.host, request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site"))


def _page(way_back: str, *, error: str = "", status: int = 200) -> Response:
    return make_response(filled_in("login.html", next=way_back, error=error), status)


def _to(path: str) -> Response:
    return make_response(redirect(path, 303))
