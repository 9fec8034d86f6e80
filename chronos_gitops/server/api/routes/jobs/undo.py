"""Undo: one commit taken back over all its jobs, as one new commit, or what that commit would be."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint

from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs import masking
from chronos_gitops.rollback.revert import RevertedJob, UndoPlan, UndoRequest, UndoResult
from chronos_gitops.server.api.params import body, idempotency
from chronos_gitops.server.api.request_context import request_id, service
from chronos_gitops.server.api.routes.jobs.rollback import person, unrepeated

blueprint = Blueprint("undo", __name__, url_prefix="/api/v1/rollback")
Answer = tuple[dict[str, Any], int]


@blueprint.post("")
def undo() -> Answer:
    given = body.fields({"commit": str, "reason": str, "dry_run": bool}, required=("commit",))
    asked = UndoRequest(
        commit=given["commit"].strip(),
        reason=given.get("reason", "").strip(),
        requested_by=person(),
        request_id=idempotency.key() or unrepeated(request_id()),
    )
    if given.get("dry_run"):
        return _planned(service().undos.plan(asked)), 200
    return _performed(asked)


def _planned(plan: UndoPlan) -> dict[str, Any]:
    return {
        "undone_commit": plan.commit,
        "commit": None,
        "changed": plan.changed,
        "jobs": _jobs(plan.jobs),
        "dry_run": True,
        "message": plan.message,
        "unified": masking.masked_file(plan.diff, None),
    }


def _performed(asked: UndoRequest) -> Answer:
    try:
        result = service().undos.perform(asked)
    except ChronosError:
        service().metrics.rollback("refused")
        raise
    outcome, status = _outcome(result)
    service().metrics.rollback(outcome)
    done = {
        "undone_commit": result.undone,
        "commit": result.commit,
        "changed": result.changed,
        "jobs": _jobs(result.jobs),
    }
    return done if result.branch is None else done | {"branch": result.branch}, status


def _outcome(result: UndoResult) -> tuple[str, int]:
    if not result.changed:
        return "unchanged", 200
    return ("committed", 201) if result.branch is None else ("proposed", 202)


def _jobs(undone: Sequence[RevertedJob]) -> list[dict[str, Any]]:
    """``version`` is the one that is taken back, ``change`` what it had done."""
    return [
        {
            "job": one.job,
            "version": one.made.number,
            "restored_version": None if one.restored is None else one.restored.number,
            "change": one.made.change.value,
        }
        for one in undone
    ]
