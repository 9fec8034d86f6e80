"""One log line for each execution that ended, with all that there is to say about it and stable names.

Only names, numbers and instants go in: what a receiver answered, and what an error quotes of it, stay in the history.
"""

import logging

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.jobs.model import Job
from chronos_gitops.webhooks.outcome import Outcome
from chronos_gitops.webhooks.request import trace_id_of

log = logging.getLogger(__name__)


class ExecutionLog:
    """An ``engine.observer.Observer``."""

    def attempt_finished(self, job: Job, outcome: Outcome) -> None:
        pass

    def execution_finished(self, execution: Execution) -> None:
        level = logging.WARNING if execution.status is Status.FAILED else logging.INFO
        if log.isEnabledFor(level):  # ``log.log`` would look for its caller in the stack, which no line shows
            said = fields(execution)
            log.handle(log.makeRecord(log.name, level, "", 0, "execution finished", (), None, extra=said))


def fields(execution: Execution) -> dict[str, object]:
    """``lateness_ms``: from the tick to the first request; None where nothing was sent."""
    started = execution.started_at
    late = None if started is None else milliseconds.length(started - execution.scheduled_time)
    return {
        "event": "execution_finished",
        "job": execution.job,
        "execution_id": execution.id,
        "trigger": str(execution.trigger),
        "status": str(execution.status),
        "reason": execution.reason,
        "attempts": execution.attempts,
        "trace_id": trace_id_of(execution.id) if execution.attempts else None,
        "status_code": execution.status_code,
        "error_class": execution.error_class,
        "duration_ms": execution.duration_ms,
        "lateness_ms": late,
        "commit": execution.commit,
        "version": execution.version,
        "draft": execution.draft,
        "count": execution.count,
    }
