"""The checks of a job that need no network: its secrets, and its request."""

from itertools import islice
from typing import Final

from chronos_gitops.jobs.secrets.references import references
from chronos_gitops.jobs.templates.time_variables import NoSuchTime
from chronos_gitops.jobs.webhook import IdentityAuth
from chronos_gitops.webhooks.credentials.secrets import SecretError
from chronos_gitops.webhooks.identity.signing_keys import IdentityError
from chronos_gitops.webhooks.preflight.checks import CheckFailure, CheckProgress, PlannedJob, PreflightCheck
from chronos_gitops.webhooks.request import AttemptContext, PreparedRequest
from chronos_gitops.webhooks.request_factory import RequestFactory
from chronos_gitops.webhooks.url import RequestError

_MOST_TIMES: Final = 1000
"""Scheduled times whose variables are rendered."""
_UNSIGNED: Final = "preflight"


def call_of(planned: PlannedJob) -> AttemptContext:
    """The first attempt of the first scheduled time. Its callback has no valid signature, and it is never sent."""
    definition = planned.definition
    return AttemptContext(
        planned.execution_id,
        planned.first,
        1,
        definition.sent_commit,
        path=definition.path,
        signature=_UNSIGNED,
        version=definition.version,
        trigger="schedule",
    )


def prepared(requests: RequestFactory, progress: CheckProgress) -> PreparedRequest | None:
    """The request of the first scheduled time; None after a failure, which ``progress`` then has."""
    planned = progress.planned
    job, call = planned.definition.job, call_of(planned)
    try:
        _check_secrets(requests, planned)
        is_identified = isinstance(job.webhook.auth, IdentityAuth)
        request = requests.identified(job, call) if is_identified else requests.rendered(job, call)
    except SecretError as error:
        progress.failure = CheckFailure(PreflightCheck.SECRET, str(error))
        return None
    except (RequestError, IdentityError) as error:
        progress.passes(PreflightCheck.SECRET)
        progress.failure = CheckFailure(PreflightCheck.REQUEST, str(error))
        return None
    progress.passes(PreflightCheck.SECRET)
    progress.host = None if request.place else request.target.host
    if request.place and request.target.origin.scheme == "http":
        progress.checks = tuple(one for one in progress.checks if one is not PreflightCheck.CERTIFICATE)
    progress.failure = _without_time(planned)
    if progress.failure is not None:
        return None
    progress.passes(PreflightCheck.REQUEST)
    return request


def _check_secrets(requests: RequestFactory, planned: PlannedJob) -> None:
    """Each of them, also where the request fails for another reason before it comes to a secret."""
    definition = planned.definition
    for reference in references(definition.job.document()["webhook"], job=definition.job.name):
        requests.secrets.lookup(reference.name)
        for origin in reference.origins:
            if origin is not None:
                requests.secrets.check_use(reference.name, origin=origin, path=definition.path)


def _without_time(planned: PlannedJob) -> CheckFailure | None:
    """The first scheduled time that has no value for a variable of the job."""
    job = planned.definition.job
    for tick in islice(job.timing.between(planned.first, planned.last), _MOST_TIMES) if job.times else ():
        try:
            job.at(tick)
        except NoSuchTime as error:
            return CheckFailure(PreflightCheck.REQUEST, str(error), tick)
    return None
