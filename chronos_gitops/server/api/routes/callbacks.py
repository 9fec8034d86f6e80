"""Callbacks of targets about accepted work. The URL itself is the right to post, so nothing else is asked.

It was signed by this runner or one beside it (``engine.callback``); a wrong one is answered as one that never was, and
slowed down after a while. A right one never is, also where others of its address fail: 256 bits cannot be guessed.
"""

import time
from typing import Any, cast

from flask import Blueprint, Flask, current_app

from chronos_gitops.engine.callbacks import CallbackReport, CallbackUnknown, Told
from chronos_gitops.server.api.auth.rate_limit import Throttle
from chronos_gitops.server.api.auth.tokens import TooManyFailures
from chronos_gitops.server.api.endpoint import ApiOperation, Endpoint, JsonBody, answer
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import body, query
from chronos_gitops.server.api.request_context import address, service
from chronos_gitops.server.api.routes.executions import executions

blueprint = Blueprint("callbacks", __name__, url_prefix="/api/v1/executions/<execution_id>/callback")
SIGNATURE = query.text("signature", "The proof that the URL has in it")
_EXTENSION = "chronos_gitops.callbacks"


def install(app: Flask) -> None:
    app.extensions[_EXTENSION] = Throttle()


@blueprint.post(
    "",
    declared=Endpoint(
        ApiOperation(
            "callBack",
            "executions",
            "Report the outcome of accepted work",
            "Only for jobs with `webhook.completion: callback`. The request's header X-Chronos-Callback-URL has "
            "the whole URL, which needs no token. Repeating the same result is harmless.",
            {200: answer("Heard", ref("CallbackAnswer"))},
            errors=(404, 409, 429, 503),
        ),
        role=None,
        is_signed=True,
        is_for_jobs=True,
        parameters=(executions.ID, SIGNATURE),
        body=JsonBody("CallbackRequest", free=("message",)),
    ),
)
def receive(execution_id: str) -> dict[str, Any]:
    given = body.fields()
    report = CallbackReport(Told(given["status"]), given.get("message") or None)
    throttle, now = cast(Throttle, current_app.extensions[_EXTENSION]), time.monotonic()
    try:
        found = service().engine.call_back(execution_id, report, signature=SIGNATURE.value() or "")
    except CallbackUnknown as error:
        wait = throttle.wait(address(), now)
        throttle.failed(address(), now)
        raise (TooManyFailures(wait) if wait else error) from None
    return {
        "id": found.id,
        "status": found.status.value,
        "deadline": responses.instant(found.callback_deadline),
        "completed_at": responses.instant(found.completed_at),
    }
