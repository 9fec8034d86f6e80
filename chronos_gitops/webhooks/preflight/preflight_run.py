"""One preflight: every check of every job, ten connections at once, at most a minute in all."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from chronos_gitops.jobs.webhook import OAuth2Auth
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.credentials.oauth2 import Tokens
from chronos_gitops.webhooks.credentials.secrets import SecretError
from chronos_gitops.webhooks.outcome import ExchangeError
from chronos_gitops.webhooks.preflight import certificate_end
from chronos_gitops.webhooks.preflight.checks import (
    CheckFailure,
    CheckProgress,
    PlannedJob,
    PreflightCheck,
    PreflightItem,
    checks_of,
)
from chronos_gitops.webhooks.preflight.connection import WITHIN_S, Connected, connect
from chronos_gitops.webhooks.preflight.prepare import call_of, prepared
from chronos_gitops.webhooks.redaction.redaction import printable_lines, scrub
from chronos_gitops.webhooks.request import PreparedRequest
from chronos_gitops.webhooks.request_factory import RequestFactory
from chronos_gitops.webhooks.transport import certificate_dates
from chronos_gitops.webhooks.transport.dns import Resolve, Resolver
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy, RefusedAddress
from chronos_gitops.webhooks.transport.egress.egress_folders import EgressPolicies
from chronos_gitops.webhooks.transport.egress.own_listener import Listener
from chronos_gitops.webhooks.transport.http_response import HttpResponse
from chronos_gitops.webhooks.transport.peer import PeerReader
from chronos_gitops.webhooks.transport.timings import PhaseTimer
from chronos_gitops.webhooks.transport.tls import TlsContexts
from chronos_gitops.webhooks.url import RequestError

if TYPE_CHECKING:
    from chronos_gitops.webhooks.transport.http_client import HttpTransport

AT_ONCE: Final = 10
IN_ALL_S: Final = 60.0
_LATE: Final = "the preflight was stopped after 60 s"
_SHORTAGE: Final = "this runner had no file descriptor free"


@dataclass(frozen=True, slots=True)
class PreflightProbe:
    """The parts that a preflight shares with a runner's webhooks. ``resolve`` replaces getaddrinfo."""

    requests: RequestFactory
    egress: EgressPolicies
    trust: TlsContexts
    listener: Listener | None = None
    resolve: Resolve | None = None
    within: float = IN_ALL_S

    def run(self, planned: Sequence[PlannedJob]) -> tuple[PreflightItem, ...]:
        """Blocks the calling thread, which may have an event loop of its own."""
        with ThreadPoolExecutor(1, thread_name_prefix="chronos-preflight-run") as thread:
            return thread.submit(lambda: asyncio.run(self._run(planned))).result()

    async def _run(self, planned: Sequence[PlannedJob]) -> tuple[PreflightItem, ...]:
        from chronos_gitops.webhooks.transport.http_client import HttpTransport  # 0.15 s, for the first preflight

        progresses = [CheckProgress(one, checks_of(one.definition.job)) for one in planned]
        transport = HttpTransport(
            egress=self.egress.default.policy,
            trust=self.trust,
            resolve=self.resolve or Resolver().resolve,
            listener=self.listener,
            read_peers=PeerReader(with_chains=True),
        )
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.within):
                    await _Round(self, transport).run(progresses)
        finally:
            await transport.close()
        return tuple(item for progress in progresses for item in progress.items(otherwise=_LATE))


