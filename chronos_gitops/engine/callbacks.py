"""Callbacks of targets that have accepted work: the right to post, and the effect on the execution. Pure.

A callback URL is a capability: HMAC-SHA256 (RFC 2104) over the execution's id, under a key that all runners of one
engine share, so that any of them can check it. It does not expire by itself: it can end one execution, once.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chronos_gitops.engine.model import Attempt, Execution, ExecutionDetail, Status, finished
from chronos_gitops.errors import ChronosError, ConflictError
from chronos_gitops.jobs.model import Job
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.outcome import ErrorClass, Outcome, OutcomeKind
from chronos_gitops.webhooks.request import AttemptContext

KEY_BYTES: Final = 32
_DOMAIN: Final = b"chronos-gitops callback\0"
_CLOSEST: Final = timedelta(seconds=1)
_MOST: Final = 1000
_IN_AN_ERROR: Final = 200


class CallbackUnknown(ChronosError):
    """The signature is not that of this execution, or there is no such execution: the answer is the same."""

    kind = "callback-unknown"


class CallbackLate(ConflictError):
    """The execution has ended, and not as this callback says."""

    kind = "callback-late"


class CallbackUnexpected(ConflictError):
    """The job's executions are done when they are answered."""

    kind = "callback-unexpected"


class Told(StrEnum):
    """``running`` is a heartbeat; the others end the execution."""

    SUCCESS = "success"
    FAILED = "failed"
    RUNNING = "running"

    @property
    def end(self) -> Status | None:
        return None if self is Told.RUNNING else Status(self.value)


@dataclass(frozen=True, slots=True)
class CallbackReport:
    """The body of a callback. ``message`` is stored: at most 4 KiB, already scrubbed of secrets."""

    told: Told
    message: str | None = None


def sign(key: bytes, execution_id: str) -> str:
    """43 characters that may stand in a URL."""
    digest = hmac.new(key, _DOMAIN + execution_id.encode(errors="surrogateescape"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def verify(key: bytes, execution_id: str, signature: str) -> None:
    """Raises CallbackUnknown for anything but this execution's signature; compares in constant time."""
    given = signature.encode(errors="surrogateescape")
    if not hmac.compare_digest(given, sign(key, execution_id).encode()):
        raise unknown()


def unknown() -> CallbackUnknown:
    return CallbackUnknown(
        "This is not the callback URL of an execution.", hint="Post to the whole X-Chronos-Callback-URL of the request."
    )


def deadline(job: Job, outcome: Outcome, now: datetime) -> datetime | None:
    """Until when the callback of this attempt has to come: the timeout, counted from when its request was sent. None
    when the attempt is over as it is; ``now`` is when its answer was complete."""
    if not job.awaits_callback or outcome.kind is not OutcomeKind.SUCCESS:
        return None
    return now - outcome.duration + job.attempt_timeout


def overdue(within: str, *, last_heartbeat: datetime | None) -> Outcome:
    """The attempt whose callback did not come in time, which was so long: retried as every timeout is."""
    heard = "" if last_heartbeat is None else f"; the last heartbeat came at {last_heartbeat:%Y-%m-%dT%H:%M:%SZ}"
    return Outcome(OutcomeKind.RETRY, error_class=ErrorClass.TIMEOUT, error=f"no callback within {within}{heard}")


def spacing(execution: Execution, job: Job | None) -> timedelta:
    """Minimum time between two heartbeats that are recorded. CallbackUnexpected for a job that waits for none."""
    if job is None or not job.awaits_callback:
        raise CallbackUnexpected(
            f"the job {execution.job} does not wait for callbacks", hint="see webhook.completion in its file"
        )
    return max(_CLOSEST, job.attempt_timeout / _MOST)


def scrubbed(
    report: CallbackReport, found: ExecutionDetail, signature: str, excerpt: Callable[[Job, AttemptContext, str], str]
) -> CallbackReport:
    """The report with what may be kept of its message; ``excerpt`` is that of the delivery."""
    seen = found.execution
    if report.message is None or found.job is None:
        return report
    call = AttemptContext(seen.id, seen.scheduled_time, seen.attempts, seen.commit, path=seen.path, signature=signature)
    return replace(report, message=excerpt(found.job, call, report.message))


def received(execution: Execution, report: CallbackReport, *, at: datetime, spacing: timedelta) -> Execution | None:
    """The execution as the callback makes it, or None when it changes nothing: the same outcome again, or a heartbeat
    within ``spacing`` of the last one. Raises CallbackLate.

    Workflow code calls it: a change of what it answers needs a patch there, for histories are replayed.
    """
    if execution.status.is_final:
        if execution.is_called_back and report.told.end is execution.status:
            return None
        raise CallbackLate(f"execution {execution.id} has ended already: {execution.status}")
    if report.told.end is None:
        return _heard(execution, report, at, spacing)
    message = report.message or execution.message
    ended = replace(finished(execution, report.told.end, at=at), is_called_back=True, message=message)
    if report.told is Told.SUCCESS:
        return replace(ended, error_class=None, error=None)
    said = f": {report.message[:_IN_AN_ERROR]}" if report.message else ""
    return replace(ended, error_class=str(ErrorClass.CALLBACK), error=f"the target called back that it failed{said}")


def _heard(execution: Execution, report: CallbackReport, at: datetime, spacing: timedelta) -> Execution | None:
    last = execution.heartbeat_at
    if last is not None and last <= at < last + spacing:
        return None
    return replace(execution, heartbeat_at=at, message=report.message or execution.message)


def judged(attempt: Attempt, execution: Execution) -> Attempt:
    """The last attempt of an execution whose target called back that it failed: its answer had been a success."""
    is_its_attempt = attempt.number == execution.attempts and attempt.error_class is None
    if not is_its_attempt or execution.error_class != ErrorClass.CALLBACK:
        return attempt
    return replace(attempt, error_class=execution.error_class, error=execution.error)
