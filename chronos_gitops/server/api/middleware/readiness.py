"""Calls that come too early or too late: 503 until jobs are loaded, and for writes while the runner drains."""

from flask import Flask

from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.auth import roles
from chronos_gitops.server.api.endpoint import OPERATE, ROLLBACK
from chronos_gitops.server.api.problems import ApiError
from chronos_gitops.server.api.request_context import service


class NotNow(ApiError):
    kind = "unavailable"


def install(app: Flask) -> None:
    app.before_request(_check)


def _check() -> None:
    declared, role = endpoint.current(), roles.role_needed()
    if declared is None or role is None or declared.is_early:
        return
    if service().follower.status().state == "starting":
        raise NotNow("The runner is starting; no jobs are loaded yet.", hint="Try again in a moment.")
    if role in (OPERATE, ROLLBACK) and service().draining():
        raise NotNow("The runner is shutting down and takes no more writes.", hint="Ask the runner that follows it.")
