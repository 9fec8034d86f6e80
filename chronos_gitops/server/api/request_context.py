"""The context of a request for its handler: the service, the caller, the request's id."""

import re
import uuid
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app, g, request

if TYPE_CHECKING:
    from chronos_gitops.service import Service

EXTENSION = "chronos_gitops"
ANONYMOUS = "anonymous"
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z", re.ASCII)


def service() -> "Service":
    return cast("Service", current_app.extensions[EXTENSION])


def identify(caller: str, via: str, person: str) -> None:
    """From here on the request is one of this caller, who is unique by ``via`` and ``person``."""
    g.caller, g.via, g.person = caller, via, person


def caller() -> str:
    """The name of the token that was shown, else ``anonymous``."""
    return cast(str, g.get("caller", ANONYMOUS))


def via() -> str:
    """The caller's kind of authentication: ``token``, ``session``, or ``none`` for a caller without one."""
    return cast(str, g.get("via", "none"))


def unique_caller() -> str | None:
    """The caller among those of all ways in: two people of one name are two callers, and a token is the same one by
    its session. None for ``anonymous``."""
    way = "token" if via() == "session" else via()
    return f"{way}/{g.person}" if "person" in g else None


def address() -> str:
    """The client's address, for budgets, sessions and the audit log."""
    return request.remote_addr or ""


def record_target(target: str) -> None:
    """Set the target of the call in the audit log, where neither path nor body has it."""
    g.recorded_target = target


def recorded_target() -> str | None:
    return cast("str | None", g.get("recorded_target"))


def record_problem(detail: str, *, refused_as: int | None = None) -> None:
    """Why the call is refused, for the audit log. ``refused_as`` is its status where the answer is a redirect."""
    g.problem_detail, g.refused_as = detail, refused_as


def problem_detail() -> str | None:
    return cast("str | None", g.get("problem_detail"))


def refused_as() -> int | None:
    return cast("int | None", g.get("refused_as"))


def request_id() -> str:
    """The client's X-Request-ID when it is harmless to repeat, else one of ours."""
    if "request_id" not in g:
        offered = request.headers.get("X-Request-ID", "")
        g.request_id = offered if _SANE_ID.match(offered) else str(uuid.uuid4())
    return cast(str, g.request_id)


def install(app: Flask, service: "Service") -> None:
    app.extensions[EXTENSION] = service
