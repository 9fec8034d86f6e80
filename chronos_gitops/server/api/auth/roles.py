"""Who may ask for what: roles; without tokens only this machine, and only its own page (CONTRACT 6)."""

from urllib.parse import urlencode

from flask import Flask, Response, g, redirect, request

from chronos_gitops.server.api import budgets, problem_types, problems, request_context
from chronos_gitops.server.api.auth import origin, tag_scope, tokens
from chronos_gitops.server.api.auth.tokens import TooManyFailures, Unauthorized
from chronos_gitops.server.api.problems import ApiError
from chronos_gitops.server.api.request_context import service
from chronos_gitops.webhooks.request import EXECUTION_HEADER

READ, OPERATE, ROLLBACK = "read", "operate", "rollback"
OPEN_ENDPOINTS = frozenset(
    {
        "health.livez",
        "health.readyz",
        "health.health",
        "openapi.document",
        "problems.every_type",
        "problems.one_type",
        "docs.page",
        "login.form",
        "login.enter",
        "login.leave",
    }
)
CALLBACKS = "callbacks.receive"
SIGNED_ENDPOINTS = frozenset({"hooks.receive", CALLBACKS})
"""What proves by a signature who sends it; a forge, or the target of a webhook, has no token of ours, and names us as
its own network does."""
WRITE_ROLES = {
    "control.trigger": OPERATE,
    "control.pause": OPERATE,
    "control.resume": OPERATE,
    "executions.cancel": OPERATE,
    "sync.sync_now": OPERATE,
    "sync.approve": OPERATE,
    "rollback.roll_back": ROLLBACK,
    "undo.undo": ROLLBACK,
    # These two are questions that need a body; they change nothing.
    "validate.schedule": READ,
    "validate.job_file": READ,
}
LOGIN = "/login"


class Forbidden(ApiError):
    kind = "forbidden"


class JobRequest(ApiError):
    kind = "job-request"


def role_of(endpoint: str, method: str) -> str | None:
    """The role a call needs; None when it is open to everyone. A write that nobody listed needs the strictest one."""
    if endpoint in OPEN_ENDPOINTS | SIGNED_ENDPOINTS or endpoint.endswith(".static") or method == "OPTIONS":
        return None
    return READ if method in origin.SAFE_METHODS else WRITE_ROLES.get(endpoint, ROLLBACK)


def install(app: Flask) -> None:
    app.before_request(_admit)
    app.register_error_handler(Unauthorized, _challenge)
    app.register_error_handler(TooManyFailures, _slow_down)


def has_tokens() -> bool:
    return bool(service().settings.tokens)


def caller_name() -> str | None:
    """The caller whose budgets count; None where the runner knows no callers."""
    return request_context.caller() if has_tokens() else None


def _admit() -> None:
    if request.endpoint != CALLBACKS and EXECUTION_HEADER in request.headers:
        _refuse_jobs()
    if request.endpoint in SIGNED_ENDPOINTS:
        return
    hosts = service().settings.hosts
    if hosts or not has_tokens():
        origin.check_host(request.environ.get("HTTP_HOST", ""), hosts)
    if not has_tokens():
        if request.method not in origin.SAFE_METHODS:
            origin.check_origin(request.host, request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site"))
        return
    role = role_of(request.endpoint or "", request.method) if request.url_rule else None
    if role is not None:
        try:
            _authorize(role)
        finally:
            budgets.check_calls(g.get("caller") or f"address {request.remote_addr}")


def _refuse_jobs() -> None:
    """JobRequest for what a job sends (TEAMS 5), whichever way it came; with a token of ours it is meant to."""
    if not _is_known_caller():
        raise JobRequest(
            "This request comes from a job, and a job may not call a runner.",
            hint="Let the job send a token of this runner, in a secret that is bound to the runner's origin.",
        )


def _is_known_caller() -> bool:
    if not has_tokens():
        return False
    try:
        tokens.token()
    except (Unauthorized, TooManyFailures):
        return False
    return True


def may(role: str) -> bool:
    """Whether this caller could use the role: for answers, and pages, that show more to those who may."""
    if not has_tokens():
        return True
    try:
        return role in tokens.token().roles
    except (Unauthorized, TooManyFailures):
        return False


def _authorize(role: str) -> None:
    token = tokens.token()
    if role not in token.roles:
        held = ", ".join(sorted(token.roles)) or "none"
        raise Forbidden(
            f'The token "{token.name}" lacks the role {role}; its roles: {held}.',
            hint=f"Ask the operator for a token with the role {role}.",
            extra={"role": role},
        )
    tag_scope.check(request.endpoint or "")


def _challenge(error: Unauthorized) -> Response:
    if problems.wants_page() and request.method == "GET" and request.endpoint != "login.enter":
        # The whole way back, but never to another host: the login page takes only paths of ours.
        way_back = request.full_path.rstrip("?")
        return redirect(LOGIN if way_back == "/" else f"{LOGIN}?{urlencode({'next': way_back})}", 303)  # type: ignore[return-value]  # werkzeug's is the base class of Flask's
    answer = problems.response(problem_types.of(error.kind), error.message, hint=error.hint)
    invalid = ', error="invalid_token"' if tokens.shown() is not None else ""
    answer.headers["WWW-Authenticate"] = f'Bearer realm="chronos-gitops"{invalid}'
    return answer


def _slow_down(error: TooManyFailures) -> Response:
    answer = problems.response(problem_types.of(error.kind), error.message, hint=error.hint)
    answer.headers["Retry-After"] = str(error.retry_after)
    return answer
