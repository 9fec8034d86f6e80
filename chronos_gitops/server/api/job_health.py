"""The health of jobs, in one word that an operator looks for first: for the page and for the filter of the API."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from chronos_gitops.engine.model import Execution, Pause, Status
from chronos_gitops.engine.ticks.due_queue import LATE
from chronos_gitops.jobs.model import JobVersion

if TYPE_CHECKING:
    from chronos_gitops.service import Service


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
    JobHealth.FAILING: "The newest execution failed",
    JobHealth.INVALID: "The file is invalid; the last good version runs",
    JobHealth.LATE: "Due for more than a minute, and not sent yet",
    JobHealth.RUNNING: "A request is in progress",
    JobHealth.PAUSED: "No executions start while it is paused",
    JobHealth.HEALTHY: "On schedule",
    JobHealth.OFF: "Disabled in git",
}


class JobSearch(NamedTuple):
    """A job, how it stands, and its newest execution."""

    definition: JobVersion
    standing: JobHealth
    latest: Execution | None


def search(service: "Service", definitions: Sequence[JobVersion]) -> list[JobSearch]:
    """Several jobs with one question to the engine for all of them."""
    pauses, now = service.engine.pauses(), service.now()
    latest = service.engine.latest([definition.job.name for definition in definitions])
    found = ((definition, latest.get(definition.job.name)) for definition in definitions)
    return [
        JobSearch(definition, standing(definition, newest, pauses.get(definition.job.name), now), newest)
        for definition, newest in found
    ]


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
