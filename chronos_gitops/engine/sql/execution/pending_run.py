"""The engine's unit of work: a claimed execution with its job as it was claimed, and its result. Values, pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chronos_gitops.engine import callbacks
from chronos_gitops.engine.clock import is_ahead
from chronos_gitops.engine.model import Attempt, Execution, Status, Trigger, finished
from chronos_gitops.jobs.model import Job
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.schedule import jitter
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind


@dataclass(frozen=True, slots=True)
class PendingRun:
    """``losses`` are those of the replica when it was claimed; results count under ``fence`` only."""

    execution: Execution
    job: Job
    not_before: datetime | None = None
    fence: int = 0
    losses: int = 0

    def wait(self, now: datetime) -> timedelta:
        """Before its first attempt here. A longer wait than could have been meant is of a clock that was ahead: none is
        made of it, for a hundred executions that take turns would each wait so long."""
        longest = max(self.job.jitter, 2 * self.job.retry_policy.max_interval)
        wait = timedelta(0) if self.not_before is None else self.not_before - now
        return wait if wait <= longest else timedelta(0)

    def ahead(self, now: datetime) -> timedelta | None:
        """The time until its instant, if it was claimed ahead of that: nothing is sent before. None for all others, and
        for one of a clock that was ahead."""
        tick = self.execution.scheduled_time
        if now >= tick + self.job.jitter or self.execution.trigger is not Trigger.SCHEDULE or self.execution.attempts:
            return None
        instant = tick + jitter(self.job.name, tick, self.job.jitter)
        return instant - now if now < instant and not is_ahead(instant, now) else None


def after_attempt(
    execution: Execution,
    outcome: Outcome,
    attempt: Attempt,
    *,
    started_at: datetime,
    will_retry: bool,
    deadline: datetime | None,
    now: datetime,
) -> Execution:
    """``deadline`` is that of the callback which is awaited now."""
    seen: dict[str, Any] = {
        "started_at": started_at,
        "attempts": attempt.number,
        "status_code": outcome.status_code,
        "error_class": outcome.error_class,
        "error": outcome.error,
    }
    if will_retry or deadline is not None:
        return replace(execution, status=Status.RUNNING, callback_deadline=deadline, **seen)
    status = Status.SUCCESS if outcome.kind is OutcomeKind.SUCCESS else Status.FAILED
    return finished(execution, status, at=now, **seen)


def after_deadline(held: Execution, job: Job, *, is_over: bool, now: datetime) -> Execution:
    """``held`` is the execution whose callback did not come in time, as the ledger has it."""
    outcome = callbacks.overdue(durations.render(job.attempt_timeout), last_heartbeat=held.heartbeat_at)
    seen = replace(held, error_class=outcome.error_class, error=outcome.error, callback_deadline=None)
    return finished(seen, Status.FAILED, at=now) if is_over else seen
