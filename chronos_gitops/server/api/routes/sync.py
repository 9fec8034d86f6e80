"""Following git: the status, a pass now, held deletions approved."""

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from chronos_gitops.server.api.auth import tag_scope
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.params import body
from chronos_gitops.server.api.request_context import service

if TYPE_CHECKING:
    from chronos_gitops.sync.status import SyncStatus

blueprint = Blueprint("sync", __name__, url_prefix="/api/v1/sync")


@blueprint.get("")
def status() -> dict[str, Any]:
    return _told(service().follower.status())


@blueprint.post("")
def sync_now() -> tuple[dict[str, Any], int]:
    body.fields({})
    return _told(service().follower.sync()), 202


@blueprint.post("/approve")
def approve() -> dict[str, Any]:
    given = body.fields({"checksum": str}, required=("checksum",))
    return _told(service().follower.approve(given["checksum"]))


def _told(status: "SyncStatus") -> dict[str, Any]:
    """What git says, and beside it what operators hold back: pauses, also of jobs that are deleted by now."""
    pauses = service().engine.pauses()
    seen = {name: responses.pause(pauses[name]) for name in sorted(pauses) if tag_scope.sees(name)}
    return responses.sync(tag_scope.status(status)) | {
        "pauses": [{"job": name} | pause for name, pause in seen.items()]
    }
