"""Checks that a certificate lasts until the executions of a window have ended. Pure."""

from datetime import datetime, timedelta

from chronos_gitops.jobs.promises.worst_run import worst_run
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.webhooks.preflight.checks import CheckFailure, PlannedJob, PreflightCheck

_INSTANT = timedelta(microseconds=1)


def failure(planned: PlannedJob, ends: datetime, owner: str) -> CheckFailure | None:
    """About the first scheduled time whose execution may outlast a certificate that ends then."""
    needs = worst_run(planned.definition.job)
    if planned.last + needs <= ends:
        return None
    at = _first_after(planned, ends - needs)
    return CheckFailure(PreflightCheck.CERTIFICATE, _message(owner, ends, at, needs), at)


def _first_after(planned: PlannedJob, instant: datetime) -> datetime:
    if planned.first > instant:
        return planned.first
    found = next(planned.definition.job.timing.between(instant, planned.last), None)
    return planned.last if found is None else found


def _message(owner: str, ends: datetime, at: datetime, needs: timedelta) -> str:
    when = f"{ends:%H:%M:%SZ}" if ends.date() == at.date() else rfc3339(ends)
    if ends <= at:
        return f"{owner} ends {when}, {_length(at - ends)} before the run"
    return f"{owner} ends {when}, {_length(ends - at)} after the run begins, which may take {_length(needs)}"


def _length(span: timedelta) -> str:
    whole = timedelta(seconds=max(1, round(span.total_seconds())))
    return durations.render(whole)
