"""What a handler may ask about the request it answers: the service, the caller, the request's id."""

import re
import uuid
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app, g, request

if TYPE_CHECKING:
    from chronos_gitops.app import Service

EXTENSION = "chronos_gitops"
ANONYMOUS = "anonymous"
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z", re.ASCII)


def service() -> "Service":
    return cast("Service", current_app.extensions[EXTENSION])


def caller() -> str:
    """The name of the token that was shown, else ``anonymous``."""
    return cast(str, g.get("caller", ANONYMOUS))


def request_id() -> str:
    """The client's X-Request-ID when it is harmless to repeat, else one of ours."""
    if "request_id" not in g:
        offered = request.headers.get("X-Request-ID", "")
        g.request_id = offered if _SANE_ID.match(offered) else str(uuid.uuid4())
    return cast(str, g.request_id)


def install(app: Flask, service: "Service") -> None:
    app.extensions[EXTENSION] = service
