"""One HTTP attempt of one execution: prepared, sent within its deadline, judged, scrubbed."""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.success import Otherwise, Success
from chronos_gitops.jobs.secrets.masking import MASK
from chronos_gitops.jobs.webhook import IdentityAuth, OAuth2Auth
from chronos_gitops.process import file_descriptors
from chronos_gitops.process.file_descriptors import OutOfDescriptors, Shortage
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.zones.timezones import rules_version
from chronos_gitops.webhooks.body_check import Answer, broken_rule
from chronos_gitops.webhooks.credentials.oauth2 import Tokens
from chronos_gitops.webhooks.credentials.secrets import SecretError, Secrets
from chronos_gitops.webhooks.identity.issuer import Issuer
from chronos_gitops.webhooks.identity.signing_keys import IdentityError
from chronos_gitops.webhooks.observed import Recorder
from chronos_gitops.webhooks.outcome import ErrorClass, ExchangeError, Outcome, OutcomeKind, RequestNotSent, answered
from chronos_gitops.webhooks.redaction.redaction import excerpt, printable_lines, scrub
from chronos_gitops.webhooks.request import AttemptContext, PreparedRequest
from chronos_gitops.webhooks.request_factory import RequestFactory
from chronos_gitops.webhooks.transport.circuit_breaker import CircuitBreakers
from chronos_gitops.webhooks.transport.concurrency import ConcurrencyLimiter
from chronos_gitops.webhooks.transport.dns import Resolve, Resolver
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy, RefusedAddress
from chronos_gitops.webhooks.transport.egress.egress_folders import EgressPolicies, FolderPolicy
from chronos_gitops.webhooks.transport.egress.own_listener import Listener
from chronos_gitops.webhooks.transport.http_response import HttpResponse
from chronos_gitops.webhooks.transport.timings import PhaseTimer
from chronos_gitops.webhooks.transport.tls import TlsContexts
from chronos_gitops.webhooks.url import RequestError, authority_of
from chronos_gitops.webhooks.warm_up import load_client

if TYPE_CHECKING:
    from chronos_gitops.webhooks.transport.http_client import HttpTransport

__all__ = ["Delivery"]

log = logging.getLogger(__name__)
_DESCRIPTOR_RETRY_S = 1.0
_LONGEST_HEADER = 256


OnAttempt = Callable[[Job, AttemptContext, Outcome], None]


@dataclass(slots=True)
class _AttemptState:
    """State of one attempt. ``labels`` are shown in place of the values that it has met."""

    job: Job
    call: AttemptContext
    recorder: Recorder
    progress: PhaseTimer = field(default_factory=PhaseTimer)
    labels: dict[str, str] = field(default_factory=dict)


