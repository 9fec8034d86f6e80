"""What targets post about work that they have accepted. The URL itself is the right to post, so nothing else is asked.

It was signed by this runner or one beside it (``engine.callback``); a wrong one is answered as one that never was, and
held up after a while. A right one never is, whoever else fails behind the same address: nobody guesses 256 bits.
"""

import time
from typing import Any, cast

from flask import Blueprint, Flask, current_app, request

from chronos_gitops.engine.callbacks import CallbackReport, CallbackUnknown, Told
from chronos_gitops.server.api.auth.rate_limit import Throttle
from chronos_gitops.server.api.auth.tokens import TooManyFailures
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import body
from chronos_gitops.server.api.params.body import InvalidBody
from chronos_gitops.server.api.request_context import service

blueprint = Blueprint("callbacks", __name__, url_prefix="/api/v1/executions/<execution_id>/callback")
_EXTENSION = "chronos_gitops.callbacks"


def install(app: Flask) -> None:
    app.extensions[_EXTENSION] = Throttle()


@blueprint.post("")
def receive(execution_id: str) -> dict[str, Any]:
    given = body.fields({"status": str, "message": str}, required=("status",), free=("message",))
    report = CallbackReport(_told(given["status"]), given.get("message") or None)
    throttle, now = cast(Throttle, current_app.extensions[_EXTENSION]), time.monotonic()
    try:
        found = service().engine.call_back(execution_id, report, signature=request.args.get("signature", ""))
    except CallbackUnknown as error:
        wait = throttle.wait(request.remote_addr, now)
        throttle.failed(request.remote_addr, now)
        raise (TooManyFailures(wait) if wait else error) from None
    return {
        "id": found.id,
        "status": found.status.value,
        "deadline": responses.instant(found.callback_deadline),
        "completed_at": responses.instant(found.completed_at),
    }


def _told(text: str) -> Told:
    try:
        return Told(text)
    except ValueError:
        raise InvalidBody('"status" is one of success, failed, running.', hint="running is a heartbeat.") from None
