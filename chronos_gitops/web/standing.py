"""How a job stands, in one word that an operator looks for first. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from chronos_gitops.engine.model import Execution, Pause, Status
from chronos_gitops.engine.timetable import LATE
from chronos_gitops.jobs.model import Definition


class Standing(StrEnum):
    """In the order in which they want attention."""

    FAILING = "failing"
    INVALID = "invalid"
    LATE = "late"
    RUNNING = "running"
    PAUSED = "paused"
    HEALTHY = "healthy"
    OFF = "off"


WORDS: Mapping[Standing, str] = {
    Standing.FAILING: "The newest run failed",
    Standing.INVALID: "The file is invalid; the last good version runs",
    Standing.LATE: "Due for over a minute, and not sent yet",
    Standing.RUNNING: "A request is under way",
    Standing.PAUSED: "An operator has paused it",
    Standing.HEALTHY: "On schedule",
    Standing.OFF: "Disabled in git",
}


def standing(definition: Definition, latest: Execution | None, pause: Pause | None, now: datetime) -> Standing:
    if latest is not None and latest.status is Status.FAILED and definition.job.enabled:
        return Standing.FAILING
    if definition.quarantined:
        return Standing.INVALID
    if latest is not None and latest.status is Status.PENDING and now - latest.scheduled_time > LATE:
        return Standing.LATE
    if latest is not None and not latest.status.is_final:
        return Standing.RUNNING
    if pause is not None:
        return Standing.PAUSED
    return Standing.HEALTHY if definition.job.enabled else Standing.OFF


def counted(found: Iterable[Standing]) -> Mapping[Standing, int]:
    counts = dict.fromkeys(Standing, 0)
    for one in found:
        counts[one] += 1
    return counts