class Delivery:
    """Sends requests; ``async with`` it in the event loop that calls ``attempt``.

    ``trust`` says which authorities are believed, the system's when absent. A slot, of ``per_host`` for one host and
    ``at_once`` altogether, is waited for outside the attempt's timeout; ``rate`` is requests a second per host. After
    ``breaker_after`` failures in a row a host is left alone for a while (0: never). ``resolve`` stands in for
    getaddrinfo. ``public_url`` is the address under which callbacks reach this runner, empty when it is not known.
    ``egress`` may differ by the folder of a job's file. ``listener`` is the runner's own, which no request may reach;
    ``issuer`` makes identity tokens. ``on_attempt`` hears of each attempt that ended; it must neither block nor raise.
    """

    def __init__(
        self,
        *,
        secrets: Secrets,
        egress: EgressPolicy | EgressPolicies,
        user_agent: str,
        trust: TlsContexts | None = None,
        at_once: int = 200,
        per_host: int = 50,
        rate: int = 0,
        breaker_after: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        resolve: Resolve | None = None,
        public_url: Callable[[], str] = lambda: "",
        listener: Listener | None = None,
        issuer: Issuer | None = None,
        on_attempt: OnAttempt = lambda _job, _call, _outcome: None,
    ) -> None:
        self._secrets = secrets
        self._egress = egress if isinstance(egress, EgressPolicies) else EgressPolicies(FolderPolicy(egress))
        self._requests = RequestFactory(secrets, user_agent, now, public_url, issuer)
        self._runner = user_agent.rpartition("/")[2]
        self._tzdata = rules_version()
        self._trust = trust or TlsContexts()
        self._at_once = at_once
        self._per_host = per_host
        self._rate = rate
        self._breakers = CircuitBreakers(after=breaker_after)
        self._shortage = Shortage("webhooks_wait_for_descriptors")
        self._now = now
        self._resolve = resolve
        self._listener = listener
        self._on_attempt = on_attempt

    async def __aenter__(self) -> Self:
        self._slots = ConcurrencyLimiter(at_once=self._at_once, per_host=self._per_host, rate=self._rate)
        self._tokens = Tokens()
        self._wire: HttpTransport | None = None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._wire is not None:
            await self._wire.close()

    async def attempt(self, job: Job, call: AttemptContext) -> Outcome:
        """One request and what it brought. Raises nothing but CancelledError, and then the connection is closed, and
        RequestNotSent, and then nothing was sent."""
        asked = time.monotonic()
        while True:
            try:
                outcome = await self._attempt(job, call, asked)
            except OutOfDescriptors:
                # Nothing is known about the target: no attempt is used up, and whatever ends frees a descriptor.
                self._shortage.note()
                await asyncio.sleep(_DESCRIPTOR_RETRY_S)
            else:
                self._on_attempt(job, call, outcome)
                return outcome

    async def _open(self) -> None:
        """Loads the client where ``WarmUp`` has not: outside of the attempt's timeout, and of the event loop."""
        await asyncio.to_thread(load_client, self._trust)
        from chronos_gitops.webhooks.transport.http_client import HttpTransport

        if self._wire is None:
            resolve = self._resolve or Resolver().resolve
            policy = self._egress.default.policy
            self._wire = HttpTransport(egress=policy, trust=self._trust, resolve=resolve, listener=self._listener)

    async def _attempt(self, job: Job, call: AttemptContext, asked: float) -> Outcome:
        host = authority_of(job.webhook.url)
        async with self._slots.hold(host):
            started = time.monotonic()
            call.begins()
            made = _AttemptState(job, call, Recorder(call.fingerprints, self._secrets.changed_at))
            outcome = self._breakers.refusal(host, started) or await self._tried(host, made)
        error = outcome.error and printable_lines(scrub(outcome.error, made.labels))
        elapsed, waited = timedelta(seconds=time.monotonic() - started), timedelta(seconds=started - asked)
        observed = made.recorder.observed(tzdata=self._tzdata, runner=self._runner)
        times = made.progress.times()
        return outcome.observed_in(elapsed, waited=waited, error=error, phases=times, by=observed)

    @property
    def is_short_of_descriptors(self) -> bool:
        """An attempt could not open its connection just now; may be asked from any thread."""
        return self._shortage.is_on

    @property
    def descriptor_shortage(self) -> str:
        """Why nothing is claimed, for health; empty while a descriptor is free."""
        return "no file descriptor is free, so nothing is claimed" if self.is_short_of_descriptors else ""

    def open_circuits(self) -> tuple[str, ...]:
        """Hosts that no request is made to for now; may be asked from any thread."""
        return self._breakers.open_hosts(time.monotonic())

    def excerpt(self, job: Job, call: AttemptContext, text: str) -> str:
        """The stored part of a text that the target sent later, scrubbed as its responses are; safe in any thread."""
        if not self._keeps(call):
            return ""
        try:
            request = self._requests.rendered(job, call)
            labels = dict(request.secrets)
            if isinstance(job.webhook.auth, OAuth2Auth):
                asked = self._requests.token_request(job.webhook.auth, call, request)
                labels |= {**asked.secrets, **dict.fromkeys(self._tokens.known(), MASK)}
        except (SecretError, RequestError) as error:
            return f"(not kept, because what must not be kept of it is not known: {error.message})"
        return excerpt(text.encode(errors="replace"), labels)

    async def _tried(self, host: str, made: _AttemptState) -> Outcome:
        outcome = None
        try:
            outcome = await self._judged(made)
            return outcome
        finally:
            self._breakers.settle(host, outcome, time.monotonic())

    async def _judged(self, made: _AttemptState) -> Outcome:
        timeout = made.job.attempt_timeout
        try:
            if self._wire is None:
                with file_descriptors.noticed():
                    await self._open()
            async with asyncio.timeout(timeout.total_seconds()):
                try:
                    return await self._delivered(made)
                except Exception as error:  # as file_descriptors.noticed does, without its cost
                    if file_descriptors.ran_out(error):
                        raise OutOfDescriptors from error
                    raise
        except (RequestNotSent, OutOfDescriptors):
            raise
        except TimeoutError:
            message = f"no complete answer within {durations.render(timeout)} ({made.progress.phase})"
            return Outcome(OutcomeKind.RETRY, error_class=ErrorClass.TIMEOUT, error=message)
        except ExchangeError as error:
            return Outcome(error.outcome_kind, error_class=error.error_class, error=str(error))
        except (RefusedAddress, SecretError, RequestError, IdentityError) as error:
            return Outcome(OutcomeKind.FAILED, error_class=error.kind, error=str(error))
        except Exception as error:
            # The one broad catch of this room: whatever breaks here must end as a row, not end the engine's task.
            # Only the place is logged; the message of an unknown error may hold a value.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("an attempt failed with an internal error: %s\n%s", type(error).__name__, where)
            message = f"an internal error ({type(error).__name__}); see the log of the runner"
            return Outcome(OutcomeKind.FAILED, error_class=ErrorClass.INTERNAL, error=message)

    async def _delivered(self, made: _AttemptState) -> Outcome:
        answer = await self._answer(made)
        webhook, keeps, labels = made.job.webhook, self._keeps(made.call), made.labels
        kept = excerpt(answer.body, labels) if keeps else None
        if keeps and answer.headers:
            made.recorder.headers = {name: _header(name, value, labels) for name, value in answer.headers}
        outcome = answered(
            answer.status, webhook.success_codes, retry_after=answer.retry_after, now=self._now(), response=kept
        )
        if outcome.kind is OutcomeKind.SUCCESS and webhook.success is not None:
            outcome = _judge_body(outcome, webhook.success, answer, labels, keeps=keeps)
        return outcome

    def _keeps(self, call: AttemptContext) -> bool:
        """True if anything that the target of this job sends is kept."""
        return self._egress.of(call.path).keeps_responses

    async def _answer(self, made: _AttemptState) -> HttpResponse:
        job, call, requests, recorder = made.job, made.call, self._requests, made.recorder
        if isinstance(job.webhook.auth, IdentityAuth):
            return await self._send(requests.identified(job, call, recorder), made)
        if not isinstance(job.webhook.auth, OAuth2Auth):
            return await self._send(requests.rendered(job, call, recorder), made)
        # Rendered first, so that what a token is obtained with is judged for where the token goes, also a kept one.
        request = requests.rendered(job, call, recorder)
        asked = requests.token_request(job.webhook.auth, call, request, recorder)

        async def fetch(request: PreparedRequest) -> HttpResponse:
            return await self._exchange(request, made)

        token, is_new = await self._tokens.get(asked, fetch, self._now)
        answer = await self._send(requests.rendered(job, call, recorder, token), made)
        if answer.status != 401 or is_new:
            return answer
        # A kept token may have been revoked since: once more with a new one.
        self._tokens.forget(asked, token)
        token, _ = await self._tokens.get(asked, fetch, self._now)
        return await self._send(requests.rendered(job, call, recorder, token), made)

    async def _send(self, request: PreparedRequest, made: _AttemptState) -> HttpResponse:
        """To the target, whose address is noted unless the url is a secret."""
        made.progress.peer = None
        try:
            return await self._exchange(request, made)
        finally:
            if not request.place:
                made.recorder.target(request.target.host, made.progress.peer)

    async def _exchange(self, request: PreparedRequest, made: _AttemptState) -> HttpResponse:
        made.labels.update(request.secrets)
        policy = self._egress.of(made.call.path).policy
        assert self._wire is not None
        call = made.call
        return await self._wire.exchange(request, made.progress, call.may_send, call.confirm, egress=policy)


