"""The health of jobs, in one word that an operator looks for first: for the page and the API."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from chronos_gitops.engine.model import Execution, Pause, Reason, Status
from chronos_gitops.engine.ticks.due_queue import LATE
from chronos_gitops.expectations.judging.state import ExpectationState
from chronos_gitops.jobs.model import JobVersion

if TYPE_CHECKING:
    from chronos_gitops.service import Service


class JobHealth(StrEnum):
    """In the order in which they want attention."""

    FAILING = "failing"
    INVALID = "invalid"
    LATE = "late"
    BROKEN = "broken"
    SKIPPED = "skipped"
    RUNNING = "running"
    PAUSED = "paused"
    HEALTHY = "healthy"
    OFF = "off"


WORDS: Mapping[JobHealth, str] = {
    JobHealth.FAILING: "The newest execution failed",
    JobHealth.INVALID: "The file is invalid; the last good version runs",
    JobHealth.LATE: "Due for more than a minute, and not sent yet",
    JobHealth.BROKEN: "An expectation of the job is broken",
    JobHealth.SKIPPED: "The newest scheduled time was skipped, and not by a calendar",
    JobHealth.RUNNING: "A request is in progress",
    JobHealth.PAUSED: "No executions start while it is paused",
    JobHealth.HEALTHY: "On schedule",
    JobHealth.OFF: "Disabled in git",
}


class JobSearch(NamedTuple):
    """A job, its health, and its newest execution."""

    definition: JobVersion
    standing: JobHealth
    latest: Execution | None


def search(service: "Service", definitions: Sequence[JobVersion]) -> list[JobSearch]:
    """Several jobs with one question to the engine for all of them, and one for each that was skipped last."""
    pauses, now = service.engine.pauses(), service.now()
    latest = service.engine.latest([definition.job.name for definition in definitions])
    behind = service.last_outcomes.behind(service.engine.recent, latest.values())
    states = service.expectations.snapshot()
    found = []
    for definition in definitions:
        name = definition.job.name
        newest = latest.get(name)
        health = standing(
            definition,
            newest,
            behind.get(name, newest),
            pauses.get(name),
            now,
            is_broken=any(one.state is ExpectationState.BROKEN for one in states.get(name, ())),
        )
        found.append(JobSearch(definition, health, newest))
    return found


def of_job(service: "Service", definition: JobVersion) -> JobHealth:
    return search(service, [definition])[0].standing


def standing(
    definition: JobVersion,
    latest: Execution | None,
    outcome: Execution | None,
    pause: Pause | None,
    now: datetime,
    *,
    is_broken: bool = False,
) -> JobHealth:
    """``outcome`` is the newest execution that succeeded, failed or has not ended; ``latest`` may have been skipped."""
    is_enabled = definition.job.enabled
    if outcome is not None and outcome.status is Status.FAILED and is_enabled:
        return JobHealth.FAILING
    if definition.quarantined:
        return JobHealth.INVALID
    if latest is not None and latest.status is Status.PENDING and now - latest.scheduled_time > LATE:
        return JobHealth.LATE
    if is_broken and is_enabled:
        return JobHealth.BROKEN
    if outcome is not None and not outcome.status.is_final:
        return JobHealth.RUNNING
    if pause is not None:
        return JobHealth.PAUSED
    if not is_enabled:
        return JobHealth.OFF
    return JobHealth.SKIPPED if latest is not None and _is_unplanned(latest) else JobHealth.HEALTHY


def counted(found: Iterable[JobHealth]) -> Mapping[JobHealth, int]:
    counts = dict.fromkeys(JobHealth, 0)
    for one in found:
        counts[one] += 1
    return counts


def _is_unplanned(execution: Execution) -> bool:
    return execution.status is Status.SKIPPED and execution.reason != Reason.CALENDAR
