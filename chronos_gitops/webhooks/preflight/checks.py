"""The checks of a job, in order, and how far a preflight came with them. Pure."""

from collections.abc import Iterator
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from chronos_gitops.jobs.model import Job, JobVersion
from chronos_gitops.jobs.templates import templates
from chronos_gitops.jobs.webhook import OAuth2Auth
from chronos_gitops.process.lazy_dataclass import dataclass


class PreflightCheck(StrEnum):
    SECRET = "secret"
    REQUEST = "request"
    ADDRESS = "address"
    CONNECT = "connect"
    CERTIFICATE = "certificate"
    TOKEN = "token"


class CheckResult(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job with scheduled times in the window, from ``first`` to ``last``; ``execution_id`` stands for that
    of the first."""

    definition: JobVersion
    first: datetime
    last: datetime
    execution_id: str


@dataclass(frozen=True, slots=True)
class PreflightItem:
    """One check of one job. ``scheduled_time`` is the first one that is concerned. ``host`` is None where the url is a
    secret, and before the request is rendered."""

    job: str
    scheduled_time: datetime
    check: PreflightCheck
    result: CheckResult
    host: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class CheckFailure:
    """``at`` is the first scheduled time that it concerns, None for all of them."""

    check: PreflightCheck
    message: str
    at: datetime | None = None


def checks_of(job: Job) -> tuple[PreflightCheck, ...]:
    """In order. A url that is a secret may be one of https."""
    url = job.webhook.url
    is_tls = url[:6].lower() == "https:" or templates.reference_in(url) is not None
    checks = [PreflightCheck.SECRET, PreflightCheck.REQUEST, PreflightCheck.ADDRESS, PreflightCheck.CONNECT]
    checks += [PreflightCheck.CERTIFICATE] if is_tls else []
    checks += [PreflightCheck.TOKEN] if isinstance(job.webhook.auth, OAuth2Auth) else []
    return tuple(checks)


@dataclass(slots=True)
class CheckProgress:
    """Progress of one job's checks. A check has passed only when ``passed`` names it."""

    planned: PlannedJob
    checks: tuple[PreflightCheck, ...]
    host: str | None = None
    passed: dict[PreflightCheck, str] = field(default_factory=dict)
    failure: CheckFailure | None = None
    stopped: str = ""
    """Why the checks ended without a failure."""

    def passes(self, *checks: PreflightCheck, message: str = "") -> None:
        self.passed |= dict.fromkeys(checks, message)

    def items(self, *, otherwise: str) -> Iterator[PreflightItem]:
        """``otherwise`` says why a check was not run, where none failed before it."""
        job, first = self.planned.definition.job.name, self.planned.first
        failed = self.failure
        why = self.stopped or otherwise if failed is None else f"the check {failed.check} failed before"
        for check in self.checks:
            host = None if check is PreflightCheck.SECRET else self.host
            if failed is not None and check is failed.check:
                yield PreflightItem(job, failed.at or first, check, CheckResult.FAIL, self.host, failed.message)
            elif check in self.passed:
                yield PreflightItem(job, first, check, CheckResult.PASS, host, self.passed[check])
            else:
                yield PreflightItem(job, first, check, CheckResult.NOT_RUN, host, why)
