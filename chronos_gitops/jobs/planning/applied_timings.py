"""The runs of a job after a change, by the moves under way when a runner applies it (TIME section 4). Pure."""

from datetime import datetime

from chronos_gitops.jobs.model import Job
from chronos_gitops.schedule.calendars.applied import AppliedTiming, as_applied, under_way
from chronos_gitops.schedule.timing import Timing


def after_apply(old: Job | None, new: Job, at: datetime) -> Timing | AppliedTiming:
    """An edit of the job's own timing withdraws its moves, one of a calendar's content keeps them. A scheduled time
    that was held before the edit is not moved by it."""
    is_edited = old is None or not old.enabled or old.timing.own_digest != new.timing.own_digest
    if old is None or is_edited:
        return as_applied(new.timing, at)
    if old.timing.digest == new.timing.digest:
        return new.timing
    return as_applied(new.timing, at, under_way(old.timing, at))
