"""Push webhooks: a forge says that something was pushed, and the runner looks for itself, in the background."""

from typing import Any

from flask import Blueprint, abort, request

from chronos_gitops.git.refs import heads
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.endpoint import JSON, ApiOperation, Endpoint, RawBody, answer
from chronos_gitops.server.api.openapi.shapes import one_of, ref
from chronos_gitops.server.api.request_context import service
from chronos_gitops.sync import push_webhooks
from chronos_gitops.sync.push_webhooks import PushSender

blueprint = Blueprint("hooks", __name__, url_prefix="/api/v1/hooks")


FORGE = endpoint.path("forge", "The forge", one_of(PushSender))


@blueprint.post(
    "/<forge>",
    declared=Endpoint(
        ApiOperation(
            "receiveHook",
            "git",
            "Push webhook of a forge",
            "Set this URL as the forge's webhook. It exists only if a secret of the "
            "forge is configured; the signature is verified before the body is read.",
            {
                200: answer("A ping", ref("HookAnswer")),
                202: answer("Accepted; the sync follows", ref("HookAnswer")),
            },
            errors=(401, 404, 415),
        ),
        role=None,
        is_signed=True,
        parameters=(FORGE,),
        body=RawBody(JSON, {"type": "object"}),
    ),
)
def receive(forge: str) -> tuple[dict[str, Any], int]:
    """The body is read up to the limit of every call (1 MiB), and nothing in it is believed before its signature."""
    secrets = service().settings.push_secrets.of(forge)
    if not secrets:
        abort(404)
    sender, header, body = PushSender(forge), request.headers.get, request.get_data()
    push_webhooks.verify(sender, header, body, secrets, service().now())
    if push_webhooks.is_ping(sender, header):
        return {"status": "pong"}, 200
    branch = service().follower.status().branch
    push = push_webhooks.push_to(None if branch is None else heads(branch), sender, header, body)
    if push is None:
        return {"status": "ignored"}, 202
    if not service().deliveries.is_new(push_webhooks.delivery(sender, header, body), service().now()):
        return {"status": "duplicate"}, 202
    service().follower.request_sync(expecting=push.commit)
    return {"status": "accepted"}, 202
