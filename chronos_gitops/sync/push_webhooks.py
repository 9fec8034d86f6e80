"""Push webhooks of forges: who sent them, and what they are about. Pure; the payload is a hint and never an order.

Forges without signatures of their own (Azure DevOps, EventBridge) send the secret as a password or in a header.
"""

import base64
import binascii
import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from chronos_gitops.errors import ChronosError
from chronos_gitops.process.bounded_dict import BoundedDict
from chronos_gitops.sync import push_payloads
from chronos_gitops.sync.push_payloads import MovedRef

Header = Callable[[str], str | None]

_SIGNING_TOKEN: Final = "whsec_"
_CLOCK_SKEW: Final = timedelta(minutes=5)
_REMEMBERED_FOR: Final = timedelta(hours=24)
_REMEMBERED: Final = 10_000
_LONGEST_ID: Final = 200


class PushSender(StrEnum):
    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    BITBUCKET = "bitbucket"
    AZURE = "azure"
    CODECOMMIT = "codecommit"


# The first header that is there decides: a wrong strong signature is never made good by a weaker one.
_SIGNATURES: Final = {
    PushSender.GITHUB: ("X-Hub-Signature-256",),
    PushSender.GITEA: ("X-Forgejo-Signature", "X-Gitea-Signature", "X-Gogs-Signature", "X-Hub-Signature-256"),
    PushSender.BITBUCKET: ("X-Hub-Signature",),
}
_PASSWORDS: Final = {PushSender.AZURE: None, PushSender.CODECOMMIT: "X-Api-Key"}
"""The header that may hold the secret in place of a password (RFC 7617)."""
_EVENTS: Final = {
    PushSender.GITHUB: ("X-GitHub-Event",),
    PushSender.GITLAB: ("X-Gitlab-Event",),
    PushSender.GITEA: ("X-Forgejo-Event", "X-Gitea-Event", "X-Gogs-Event", "X-GitHub-Event"),
    PushSender.BITBUCKET: ("X-Event-Key",),
    PushSender.AZURE: (),
    PushSender.CODECOMMIT: (),
}
_IDS: Final = {
    PushSender.GITHUB: ("X-GitHub-Delivery",),
    PushSender.GITLAB: ("webhook-id", "Idempotency-Key", "X-Gitlab-Event-UUID"),
    PushSender.GITEA: ("X-Forgejo-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery", "X-GitHub-Delivery"),
    PushSender.BITBUCKET: ("X-Request-UUID", "X-Request-Id"),
    PushSender.AZURE: (),
    PushSender.CODECOMMIT: (),
}
_READERS: Final[Mapping[PushSender, push_payloads.Reader]] = {
    PushSender.GITHUB: push_payloads.of_git_hook,
    PushSender.GITLAB: push_payloads.of_git_hook,
    PushSender.GITEA: push_payloads.of_git_hook,
    PushSender.BITBUCKET: push_payloads.of_bitbucket,
    PushSender.AZURE: push_payloads.of_azure,
    PushSender.CODECOMMIT: push_payloads.of_codecommit,
}
_PUSHES: Final = ("push", "Push Hook", "System Hook", "repo:push", "repo:refs_changed")
_PINGS: Final = ("ping", "diagnostics:ping")


class BadSignature(ChronosError):
    """The sender of the request does not know a secret of this hook."""

    kind = "bad-signature"


