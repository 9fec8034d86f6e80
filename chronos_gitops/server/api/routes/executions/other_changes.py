"""Changes between a failed execution and the last success before it, besides commits."""

from typing import Any

from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.expectations import other_changes
from chronos_gitops.expectations.other_changes import ChangesSinceSuccess
from chronos_gitops.notifications import message
from chronos_gitops.notifications.detection import suspects
from chronos_gitops.server.api.request_context import service


def compared(execution: Execution) -> ChangesSinceSuccess:
    if execution.status is not Status.FAILED:
        return ChangesSinceSuccess()
    return other_changes.since_last_success(service().engine, execution)


def documents(found: ChangesSinceSuccess) -> list[dict[str, Any]] | None:
    return None if found.changes is None else [change.document() for change in found.changes]


def sentence(execution: Execution, found: ChangesSinceSuccess) -> str | None:
    """In the words of a notification; None where no success is known."""
    if found.good is None:
        return None
    running = service().jobs().get(execution.job)
    history = service().follower.index().versions(execution.job)
    environment = None if running is None else running.identity.environment
    past = suspects.past_of(history, found.good, execution, environment=environment, others=found.changes)
    return message.cause_in_short(past, execution)
