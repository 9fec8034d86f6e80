"""The state of kept failures: after another preflight, and when the job succeeds or does not run. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from chronos_gitops.engine.model import Execution
from chronos_gitops.expectations.preflight.records import PreflightFailure
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.preflight.checks import CheckResult, PlannedJob, PreflightItem


class PreflightState(StrEnum):
    """``OFF``: the job is paused, disabled or gone, so nothing is about to fail."""

    FAILING = "failing"
    PASSED = "passed"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class PreflightLook:
    """One look at a job whose preflight failed."""

    job: str
    definition: JobVersion | None
    failure: PreflightFailure
    state: PreflightState


def failed(
    items: Sequence[PreflightItem], known: Mapping[str, PreflightFailure], now: datetime
) -> dict[str, PreflightFailure]:
    """The failures of a preflight; one that lasts keeps its beginning."""
    found = {}
    for item in items:
        if item.result is CheckResult.FAIL:
            since = known[item.job].since if item.job in known else now
            found[item.job] = PreflightFailure(item.check, item.message, item.host, item.scheduled_time, since, now)
    return found


def passed(
    items: Sequence[PreflightItem], planned: Iterable[PlannedJob], known: Mapping[str, PreflightFailure]
) -> set[str]:
    """Jobs with a failure that passed every check, for a window in which the scheduled time of that failure lies."""
    last = {one.definition.job.name: one.last for one in planned}
    whole = {
        job
        for job, of_job in groupby(items, key=lambda item: item.job)
        if all(item.result is CheckResult.PASS for item in of_job)
    }
    return {job for job in whole if job in known and known[job].scheduled_time <= last[job]}


def state(
    failure: PreflightFailure, definition: JobVersion | None, good: Execution | None, *, is_paused: bool
) -> PreflightState:
    """``good`` is the newest success of the job."""
    if definition is None or not definition.job.enabled or is_paused:
        return PreflightState.OFF
    is_over = good is not None and good.completed_at is not None and good.completed_at > failure.at
    return PreflightState.PASSED if is_over else PreflightState.FAILING
