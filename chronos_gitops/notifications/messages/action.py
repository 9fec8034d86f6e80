"""The action that a message recommends: one command."""

from chronos_gitops.engine.model import Execution
from chronos_gitops.notifications.message import Past


def back_to(job: str, version: int) -> str:
    return f"Go back: chronos-gitops rollback {job} {version}"


def after_failure(job: str, run: Execution | None, past: Past) -> str:
    """Back to the version that worked, where a commit came since; else a look at what failed."""
    is_draft = past.is_draft or (run is not None and run.draft)
    good = past.good_version
    if past.changes and not is_draft and good is not None and good.number is not None:
        return back_to(job, good.number)
    if run is not None:
        shown = "each attempt" if run.attempts else "the execution"
        return f"See {shown}: chronos-gitops executions --id {run.id}"
    return f"See what ran: chronos-gitops executions {job}"
