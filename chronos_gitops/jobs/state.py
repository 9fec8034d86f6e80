"""The state of a job: what its file, its schedule and an operator say together."""

from datetime import datetime
from enum import StrEnum

from chronos_gitops.jobs.model import Job


class JobState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    PAUSED = "paused"
    ENDED = "ended"


def state_of(job: Job, now: datetime, *, is_paused: bool) -> JobState:
    """A pause is what an operator did last, so it shows even when git has disabled the job meanwhile."""
    if is_paused:
        return JobState.PAUSED
    if not job.enabled:
        return JobState.DISABLED
    return JobState.ENDED if job.timing.ended(now) else JobState.ENABLED
