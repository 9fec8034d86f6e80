"""The way in for a browser: a form that takes a token and gives a session, and the way out."""

import time
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, make_response, redirect, request, url_for

from chronos_gitops.config.callers.issuers import TokenIssuer
from chronos_gitops.errors import NotFoundError
from chronos_gitops.observability.audit_log import AuditAction
from chronos_gitops.server.api import endpoint, links, problem_types, request_context
from chronos_gitops.server.api.auth import origin, roles, session_cookie, tokens
from chronos_gitops.server.api.auth.callers import Caller
from chronos_gitops.server.api.auth.sessions import claims_of
from chronos_gitops.server.api.auth.sso.issuers import TokenExpired, TokenRefused
from chronos_gitops.server.api.auth.sso.oidc_login import LoginRefused
from chronos_gitops.server.api.auth.tokens import TooManyFailures, Unauthorized
from chronos_gitops.server.api.endpoint import FORM, Audited, Endpoint, RawBody
from chronos_gitops.server.api.params import form_origin, query
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.web import formatting
from chronos_gitops.server.web.layout import render_page

blueprint = Blueprint("login", __name__)


NEXT = query.text("next", "The page to go back to")
ISSUER = endpoint.path("issuer", "The name of an issuer with a login")
CALLBACK = tuple(
    query.text(name, "What the issuer sends back", has_example=False) for name in ("code", "state", "iss", "error")
)
"""Parameters of RFC 6749, section 4.1.2, and of RFC 9207."""


@blueprint.get("/login", declared=Endpoint(role=None, parameters=(NEXT,)))
def form() -> Response:
    way_back = form_origin.own_path(NEXT.value())
    return _to(way_back) if not roles.has_callers() else _page(way_back)


@blueprint.post("/login", declared=Endpoint(role=None, audit=Audited(AuditAction.LOGIN, None), body=RawBody(FORM)))
def enter() -> Response:
    way_back = form_origin.own_path(request.form.get("next"))
    if not roles.has_callers():
        return _to(way_back)
    origin.check()  # a page of another site must not log its reader in as another person
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
    return _let_in(Caller.of(token), claims_of(token), way_back)


@blueprint.get("/login/<issuer>", declared=Endpoint(role=None, parameters=(ISSUER, NEXT)))
def with_issuer(issuer: str) -> Response:
    """Sends the browser to the issuer; the cookie lives until it comes back."""
    now, way_back = service().now(), form_origin.own_path(NEXT.value())
    place, cookie = tokens.callers().login.begin(_issuer(issuer), way_back, now)
    answer = _to(place)
    session_cookie.give_login(answer, cookie)
    return answer


@blueprint.get(
    "/login/<issuer>/callback",
    declared=Endpoint(
        role=None, audit=Audited(AuditAction.LOGIN, None), parameters=(ISSUER, *CALLBACK), is_sent_back=True
    ),
)
def come_back(issuer: str) -> Response:
    """Where the issuer sends the browser back to."""
    found, throttle, address = _issuer(issuer), tokens.callers().throttle, request_context.address()
    if wait := throttle.wait(address, time.monotonic()):
        raise TooManyFailures(wait)
    given = {one.name: value for one in CALLBACK if (value := one.value()) is not None}
    try:
        login = tokens.callers().login
        proof, way_back = login.finish(found, session_cookie.login_value(), given, service().now())
    except (LoginRefused, TokenRefused, TokenExpired):
        throttle.failed(address, time.monotonic())
        raise
    answer = _let_in(proof.caller, proof.claims, way_back)
    session_cookie.take_back_login(answer)
    return answer


def _issuer(name: str) -> TokenIssuer:
    found = tokens.callers().login.issuer(name)
    if found is None:
        raise NotFoundError(f'There is no login with "{name[:80]}".', hint="GET /login shows those that there are.")
    return found


def _let_in(caller: Caller, claims: Mapping[str, Any], way_back: str) -> Response:
    request_context.identify(caller.name, caller.via, caller.person)
    cookie, session = tokens.callers().sessions.begin(caller, claims, request_context.address())
    request_context.record_target(session.id)
    answer = _to(way_back)
    session_cookie.give(answer, cookie, session)
    return answer


@blueprint.post("/logout", declared=Endpoint(role=None, audit=Audited(AuditAction.LOGOUT, None), body=RawBody(FORM)))
def leave() -> Response:
    origin.check()
    answer = _to(url_for("login.form") if roles.has_callers() else links.path(form_origin.START))
    cookie = session_cookie.value()
    session = None if cookie is None else tokens.callers().sessions.of_cookie(cookie)
    if session is not None:
        request_context.identify(session.name, "session", session.person)
        everywhere = request.form.get("everywhere") == "yes"
        for one in service().sessions.current(service().now()) if everywhere else [session]:
            if one.is_of(session.via, session.person):
                tokens.callers().sessions.end(one.id)
        request_context.record_target(session.id)
    session_cookie.take_back(answer)
    return answer


def _page(way_back: str, *, error: str = "", status: int = 200) -> Response:
    lasts = formatting.length(service().settings.session_lifetime)
    issuers = tokens.callers().issuers.with_login()
    has_tokens = bool(service().settings.tokens)
    values: dict[str, Any] = {
        "next": way_back,
        "error": error,
        "lasts": lasts,
        "issuers": issuers,
        "has_tokens": has_tokens,
    }
    values["environment"] = service().settings.environment
    return make_response(render_page("login.html", **values), status)


def _to(path: str) -> Response:
    return make_response(redirect(path, 303))
