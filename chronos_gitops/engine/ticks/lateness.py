"""Lateness of an execution: the delay that the engine caused, without the waits that its job asks for. Pure."""

from datetime import timedelta

from chronos_gitops.engine.model import Execution, Trigger
from chronos_gitops.jobs.model import Concurrency, Job
from chronos_gitops.schedule.schedule import jitter

_NONE = timedelta(0)


def lateness(execution: Execution, job: Job | None) -> timedelta | None:
    """From the scheduled time, and the job's jitter, to the start. An execution that may wait for its turn or at a gate
    counts up to its claim. None without a scheduled time or a start; ``job`` is None where it is gone."""
    if execution.trigger not in (Trigger.SCHEDULE, Trigger.CATCHUP) or execution.started_at is None:
        return None
    tick, is_caught_up = execution.scheduled_time, execution.trigger is Trigger.CATCHUP
    waits = is_caught_up or job is None or job.concurrency is Concurrency.QUEUE or execution.requires is not None
    at = execution.created_at if waits and execution.created_at is not None else execution.started_at
    # One that is caught up has its jitter after the claim.
    spread = _NONE if job is None or is_caught_up else jitter(job.name, tick, job.jitter)
    return max(_NONE, at - tick - spread)
