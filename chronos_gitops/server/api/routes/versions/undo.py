"""Undo: one commit taken back over all its jobs, as one new commit, or what that commit would be."""

from typing import Any

from flask import Blueprint

from chronos_gitops.jobs.secrets import masking
from chronos_gitops.observability.audit_log import AuditAction
from chronos_gitops.observability.event_log import EventKind
from chronos_gitops.plurals import plural
from chronos_gitops.rollback.before_commit import RevertedJob, UndoneCommit, UndoRequest, no_such_commit
from chronos_gitops.server.api import form_notice
from chronos_gitops.server.api.auth import caller_scope
from chronos_gitops.server.api.endpoint import ROLLBACK, ApiOperation, Audited, Endpoint, JsonBody, answer
from chronos_gitops.server.api.openapi.shapes import ref
from chronos_gitops.server.api.params import body, idempotency
from chronos_gitops.server.api.request_context import request_id, service
from chronos_gitops.server.api.routes.versions.rollback import perform, person, unrepeated

blueprint = Blueprint("undo", __name__, url_prefix="/api/v1/rollback")
Answer = tuple[dict[str, Any], int]


@blueprint.post(
    "",
    declared=Endpoint(
        ApiOperation(
            "undoCommit",
            "versions",
            "Undo a commit",
            "Reverts every job that the commit changed to its state before that commit, in one new commit, or "
            "changes nothing.",
            {
                200: answer("Nothing to change, or a dry run", {"oneOf": [ref("Undo"), ref("UndoPlan")]}),
                201: answer("Committed", ref("Undo")),
                202: answer("Proposed on another branch, because the followed branch is protected", ref("Undo")),
            },
            errors=(403, 404, 409, 422),
        ),
        role=ROLLBACK,
        is_scoped=True,
        audit=Audited(AuditAction.UNDO, EventKind.COMMIT_UNDONE, target="commit", makes_commit=True),
        notice=form_notice.undone,
        body=JsonBody("UndoRequest"),
    ),
)
def undo() -> Answer:
    given = body.fields()
    asked = request_of(given["commit"].strip(), given.get("reason", "").strip())
    if given.get("dry_run"):
        plan = service().reverter.plan(asked)
        return plan.document() | {"unified": masking.masked_file(plan.diff, None)}, 200
    result, status = perform(asked)
    return result.document(), status


def request_of(commit: str, reason: str) -> UndoRequest:
    """That of this call's caller, who may undo its own folders only."""
    return UndoRequest(
        commit=commit,
        reason=reason,
        requested_by=person(),
        request_id=idempotency.key() or unrepeated(request_id()),
        check=lambda undone: _refuse_others(undone, commit),
    )


def _refuse_others(undone: UndoneCommit, asked: str) -> None:
    """Every path that the commit changed is the caller's, before and after. A commit without any is not there."""
    if not caller_scope.is_limited():
        return
    jobs, layers = list(map(_sees, undone.jobs)), list(map(caller_scope.sees_layer, undone.paths))
    if not any((*jobs, *layers)):
        raise no_such_commit(asked)
    counted = ((jobs.count(False), "more job"), (layers.count(False), "file"))
    others = " and ".join(plural(number, noun) for number, noun in counted if number)
    if others:
        raise caller_scope.OutsideFolders("changes", others)


def _sees(undone: RevertedJob) -> bool:
    paths = [version.path for version in (undone.made, undone.restored) if version is not None]
    return caller_scope.sees(undone.job) and all(map(caller_scope.sees_path, paths))
