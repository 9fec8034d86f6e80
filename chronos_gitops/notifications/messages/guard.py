"""A message about a version that the guard has stopped."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from chronos_gitops.engine.model import Execution
from chronos_gitops.expectations.guard_watch import GuardRecord
from chronos_gitops.jobs.model import Job
from chronos_gitops.notifications import message
from chronos_gitops.notifications.incidents import IncidentChange
from chronos_gitops.notifications.message import Notification, Past
from chronos_gitops.notifications.messages.action import back_to
from chronos_gitops.plurals import plural


def of_guard(
    change: IncidentChange,
    job: Job,
    record: GuardRecord,
    failures: Sequence[Execution],
    past: Past,
    public_url: str,
    now: datetime,
) -> Notification:
    """``failures`` are the first executions of the version, oldest first."""
    errors = Counter(message.error_of(one) for one in failures)
    said = (
        f"Error, {plural(count, 'time')}: {text}" if count > 1 else f"Error: {text}" for text, count in errors.items()
    )
    facts = [f"The guard has paused it: {record.reason}.", *said]
    action = f"Run it on: chronos-gitops resume {job.name}"
    if past.good_version is not None and past.good_version.number is not None and not past.is_draft:
        action = back_to(job.name, past.good_version.number)
    lines = message.body(failures[0].scheduled_time, facts, message.cause(past, failures[-1]), action)
    links = message.links_of(job.name, None, public_url)
    data = message.job_data(job, past, links) | {
        "version": record.version,
        "reason": record.reason,
        "failures": [message.execution_data(one) for one in failures],
    }
    title = f"{job.name} is paused: a new version only fails"
    return Notification(change.id, change.incident.id, "job.paused", now, title, lines, links, data)