@dataclass(slots=True)
class _Round:
    probe: PreflightProbe
    transport: "HttpTransport"
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    tokens: Tokens = field(default_factory=Tokens)
    """Of this preflight, which are dropped with it."""

    async def run(self, progresses: Sequence[CheckProgress]) -> None:
        ready = [found for progress in progresses if (found := await self._prepared(progress)) is not None]
        groups: defaultdict[object, list[_Ready]] = defaultdict(list)
        for one in ready:
            groups[(one.request.target.origin, one.request.place, one.egress)].append(one)
        async with asyncio.TaskGroup() as tasks:
            for group in groups.values():
                tasks.create_task(self._look(group))

    async def _prepared(self, progress: CheckProgress) -> "_Ready | None":
        await asyncio.sleep(0)  # the time for all of it may be over
        request = prepared(self.probe.requests, progress)
        policy = self.probe.egress.of(progress.planned.definition.path).policy
        return None if request is None else _Ready(progress, request, policy)

    async def _look(self, group: Sequence["_Ready"]) -> None:
        """One connection for all jobs of a host and port."""
        first = group[0]
        async with self.turns:
            connected = await connect(self.transport, first.request, first.egress)
        for one in group:
            _judge(one, connected, self.probe.trust)
        asking = [one for one in group if one.is_passing and PreflightCheck.TOKEN in one.progress.checks]
        await asyncio.gather(*map(self._in_turn, asking))

    async def _in_turn(self, one: "_Ready") -> None:
        async with self.turns:
            await self._ask_for_token(one)

    async def _ask_for_token(self, one: "_Ready") -> None:
        job = one.progress.planned.definition.job
        assert isinstance(job.webhook.auth, OAuth2Auth)
        labels: dict[str, str] = {}
        try:
            asked = self.probe.requests.token_request(job.webhook.auth, call_of(one.progress.planned), one.request)
            labels.update(asked.secrets)
            async with asyncio.timeout(WITHIN_S):
                await self.tokens.get(asked, self._fetching(one.egress), self.probe.requests.now)
        except SecretError as error:
            one.fails(PreflightCheck.SECRET, error.message)
        except TimeoutError:
            one.fails(PreflightCheck.TOKEN, "the token endpoint gave no token within 10 s")
        except (ExchangeError, RefusedAddress, RequestError) as error:
            one.fails(PreflightCheck.TOKEN, printable_lines(scrub(str(error), labels)))
        else:
            one.progress.passes(PreflightCheck.TOKEN)

    def _fetching(self, egress: EgressPolicy) -> Callable[[PreparedRequest], "asyncio.Future[HttpResponse]"]:
        return lambda asked: asyncio.ensure_future(self.transport.exchange(asked, PhaseTimer(), egress=egress))


@dataclass(frozen=True, slots=True)
class _Ready:
    """A job whose request is rendered."""

    progress: CheckProgress
    request: PreparedRequest
    egress: EgressPolicy

    @property
    def is_passing(self) -> bool:
        return self.progress.failure is None and not self.progress.stopped

    def fails(self, check: PreflightCheck, message: str) -> None:
        self.progress.failure = CheckFailure(check, message)


def _judge(one: _Ready, connected: Connected, trust: TlsContexts) -> None:
    progress = one.progress
    if connected.shortage:
        progress.stopped = _SHORTAGE
        return
    failed = connected.failure
    if failed is not None:
        reached = progress.checks.index(failed.check) if failed.check in progress.checks else len(progress.checks)
        progress.passes(*progress.checks[:reached])
        progress.failure = CheckFailure(
            failed.check, printable_lines(scrub(failed.message, one.request.secrets)), failed.at
        )
        return
    progress.passes(PreflightCheck.ADDRESS, PreflightCheck.CONNECT)
    if PreflightCheck.CERTIFICATE in progress.checks:
        progress.failure = _certificate_failure(one, connected, trust)
        if progress.failure is None:
            progress.passes(PreflightCheck.CERTIFICATE)


def _certificate_failure(one: _Ready, connected: Connected, trust: TlsContexts) -> CheckFailure | None:
    """Theirs ends too early, or the one that this runner shows."""
    host, planned = one.request.place or one.request.target.host, one.progress.planned
    theirs = None if connected.certificate is None else connected.certificate.ends
    file = trust.client_certificate(one.request.target.host)
    ours = None if file is None else certificate_dates.end_of_file(file)
    ends: tuple[tuple[datetime | None, str], ...] = (
        (theirs, f"the certificate of {host}"),
        (ours, f"the client certificate for {host}"),
    )
    found = (certificate_end.failure(planned, end, owner) for end, owner in ends if end is not None)
    return next((one for one in found if one is not None), None)
