"""An execution as a row of the pages' tables."""

from typing import Any

from chronos_gitops.engine.model import Execution, Trigger
from chronos_gitops.server.api.openapi import responses


def row(run: Execution) -> dict[str, Any]:
    """As the API answers it, with ``late_ms``: None where nothing was due at an instant, or nothing has started."""
    return responses.execution(run) | {"late_ms": _late(run)}


def _late(run: Execution) -> float | None:
    """Milliseconds from the scheduled time to the start."""
    if run.started_at is None or run.trigger is not Trigger.SCHEDULE:
        return None
    return max(0.0, (run.started_at - run.scheduled_time).total_seconds() * 1000)
