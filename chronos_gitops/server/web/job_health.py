"""How a job stands, in one word that an operator looks for first. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from chronos_gitops.engine.due_queue import LATE
from chronos_gitops.engine.model import Execution, Pause, Status
from chronos_gitops.jobs.model import JobVersion


class JobHealth(StrEnum):
    """In the order in which they want attention."""

    FAILING = "failing"
    INVALID = "invalid"
    LATE = "late"
    RUNNING = "running"
    PAUSED = "paused"
    HEALTHY = "healthy"
    OFF = "off"


WORDS: Mapping[JobHealth, str] = {
    JobHealth.FAILING: "The newest run failed",
    JobHealth.INVALID: "The file is invalid; the last good version runs",
    JobHealth.LATE: "Due for over a minute, and not sent yet",
    JobHealth.RUNNING: "A request is under way",
    JobHealth.PAUSED: "An operator has paused it",
    JobHealth.HEALTHY: "On schedule",
    JobHealth.OFF: "Disabled in git",
}


def standing(definition: JobVersion, latest: Execution | None, pause: Pause | None, now: datetime) -> JobHealth:
    if latest is not None and latest.status is Status.FAILED and definition.job.enabled:
        return JobHealth.FAILING
    if definition.quarantined:
        return JobHealth.INVALID
    if latest is not None and latest.status is Status.PENDING and now - latest.scheduled_time > LATE:
        return JobHealth.LATE
    if latest is not None and not latest.status.is_final:
        return JobHealth.RUNNING
    if pause is not None:
        return JobHealth.PAUSED
    return JobHealth.HEALTHY if definition.job.enabled else JobHealth.OFF


def counted(found: Iterable[JobHealth]) -> Mapping[JobHealth, int]:
    counts = dict.fromkeys(JobHealth, 0)
    for one in found:
        counts[one] += 1
    return counts
