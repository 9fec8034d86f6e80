"""The outcome of one HTTP attempt, and what follows from it. Pure."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus

from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.promises.success_codes import SuccessCodes
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.observed import Observed
from chronos_gitops.webhooks.transport.timings import PhaseTimes

_RETRIED = (408, 429)
_MAY_SAY_WHEN = (429, 503)
_SECONDS = re.compile(r"[0-9]{1,9}\Z", re.ASCII)


class OutcomeKind(StrEnum):
    SUCCESS = "success"
    FAILED = "failed"
    RETRY = "retry"


class ErrorClass(StrEnum):
    """Why an attempt failed, for metrics and for people.

    | class           | meaning                                                   | another attempt |
    |-----------------|-----------------------------------------------------------|-----------------|
    | timeout         | no complete answer, or no callback, within the timeout    | yes             |
    | connect         | the connection could not be opened, or was lost           | yes             |
    | dns             | the name could not be resolved                            | yes             |
    | tls             | no secure connection; a refused certificate               | yes; no         |
    | protocol        | the answer is not HTTP, or its header is too large        | yes             |
    | status          | the status code is not a success                          | 408, 429, 5xx   |
    | assertion       | the body breaks a rule of webhook.success                 | as it says      |
    | callback        | the target called back that it failed                     | no              |
    | circuit-open    | the host failed too often; no request was made            | yes             |
    | auth            | the token endpoint did not give an access token           | as for status   |
    | refused-address | the operator's egress level forbids the address           | no              |
    | secret          | a secret is missing, unreadable or not allowed here       | no              |
    | identity        | no identity token can be made for what runs               | no              |
    | variable        | a time of the job has no value for this scheduled time    | no              |
    | request         | the request cannot be made as the file says               | no              |
    | internal        | a defect of chronos-gitops; the log has it                | no              |
    """

    TIMEOUT = "timeout"
    CONNECT = "connect"
    DNS = "dns"
    TLS = "tls"
    PROTOCOL = "protocol"
    STATUS = "status"
    ASSERTION = "assertion"
    CALLBACK = "callback"
    CIRCUIT_OPEN = "circuit-open"
    AUTH = "auth"
    REFUSED_ADDRESS = "refused-address"
    SECRET = "secret"
    IDENTITY = "identity"
    VARIABLE = "variable"
    REQUEST = "request"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt. ``error`` is a sentence, ``response`` at most 4 KiB of text; both are scrubbed of secrets.
    ``waited`` is the time before ``duration``, for a free slot of ``limits`` or a file descriptor."""

    kind: OutcomeKind
    status_code: int | None = None
    error_class: str | None = None
    error: str | None = None
    response: str | None = None
    retry_after: timedelta | None = None
    duration: timedelta = timedelta(0)
    waited: timedelta = timedelta(0)
    phases: PhaseTimes | None = None
    observed: Observed | None = None

    def observed_in(
        self, duration: timedelta, *, waited: timedelta, error: str | None, phases: PhaseTimes | None, by: Observed
    ) -> "Outcome":
        """The same with what its attempt has seen; ``error`` is scrubbed."""
        known = self.kind, self.status_code, self.error_class, error, self.response, self.retry_after
        return Outcome(*known, duration, waited, phases, by)


class RequestNotSent(Exception):
    """The request was ready and was not sent, for whoever asked for it may not send it any more."""


class ExchangeError(ChronosError):
    """No complete answer came; ``may_retry`` says whether another attempt can end differently."""

    kind = "exchange"

    def __init__(self, error_class: ErrorClass, message: str, *, may_retry: bool = True) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.may_retry = may_retry

    @property
    def outcome_kind(self) -> OutcomeKind:
        return OutcomeKind.RETRY if self.may_retry else OutcomeKind.FAILED


def answered(
    status: int, success: SuccessCodes, *, retry_after: str | None, now: datetime, response: str | None = None
) -> Outcome:
    """The outcome of a complete answer (CONTRACT 5); ``retry_after`` is the header, read for 429 and 503 only."""
    if status in success:
        return Outcome(OutcomeKind.SUCCESS, status, response=response)
    wait = parse_retry_after(retry_after, now) if status in _MAY_SAY_WHEN and retry_after else None
    kind = OutcomeKind.RETRY if is_retried(status) else OutcomeKind.FAILED
    error = f"the target responded with {phrase(status)}"
    return Outcome(kind, status, ErrorClass.STATUS, error, response, wait)


def is_retried(status: int) -> bool:
    return status in _RETRIED or 500 <= status <= 599


def phrase(status: int) -> str:
    """``503 Service Unavailable``, in our words: the reason phrase on the wire is the receiver's to choose."""
    try:
        words = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        words = str(status)
    return f"{words}; redirects are not followed" if 300 <= status <= 399 else words


def parse_retry_after(text: str, now: datetime) -> timedelta | None:
    """RFC 9110, section 10.2.3: seconds or an HTTP date; None when it is neither, zero when it is past."""
    text = text.strip()
    if _SECONDS.match(text):
        return timedelta(seconds=int(text))
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(timedelta(0), (date if date.tzinfo else date.replace(tzinfo=UTC)) - now)
