"""Jobs with the content of the calendars that they name, and with the freezes that choose them."""

from dataclasses import replace

from chronos_gitops.jobs.calendar_set import CalendarSet
from chronos_gitops.jobs.model import Job


def bound(job: Job, path: str, environment: str | None, calendars: CalendarSet) -> Job:
    """The job itself where nothing of it differs. A name without a file keeps the content that it had."""
    if not job.timing.skip and not job.timing.freezes and not calendars.freezes:
        return job
    skip = [calendars.get(known.name) or known for known in job.timing.skip]
    timing = job.timing.with_calendars(skip, calendars.choosing(job.name, path, job.tags, environment))
    return job if timing is job.timing else replace(job, timing=timing)


class BoundJobs:
    """The same object as long as nothing of a job changes: jobs are compared by identity first."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Job, Job]] = {}

    def bind(self, job: Job, path: str, environment: str | None, calendars: CalendarSet) -> Job:
        found = bound(job, path, environment, calendars)
        known = self._known.get(path)
        if known is not None and known[0] is job and known[1].timing is found.timing:
            return known[1]
        if found is not job:
            self._known[path] = job, found
        return found
