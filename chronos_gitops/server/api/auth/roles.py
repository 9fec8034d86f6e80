"""Enforces roles; without tokens only this machine and its own page may call (CONTRACT 6)."""

from collections.abc import Callable
from urllib.parse import urlencode

from flask import Flask, Response, redirect, request

from chronos_gitops.server.api import budgets, endpoint, links, problems, request_context
from chronos_gitops.server.api.auth import caller_scope, origin, tokens
from chronos_gitops.server.api.auth.sso.issuers import NoGrant, TokenExpired, TokenRefused
from chronos_gitops.server.api.auth.tokens import TooManyFailures, Unauthorized
from chronos_gitops.server.api.endpoint import Endpoint
from chronos_gitops.server.api.problems import ApiError
from chronos_gitops.server.api.request_context import service
from chronos_gitops.webhooks.request import EXECUTION_HEADER

LOGIN = "/login"


class Forbidden(ApiError):
    kind = "forbidden"


class JobRequest(ApiError):
    kind = "job-request"


def role_needed() -> str | None:
    """The role that this call needs; None where it is open to everyone, and where nothing answers."""
    declared = endpoint.current()
    return None if declared is None or request.method == "OPTIONS" else declared.role


def install(app: Flask) -> None:
    app.before_request(_admit)
    for refused in (Unauthorized, TokenRefused, TokenExpired):
        app.register_error_handler(refused, _challenge)
    app.register_error_handler(TooManyFailures, _slow_down)


def has_callers() -> bool:
    return service().settings.has_callers


def caller_name() -> str | None:
    """The caller whose budgets count; None where the runner knows no callers."""
    return (request_context.unique_caller() or request_context.ANONYMOUS) if has_callers() else None


def _admit() -> None:
    declared = endpoint.current()
    if EXECUTION_HEADER in request.headers and not (declared and declared.is_for_jobs):
        _refuse_jobs()
    if declared is not None and declared.is_signed:
        return
    if declared is None or not (declared.is_probe or (declared.is_scraped and has_callers())):
        settings = service().settings
        origin.check_host(request.environ.get("HTTP_HOST", ""), settings.own_names, takes_addresses=has_callers())
    if not has_callers():
        if request.method not in origin.SAFE_METHODS:
            origin.check()
        return
    role = role_needed()
    if declared is not None and role is not None:
        try:
            _authorize(declared, role)
        finally:
            budgets.check_calls(request_context.unique_caller() or f"address {request_context.address()}")


def _refuse_jobs() -> None:
    """JobRequest for what a job sends (TEAMS 5), whichever way it came; with a token of ours it is meant to."""
    if not _is_known_caller():
        raise JobRequest(
            "This request comes from a job, and a job may not call a runner.",
            hint="Let the job send a token of this runner, in a secret that is bound to the runner's origin.",
        )


def _is_known_caller() -> bool:
    if not has_callers():
        return False
    try:
        tokens.caller()
    except (Unauthorized, TooManyFailures, TokenRefused, TokenExpired, NoGrant):
        return False
    return True


def may(role: str) -> bool:
    """True if this caller could use the role: for answers, and pages, that show more to those who may."""
    if not has_callers():
        return True
    try:
        return role in tokens.caller().roles
    except (Unauthorized, TooManyFailures, TokenRefused, TokenExpired, NoGrant):
        return False


def has_ended() -> Callable[[], bool]:
    """Asks, for as long as an answer lasts, whether its caller would be refused by now."""
    return tokens.has_ended() if has_callers() else lambda: False


def _authorize(declared: Endpoint, role: str) -> None:
    caller = tokens.caller()
    if not {role, declared.narrow_role} & caller.roles:
        held = ", ".join(sorted(caller.roles)) or "none"
        raise Forbidden(
            f'The caller "{caller.name}" lacks the role {role}; its roles: {held}.',
            hint=f"Ask the operator for the role {role}.",
            extra={"role": role},
        )
    caller_scope.check(declared)


def _challenge(error: ApiError) -> Response:
    if problems.wants_page() and request.method == "GET" and role_needed() is not None:
        if tokens.were_shown():
            request_context.record_problem(error.message, refused_as=401)
        # The whole way back, but never to another host: the login page takes only paths of ours.
        way_back, login = links.here(with_query=True), links.path(LOGIN)
        return redirect(login if way_back == links.path("/") else f"{login}?{urlencode({'next': way_back})}", 303)  # type: ignore[return-value]  # werkzeug's is the base class of Flask's
    answer = problems.refusal(error)
    invalid = ', error="invalid_token"' if tokens.shown() is not None else ""
    answer.headers["WWW-Authenticate"] = f'Bearer realm="chronos-gitops"{invalid}'
    return answer


def _slow_down(error: TooManyFailures) -> Response:
    answer = problems.refusal(error)
    answer.headers["Retry-After"] = str(error.retry_after)
    return answer