def _header(name: str, value: str, labels: Mapping[str, str]) -> str:
    """The stored part of a response header: scrubbed before it is cut. The query of a Location may be a signature."""
    shown = excerpt(value.encode(), labels)
    if name == "Location":
        path, mark, _ = shown.partition("?")
        shown = path + (f"?{MASK}" if mark else "")
    return shown[:_LONGEST_HEADER]


def _judge_body(
    outcome: Outcome, success: Success, answer: HttpResponse, labels: Mapping[str, str], *, keeps: bool
) -> Outcome:
    """The outcome of an answer whose status is a success, by the rules on its body (PROMISES section 1). ``keeps`` says
    whether an error may show parts of the body."""
    if answer.body_fault is not None:
        return Outcome(
            answer.body_fault.outcome_kind,
            outcome.status_code,
            answer.body_fault.error_class,
            f"{answer.body_fault}; webhook.success needs the whole body",
            outcome.response,
        )

    def shown(text: str) -> str:
        return printable_lines(scrub(text, labels)) if keeps else "(not kept)"

    error = broken_rule(success, Answer(answer.body, answer.is_longer, answer.encoding), shown)
    if error is None:
        return outcome
    kind = OutcomeKind.RETRY if success.otherwise is Otherwise.RETRY else OutcomeKind.FAILED
    return replace(outcome, kind=kind, error_class=ErrorClass.ASSERTION, error=error)
