"""Following git: the status, a pass now, held deletions approved."""

from typing import Any

from flask import Blueprint

from chronos_gitops.api import body, render, scope
from chronos_gitops.api.context import service

blueprint = Blueprint("sync", __name__, url_prefix="/api/v1/sync")


@blueprint.get("")
def status() -> dict[str, Any]:
    return render.sync(scope.status(service().follower.status()))


@blueprint.post("")
def sync_now() -> tuple[dict[str, Any], int]:
    body.fields({})
    return render.sync(scope.status(service().follower.sync())), 202


@blueprint.post("/approve")
def approve() -> dict[str, Any]:
    given = body.fields({"checksum": str}, required=("checksum",))
    return render.sync(service().follower.approve(given["checksum"]))
