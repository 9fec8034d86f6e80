"""One request to an address of the operator's settings: a channel, a heartbeat, the forge. Safe from any thread."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Self

from chronos_gitops import __version__
from chronos_gitops.config.settings import Settings
from chronos_gitops.errors import ChronosError
from chronos_gitops.jobs.secrets.masking import MASK
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.credentials.auth import Headers
from chronos_gitops.webhooks.request import PreparedRequest
from chronos_gitops.webhooks.transport.dns import Resolver
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy
from chronos_gitops.webhooks.transport.http_response import HttpResponse
from chronos_gitops.webhooks.transport.timings import PhaseTimer
from chronos_gitops.webhooks.transport.tls import TlsContexts
from chronos_gitops.webhooks.url import Target

DEADLINE: Final = timedelta(seconds=30)
"""For one request, from the name to the last byte."""
SHORTEST_HIDDEN: Final = 4
"""Characters of a value below which redacting it would only garble the text around it."""


class NoCompleteAnswer(ChronosError):
    """The other side did not finish within the deadline."""

    kind = "not-sent"


@dataclass(frozen=True, slots=True)
class OperatorClient:
    """Each call has a connection of its own. The level that holds for jobs is not the operator's: internal and loopback
    addresses may be reached; link-local and metadata ones only by an entry of ``egress.allow``."""

    egress: EgressPolicy
    trust: TlsContexts
    user_agent: str = f"chronos-gitops/{__version__}"
    deadline: timedelta = DEADLINE

    @classmethod
    def of(cls, settings: Settings) -> Self:
        egress = settings.egress
        policy = EgressPolicy.parse("internal", egress.allow, loopback_allowed=True)
        return cls(policy, TlsContexts(egress.ca_file, egress.hosts))

    def exchange(
        self, method: str, url: str, headers: Headers, body: bytes | None, hidden: Mapping[str, str]
    ) -> HttpResponse:
        """The answer, whatever its status. ``hidden`` maps values to what is shown in their place. NoCompleteAnswer,
        RequestError, ExchangeError, RefusedAddress or OSError."""
        ours = (("User-Agent", self.user_agent), ("Accept-Encoding", "identity"))
        accept = () if any(name == "Accept" for name, _ in headers) else (("Accept", "*/*"),)
        request = PreparedRequest(method, Target.parse(url), (*ours, *accept, *headers), body, hidden)
        return asyncio.run(self._within(request))

    async def _within(self, request: PreparedRequest) -> HttpResponse:
        from chronos_gitops.webhooks.transport.http_client import HttpTransport  # 0.15 s, for the first call

        progress = PhaseTimer()
        wire = HttpTransport(egress=self.egress, trust=self.trust, resolve=Resolver().resolve)
        try:
            async with asyncio.timeout(self.deadline.total_seconds()):
                return await wire.exchange(request, progress)
        except TimeoutError:
            seconds = self.deadline.total_seconds()
            raise NoCompleteAnswer(f"no complete answer within {seconds:g} s ({progress.phase})") from None
        finally:
            await wire.close()


def masks_of(url: str) -> Mapping[str, str]:
    """The forms in which an address that is a secret could be told, with what is shown in their place."""
    target = Target.parse(url)
    path = target.url.split("/", 3)[3]
    return {value: MASK for value in (url, target.url, f"/{path}", path) if len(value) >= SHORTEST_HIDDEN}
