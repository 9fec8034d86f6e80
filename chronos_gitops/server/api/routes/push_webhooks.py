"""Push webhooks: a forge says that something was pushed, and the runner looks for itself, in the background."""

from typing import Any

from flask import Blueprint, abort, request

from chronos_gitops.config.model import Settings
from chronos_gitops.git.refs import heads
from chronos_gitops.server.api.request_context import service
from chronos_gitops.sync import push_webhooks
from chronos_gitops.sync.push_webhooks import Forge

blueprint = Blueprint("hooks", __name__, url_prefix="/api/v1/hooks")


@blueprint.post("/<forge>")
def receive(forge: str) -> tuple[dict[str, Any], int]:
    """The body is read up to the limit of every call (1 MiB), and nothing in it is believed before its signature."""
    secrets = _secrets(service().settings).get(forge)
    if not secrets:
        abort(404)
    sender, header, body = Forge(forge), request.headers.get, request.get_data()
    push_webhooks.verify(sender, header, body, secrets, service().now())
    if push_webhooks.event(sender, header) == "ping":
        return {"status": "pong"}, 200
    branch = service().follower.status().branch
    if not push_webhooks.is_push_to(None if branch is None else heads(branch), sender, header, body):
        return {"status": "ignored"}, 202
    if not service().deliveries.is_new(push_webhooks.delivery(sender, header), service().now()):
        return {"status": "duplicate"}, 202
    service().follower.request_sync(expecting=push_webhooks.pushed_commit(sender, header, body))
    return {"status": "accepted"}, 202


def _secrets(settings: Settings) -> dict[str, tuple[str, ...]]:
    """A forge without a secret has no hook."""
    return {
        Forge.GITHUB: settings.github_hook_secrets,
        Forge.GITLAB: settings.gitlab_hook_secrets,
        Forge.GITEA: settings.gitea_hook_secrets,
    }
