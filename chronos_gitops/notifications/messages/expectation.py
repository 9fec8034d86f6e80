"""A message about an expectation that is broken, or met again."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from chronos_gitops.engine.answers import explanation
from chronos_gitops.engine.model import Execution
from chronos_gitops.expectations.judging.state import Expectation
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.expect import ExpectationKind
from chronos_gitops.notifications import message
from chronos_gitops.notifications.incidents import ChangeKind, IncidentChange
from chronos_gitops.notifications.message import Notification, Past
from chronos_gitops.notifications.messages.action import after_failure
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.timestamps import rfc3339, utc_text

_TITLES: Final[Mapping[ExpectationKind, str]] = {
    ExpectationKind.START_WITHIN: "did not start within {limit}",
    ExpectationKind.MAX_DURATION: "runs longer than {limit}",
    ExpectationKind.MIN_DURATION: "took {found}, less than {limit}",
    ExpectationKind.FINISH_BY: "did not finish by {limit}",
    ExpectationKind.SUCCESS_EVERY: "has had no success for {limit}",
}


def sentence(one: Expectation) -> str:
    """A sentence about how the expectation is broken, without the job's name."""
    return _TITLES[one.kind].format(limit=one.limit, found=_seconds(one.found))


def of_expectation(
    change: IncidentChange, job: Job, one: Expectation, past: Past, public_url: str, now: datetime
) -> Notification:
    is_over = change.news is ChangeKind.RECOVERED
    word = f"{one.kind.value} {one.limit}"
    if is_over:
        title = f"{job.name} keeps {word} again"
        lines: tuple[str, ...] = (
            f"It was broken since {utc_text(change.incident.since)}, and was met at {utc_text(now)}.",
        )
    else:
        still = "still: " if change.news is ChangeKind.STILL_FAILING else ""
        title = f"{still}{job.name} {sentence(one)}"
        action = after_failure(job.name, change.about, past)
        facts = [f"Expected: {word}", *_not_started(one, change.about, job)]
        lines = message.body(change.incident.since, facts, message.cause(past, change.about), action)
    run = None if is_over else one.execution
    links = message.links_of(job.name, run, public_url)
    data = message.job_data(job, past, links) | {
        "expectation": {
            "kind": one.kind.value,
            "limit": one.limit,
            "due_at": None if one.due_at is None else rfc3339(one.due_at),
            "since": rfc3339(one.since),
            "found": one.found,
        },
        "incident": change.incident.id,
        "execution": None if change.about is None else message.execution_data(change.about),
    }
    return Notification(change.id, change.incident.id, f"expectation.{change.news}", now, title, lines, links[:1], data)


def _not_started(one: Expectation, run: Execution | None, job: Job) -> list[str]:
    """The reason that the runner has recorded."""
    if one.kind is not ExpectationKind.START_WITHIN or run is None:
        return []
    reason = explanation.not_started(run, job)
    return [] if reason is None else [reason]


def _seconds(found: str | None) -> str:
    """``400ms`` as 0.4s."""
    try:
        length = durations.parse(found or "")
    except durations.DurationError:
        return found or ""
    return f"{length.total_seconds():g}s" if length < timedelta(seconds=1) else durations.render(length)
