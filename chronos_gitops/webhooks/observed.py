"""Observed conditions of an attempt besides git: the target's address and certificate, secrets, tzdata, the runner.

It is kept with the attempt, so that a failure can be compared with the last success. It holds no value of a secret.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Self

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.webhooks.transport.peer import Certificate, Peer

SHORTEST_FINGERPRINTED: Final = 16
"""Bytes of a value below which it could be guessed from its fingerprint."""
_FINGERPRINT_BYTES: Final = 8
_DOMAIN: Final = b"chronos-gitops secret fingerprints\0"


@dataclass(frozen=True, slots=True)
class ObservedSecret:
    """``fingerprint`` is None for a value that is too short; then ``changed_at`` says whether it is another one."""

    fingerprint: str | None = field(repr=False)
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Observed:
    """``host``, ``address`` and ``certificate`` are the target's, None where the url is a secret or nothing was
    connected. ``headers`` are those of the response that are kept, scrubbed."""

    host: str | None
    address: str | None
    certificate: Certificate | None
    secrets: Mapping[str, ObservedSecret]
    tzdata: str
    runner: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As it is kept, without what is absent."""
        secrets = {name: [seen.fingerprint, _text(seen.changed_at)] for name, seen in self.secrets.items()}
        peer = {"host": self.host, "address": self.address}
        document: dict[str, Any] = {name: value for name, value in peer.items() if value is not None}
        if self.certificate is not None:
            document["certificate"] = _certificate(self.certificate)
        if self.headers:
            document["headers"] = dict(self.headers)
        return document | {"secrets": secrets, "tzdata": self.tzdata, "runner": self.runner}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        found = document.get("certificate")
        certificate = found and Certificate(found[0], *map(datetime.fromisoformat, found[1:]))
        secrets = {
            name: ObservedSecret(fingerprint, None if at is None else datetime.fromisoformat(at))
            for name, (fingerprint, at) in document["secrets"].items()
        }
        texts = (document["tzdata"], document["runner"])
        headers = document.get("headers", {})
        return cls(document.get("host"), document.get("address"), certificate or None, secrets, *texts, headers)


class Fingerprints:
    """``key`` is the engine's own, the one that callbacks are signed with; without one nothing is fingerprinted."""

    def __init__(self, key: bytes = b"") -> None:
        self._key = hmac.digest(key, _DOMAIN, hashlib.sha256) if key else b""

    def of(self, name: str, value: str) -> str | None:
        content = value.encode()
        if not self._key or len(content) < SHORTEST_FINGERPRINTED:
            return None
        return hmac.digest(self._key, name.encode() + b"\0" + content, hashlib.sha256)[:_FINGERPRINT_BYTES].hex()


@dataclass(slots=True)
class Recorder:
    """Notes what one attempt uses, while it is made."""

    fingerprints: Fingerprints
    changed_at: Callable[[str], datetime | None]
    secrets: dict[str, ObservedSecret] = field(default_factory=dict)
    host: str | None = None
    peer: Peer | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def secret(self, name: str, value: str) -> None:
        self.secrets[name] = ObservedSecret(self.fingerprints.of(name, value), self.changed_at(name))

    def target(self, host: str, peer: Peer | None) -> None:
        self.host, self.peer = host, peer

    def observed(self, *, tzdata: str, runner: str) -> Observed:
        address = None if self.peer is None else self.peer.address
        certificate = None if self.peer is None else self.peer.certificate
        return Observed(self.host, address, certificate, self.secrets, tzdata, runner, self.headers)


@lru_cache(maxsize=1000)
def _certificate(leaf: Certificate) -> list[str]:
    return [leaf.sha256, rfc3339(leaf.not_before), rfc3339(leaf.not_after)]


@lru_cache(maxsize=1000)
def _text(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)
