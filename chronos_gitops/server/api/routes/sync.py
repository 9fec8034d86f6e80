"""Following git: the status, a pass now, held deletions approved."""

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from chronos_gitops.observability.audit_log import AuditAction
from chronos_gitops.observability.event_log import EventKind
from chronos_gitops.plurals import verb
from chronos_gitops.server.api import form_notice
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import OPERATE, READ, SYNC, ApiOperation, Audited, Endpoint, JsonBody, answer
from chronos_gitops.server.api.openapi import responses
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import body
from chronos_gitops.server.api.problems import ApiError
from chronos_gitops.server.api.request_context import service
from chronos_gitops.server.api.routes import calendars

if TYPE_CHECKING:
    from chronos_gitops.sync.status import HeldDeletions, SyncStatus


class ApprovalByCommit(ApiError):
    kind = "approval-by-commit"


blueprint = Blueprint("sync", __name__, url_prefix="/api/v1/sync")


_STATUS = answer("The sync status", ref("Sync"))


@blueprint.get(
    "",
    declared=Endpoint(
        ApiOperation(
            "getSync",
            "git",
            "Sync status",
            "The desired, attempted and applied revision, why they differ, and the findings.",
            {200: _STATUS},
        ),
        role=READ,
        is_scoped=True,
        is_early=True,
    ),
)
def status() -> dict[str, Any]:
    return _told(service().follower.status())


@blueprint.post(
    "",
    declared=Endpoint(
        ApiOperation(
            "syncNow", "git", "Sync now", "Runs one sync and responds with the status after it.", {202: _STATUS}
        ),
        role=OPERATE,
        narrow_role=SYNC,
        is_scoped=True,
        audit=Audited(AuditAction.SYNC, EventKind.SYNC_REQUESTED),
        notice=form_notice.synced,
    ),
)
def sync_now() -> tuple[dict[str, Any], int]:
    return _told(service().follower.sync()), 202


@blueprint.post(
    "/approve",
    declared=Endpoint(
        ApiOperation(
            "approveDeletions",
            "git",
            "Approve held deletions",
            "Approves exactly the deletions with this checksum, which GET /api/v1/sync returns. A caller with "
            "folders may approve if all of these jobs are in them.",
            {200: _STATUS},
            errors=(403, 409),
        ),
        role=OPERATE,
        is_scoped=True,
        audit=Audited(AuditAction.APPROVE, EventKind.DELETIONS_APPROVED, target="checksum"),
        notice=form_notice.approved,
        body=JsonBody("ApproveRequest"),
    ),
)
def approve() -> dict[str, Any]:
    given = body.fields()
    if service().settings.commits.deletions == "commit":
        raise ApprovalByCommit(
            "Deletions are approved in git here, by review and not by an operator.",
            hint="Commit with the trailer Chronos-Allow-Deletes and the number of deleted and disabled jobs.",
        )
    return _told(service().follower.approve(given["checksum"], check=_refuse_others))


def _refuse_others(held: "HeldDeletions") -> None:
    others = caller_scope.hidden((*held.names, *held.disabled))
    if others:
        raise caller_scope.OutsideFolders("concerns", f"{others:,} more {verb(others, 'job', 'jobs')}")


def _told(status: "SyncStatus") -> dict[str, Any]:
    """The sync status, with the operators' pauses; pauses of deleted jobs are included."""
    pauses = service().engine.pauses()
    seen = {name: responses.pause(pauses[name]) for name in sorted(pauses) if caller_scope.sees(name)}
    return responses.sync(caller_scope.status(status)) | {
        "pauses": [{"job": name} | pause for name, pause in seen.items()],
        "freezes": calendars.freezes(),
    }
