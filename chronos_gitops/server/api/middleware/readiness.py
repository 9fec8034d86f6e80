"""Calls that come too early or too late: 503 until jobs are loaded, and for writes while the runner drains."""

from flask import Flask, request

from chronos_gitops.server.api.auth.roles import OPERATE, ROLLBACK, role_of
from chronos_gitops.server.api.problems import ApiError
from chronos_gitops.server.api.request_context import service

_ANSWERED_FROM_THE_START = frozenset({"sync.status", "health.version"})


class NotNow(ApiError):
    kind = "unavailable"


def install(app: Flask) -> None:
    app.before_request(_check)


def _check() -> None:
    endpoint = request.endpoint or ""
    role = role_of(endpoint, request.method) if request.url_rule is not None else None
    if role is None or endpoint in _ANSWERED_FROM_THE_START:
        return
    if service().follower.status().state == "starting":
        raise NotNow("The runner is starting; no jobs are loaded yet.", hint="Try again in a moment.")
    if role in (OPERATE, ROLLBACK) and service().draining():
        raise NotNow("The runner is shutting down and takes no more writes.", hint="Ask the runner that follows it.")
