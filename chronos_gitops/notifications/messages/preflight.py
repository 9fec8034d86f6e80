"""A message about a coming execution that would fail."""

from dataclasses import replace
from datetime import datetime

from chronos_gitops.expectations.preflight.records import PreflightFailure
from chronos_gitops.jobs.model import Job
from chronos_gitops.notifications import message
from chronos_gitops.notifications.incidents import ChangeKind, IncidentChange
from chronos_gitops.notifications.message import Notification, Past
from chronos_gitops.schedule.timestamps import rfc3339, utc_text


def of_preflight(
    change: IncidentChange, job: Job, failure: PreflightFailure, past: Past, public_url: str, now: datetime
) -> Notification:
    change = replace(change, incident=replace(change.incident, since=failure.since))
    if change.news is ChangeKind.RECOVERED:
        title = f"{job.name} passes its preflight again"
        lines: tuple[str, ...] = (f"It failed since {utc_text(failure.since)}.",)
    else:
        still = "still: " if change.news is ChangeKind.STILL_FAILING else ""
        title = f"{still}{job.name}, {rfc3339(failure.scheduled_time)}: {failure.message}"
        facts = [f"Preflight: the check {failure.check} fails"]
        action = f"Check again: chronos-gitops preflight {job.name}"
        lines = message.body(failure.since, facts, message.cause(past, None), action)
    links = message.links_of(job.name, None, public_url)
    data = message.job_data(job, past, links) | {
        "preflight": {
            "check": failure.check.value,
            "scheduled_time": rfc3339(failure.scheduled_time),
            "host": failure.host,
            "message": failure.message,
            "since": rfc3339(failure.since),
        },
        "incident": change.incident.id,
    }
    return Notification(change.id, change.incident.id, f"preflight.{change.news}", now, title, lines, links, data)
