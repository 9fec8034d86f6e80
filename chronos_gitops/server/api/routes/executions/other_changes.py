"""Changes between a failed execution and the last success before it, besides commits."""

from collections.abc import Sequence
from typing import Any

from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.expectations import other_changes
from chronos_gitops.expectations.other_changes import Comparison
from chronos_gitops.notifications.detection import suspects
from chronos_gitops.server.api.request_context import service
from chronos_gitops.versions.version import Version


def compared(execution: Execution) -> Comparison:
    if execution.status is not Status.FAILED:
        return Comparison()
    return other_changes.since_last_success(service().engine, execution)


def documents(found: Comparison) -> list[dict[str, Any]] | None:
    return None if found.changes is None else [change.document() for change in found.changes]


def sentence(execution: Execution, found: Comparison) -> str | None:
    """None where no success is known, and for a draft with which nothing else changed."""
    if found.good is None:
        return None
    if execution.draft:
        return other_changes.after_commits(found.changes or None)
    history = service().follower.index().versions(execution.job)
    commits = suspects.changes(history, found.good, execution)
    if not commits:
        return other_changes.without_commits(found.changes)
    return " ".join(filter(None, (_counted(commits), other_changes.after_commits(found.changes))))


def _counted(commits: Sequence[Version]) -> str:
    newest = f"{commits[-1].commit[:8]} (version {commits[-1].label})"
    if len(commits) == 1:
        return f"Since its last success commit {newest} changed the job."
    return f"Since its last success {len(commits)} commits changed the job, the newest is {newest}."
