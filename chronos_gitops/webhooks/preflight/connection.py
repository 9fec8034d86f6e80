"""Opens the connection of a request by the same rules as a webhook, and closes it before a byte is sent."""

import asyncio
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from chronos_gitops.process import file_descriptors
from chronos_gitops.process.file_descriptors import OutOfDescriptors
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.outcome import ErrorClass, ExchangeError, RequestNotSent
from chronos_gitops.webhooks.preflight.checks import CheckFailure, PreflightCheck
from chronos_gitops.webhooks.request import PreparedRequest
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy, RefusedAddress
from chronos_gitops.webhooks.transport.peer import Certificate
from chronos_gitops.webhooks.transport.timings import Phase, PhaseTimer

if TYPE_CHECKING:
    from chronos_gitops.webhooks.transport.http_client import HttpTransport

WITHIN_S: Final = 10.0
"""Seconds for each of resolving, connecting and the handshake."""
_CHECK_OF_PHASE: Final[Mapping[Phase, PreflightCheck]] = MappingProxyType(
    {
        Phase.RESOLVING: PreflightCheck.ADDRESS,
        Phase.CONNECTING: PreflightCheck.CONNECT,
        Phase.SECURING: PreflightCheck.CERTIFICATE,
    }
)
_CHECK_OF_CLASS: Final[Mapping[ErrorClass, PreflightCheck]] = MappingProxyType(
    {
        ErrorClass.DNS: PreflightCheck.ADDRESS,
        ErrorClass.TLS: PreflightCheck.CERTIFICATE,
        ErrorClass.REQUEST: PreflightCheck.REQUEST,
    }
)
_LATE: Final[Mapping[PreflightCheck, str]] = MappingProxyType(
    {
        PreflightCheck.ADDRESS: "{place} was not resolved within 10 s",
        PreflightCheck.CONNECT: "no connection to {place} within 10 s",
        PreflightCheck.CERTIFICATE: "no TLS handshake with {place} within 10 s",
    }
)


@dataclass(frozen=True, slots=True)
class Connected:
    """Result of one connection. ``shortage``: this process could not open it, which says nothing about the host."""

    failure: CheckFailure | None = None
    certificate: Certificate | None = None
    shortage: bool = False


async def connect(transport: "HttpTransport", request: PreparedRequest, egress: EgressPolicy) -> Connected:
    place = request.place or request.target.origin.authority
    limit = asyncio.timeout(WITHIN_S)
    progress = _PhaseLimits(limit=limit)
    try:
        async with limit:
            with file_descriptors.noticed():
                await transport.exchange(request, progress, lambda: False, egress=egress)
    except RequestNotSent:
        return Connected(certificate=None if progress.peer is None else progress.peer.certificate)
    except OutOfDescriptors:
        return Connected(shortage=True)
    except TimeoutError:
        check = _CHECK_OF_PHASE.get(progress.phase, PreflightCheck.CONNECT)
        return Connected(CheckFailure(check, _LATE[check].format(place=place)))
    except RefusedAddress as error:
        return Connected(CheckFailure(PreflightCheck.ADDRESS, str(error)))
    except ExchangeError as error:
        by_phase = PreflightCheck.CERTIFICATE if progress.phase is Phase.SECURING else PreflightCheck.CONNECT
        return Connected(CheckFailure(_CHECK_OF_CLASS.get(error.error_class, by_phase), str(error)))
    raise AssertionError("a request that may not be sent was answered")


@dataclass(slots=True)
class _PhaseLimits(PhaseTimer):
    """Gives each phase the whole time."""

    limit: asyncio.Timeout = field(kw_only=True)

    def enter(self, phase: Phase) -> None:
        if phase is not self.phase:
            self.limit.reschedule(asyncio.get_running_loop().time() + WITHIN_S)
        PhaseTimer.enter(self, phase)
