"""The other end of a connection: its address and, under TLS, its leaf certificate."""

import asyncio
import hashlib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Final

from chronos_gitops.process.bounded_dict import BoundedDict
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.transport import certificate_dates

_REMEMBERED: Final = 1000


@dataclass(frozen=True, slots=True)
class Certificate:
    """A leaf, by the SHA-256 of its DER form, and when it is valid. ``chain_ends`` is when the first certificate of its
    verified chain ends, None where that was not read."""

    sha256: str
    not_before: datetime
    not_after: datetime
    chain_ends: datetime | None = field(default=None, compare=False)

    @property
    def ends(self) -> datetime:
        return self.not_after if self.chain_ends is None else min(self.not_after, self.chain_ends)


@dataclass(frozen=True, slots=True)
class Peer:
    address: str
    certificate: Certificate | None = None


class PeerReader:
    """Reads each certificate once; after that a look takes a hash. ``with_chains`` reads the end of chains, too, where
    Python knows them (3.13)."""

    def __init__(self, *, with_chains: bool = False) -> None:
        self._known: BoundedDict[bytes, Certificate] = BoundedDict(_REMEMBERED)
        self._with_chains = with_chains

    def read(self, transport: asyncio.BaseTransport) -> Peer | None:
        address = transport.get_extra_info("peername")
        if not address:
            return None
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        return Peer(str(address[0]), None if tls is None else self._certificate(tls))

    def _certificate(self, tls: ssl.SSLObject) -> Certificate | None:
        der = tls.getpeercert(binary_form=True)
        if der is None:
            return None
        digest = hashlib.sha256(der).digest()
        found = self._known.get(digest)
        if found is None:
            found = self._known[digest] = _read(tls, digest, chain_of(tls) if self._with_chains else ())
        return found


def chain_of(tls: ssl.SSLObject) -> Sequence[bytes]:
    """The DER forms of the verified chain; empty before Python 3.13."""
    verified: Callable[[], Sequence[bytes]] | None = getattr(tls, "get_verified_chain", None)
    return () if verified is None else verified()


def _read(tls: ssl.SSLObject, digest: bytes, chain: Sequence[bytes]) -> Certificate:
    fields = tls.getpeercert() or {}
    begins, ends = (datetime.fromtimestamp(ssl.cert_time_to_seconds(str(fields[name])), UTC) for name in _VALIDITY)
    return Certificate(digest.hex(), begins, ends, min(map(certificate_dates.end_of_der, chain), default=None))


_VALIDITY: Final = ("notBefore", "notAfter")