def verify(forge: PushSender, header: Header, body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """BadSignature unless the raw ``body`` was signed with one of the secrets, as this forge signs.

    GitHub: "Validating webhook deliveries"; Gitea and its kin: services/webhook/deliver.go; GitLab: its signing token
    is Standard Webhooks 1.0, its older secret token stands in a header as it is. Bitbucket: "Secure webhooks". Azure
    DevOps and EventBridge sign nothing: the secret is the password, or an API key.
    """
    if forge in _PASSWORDS:
        keys = [secret.encode() for secret in secrets]
        header_name = _PASSWORDS[forge]
        given = header(header_name) if header_name is not None else None
        right = _is_any(_raw(given) if given is not None else _password(header), keys)
    elif forge is not PushSender.GITLAB:
        right = _is_signed(header, _SIGNATURES[forge], body, secrets)
    elif header("webhook-signature") is not None:
        right = _is_signed_standard(header, body, secrets, now)
    else:
        plain = [secret.encode() for secret in secrets if not secret.startswith(_SIGNING_TOKEN)]
        right = _is_any(_raw(header("X-Gitlab-Token")), plain)
    if not right:
        raise BadSignature("The signature is missing or wrong.", hint="Give the forge and the runner the same secret.")


def is_ping(forge: PushSender, header: Header) -> bool:
    """True if the request is the forge's test of its webhook."""
    return _first(header, _EVENTS[forge]) in _PINGS


def delivery(forge: PushSender, header: Header, body: bytes) -> str | None:
    """The forge's id of this delivery; a redelivery has the same one."""
    found = _first(header, _IDS[forge])
    if found is None and forge in _PASSWORDS:
        named = _payload(forge, header, body).get("id")
        found = named if isinstance(named, str) else None
    return f"{forge}:{found[:_LONGEST_ID]}" if found else None


def push_to(ref: str | None, forge: PushSender, header: Header, body: bytes) -> MovedRef | None:
    """The push that moved, made or deleted exactly this full ref; any branch when it is None (not known yet).

    UnreadablePayload, UnsupportedMedia.
    """
    if _EVENTS[forge] and _first(header, _EVENTS[forge]) not in _PUSHES:
        return None
    pushes = _READERS[forge](_payload(forge, header, body))
    return next((one for one in pushes if one.ref == ref or (ref is None and one.ref.startswith("refs/heads/"))), None)


class Deliveries:
    """Ids of the last 24 hours, at most 10,000. Safe from any thread."""

    def __init__(self) -> None:
        self._seen: BoundedDict[str, datetime] = BoundedDict(_REMEMBERED)
        self._lock = threading.Lock()

    def is_new(self, delivery: str | None, now: datetime) -> bool:
        """Remembers the id; one without an id is always new."""
        if delivery is None:
            return True
        with self._lock:
            while self._seen and self._is_forgotten(next(iter(self._seen.values())), now):
                self._seen.popitem(last=False)
            if delivery in self._seen:
                return False
            self._seen[delivery] = now
            return True

    @staticmethod
    def _is_forgotten(seen: datetime, now: datetime) -> bool:
        """Also what came while the clock was ahead, once that has gone back by a day."""
        return abs(now - seen) > _REMEMBERED_FOR


def _is_signed(header: Header, names: Sequence[str], body: bytes, secrets: Sequence[str]) -> bool:
    name = next((name for name in names if header(name) is not None), None)
    if name is None:
        return False
    digests = [hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets]
    prefix = "sha256=" if name.startswith("X-Hub-Signature") else ""
    return _is_any(_raw(header(name)), [f"{prefix}{digest}".encode() for digest in digests])


def _is_signed_standard(header: Header, body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """https://www.standardwebhooks.com: HMAC-SHA256 over ``id.timestamp.body``, several signatures apart by spaces."""
    seconds = header("webhook-timestamp") or ""
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 12):
        return False
    if abs(now.timestamp() - int(seconds)) > _CLOCK_SKEW.total_seconds():
        return False
    signed = b".".join((_raw(header("webhook-id")), seconds.encode(), body))
    keys = [key for key in map(_signing_key, secrets) if key]
    right = [b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    return True in [_is_any(given, right) for given in _raw(header("webhook-signature")).split(b" ")]


def _signing_key(secret: str) -> bytes | None:
    if not secret.startswith(_SIGNING_TOKEN):
        return None
    try:
        return base64.b64decode(secret.removeprefix(_SIGNING_TOKEN), validate=True)
    except binascii.Error:
        return None


def _password(header: Header) -> bytes:
    """Of basic authentication (RFC 7617)."""
    scheme, _, encoded = (header("Authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def _payload(forge: PushSender, header: Header, body: bytes) -> Mapping[str, Any]:
    return push_payloads.parse(header("Content-Type") or "", body, takes_form=forge is PushSender.GITHUB)


def _is_any(given: bytes, right: Sequence[bytes]) -> bool:
    # Bytes, for compare_digest raises on text that is not ASCII; a list, so that every one of them is compared.
    return True in [hmac.compare_digest(given, one) for one in right] and given != b""


def _raw(value: str | None) -> bytes:
    """The bytes of a header as they came (PEP 3333)."""
    return (value or "").encode("latin-1", "replace")


def _first(header: Header, names: Sequence[str]) -> str | None:
    return next((value for name in names if (value := header(name))), None)
