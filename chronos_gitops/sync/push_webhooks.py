"""Push webhooks of forges: who sent them, and what they are about. Pure; the payload is a hint and never an order."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qs

from chronos_gitops.errors import ChronosError
from chronos_gitops.process.bounded_dict import BoundedDict

Header = Callable[[str], str | None]

_SIGNING_TOKEN: Final = "whsec_"
_CLOCK_SKEW: Final = timedelta(minutes=5)
_REMEMBERED_FOR: Final = timedelta(hours=24)
_REMEMBERED: Final = 10_000
_LONGEST_ID: Final = 200
_FORM: Final = "application/x-www-form-urlencoded"


class Forge(StrEnum):
    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"


# The first header that is there decides: a wrong strong signature is never made good by a weaker one.
_SIGNATURES: Final = {
    Forge.GITHUB: ("X-Hub-Signature-256",),
    Forge.GITEA: ("X-Forgejo-Signature", "X-Gitea-Signature", "X-Gogs-Signature", "X-Hub-Signature-256"),
}
_EVENTS: Final = {
    Forge.GITHUB: ("X-GitHub-Event",),
    Forge.GITLAB: ("X-Gitlab-Event",),
    Forge.GITEA: ("X-Forgejo-Event", "X-Gitea-Event", "X-Gogs-Event", "X-GitHub-Event"),
}
_IDS: Final = {
    Forge.GITHUB: ("X-GitHub-Delivery",),
    Forge.GITLAB: ("webhook-id", "Idempotency-Key", "X-Gitlab-Event-UUID"),
    Forge.GITEA: ("X-Forgejo-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery", "X-GitHub-Delivery"),
}
_COMMIT: Final = re.compile(r"(?!0+\Z)(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_PUSHES: Final = ("push", "Push Hook", "System Hook")


class BadSignature(ChronosError):
    """The request does not come from somebody who knows a secret of this hook."""

    kind = "bad-signature"


class UnreadablePayload(ChronosError):
    """Signed, and yet not what the forge would send."""

    kind = "bad-request"


class UnsupportedMedia(ChronosError):
    kind = "unsupported-media"


def verify(forge: Forge, header: Header, body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """BadSignature unless the raw ``body`` was signed with one of the secrets, as this forge signs.

    GitHub: "Validating webhook deliveries"; Gitea and its kin: services/webhook/deliver.go; GitLab: its signing token
    is Standard Webhooks 1.0, its older secret token stands in a header as it is.
    """
    if forge is not Forge.GITLAB:
        right = _is_signed(header, _SIGNATURES[forge], body, secrets)
    elif header("webhook-signature") is not None:
        right = _is_signed_standard(header, body, secrets, now)
    else:
        plain = [secret.encode() for secret in secrets if not secret.startswith(_SIGNING_TOKEN)]
        right = _is_any(_raw(header("X-Gitlab-Token")), plain)
    if not right:
        raise BadSignature("The signature is missing or wrong.", hint="Give the forge and the runner the same secret.")


def event(forge: Forge, header: Header) -> str:
    return _first(header, _EVENTS[forge]) or ""


def delivery(forge: Forge, header: Header) -> str | None:
    """What the forge calls this delivery; the same when it sends it again."""
    found = _first(header, _IDS[forge])
    return f"{forge}:{found[:_LONGEST_ID]}" if found else None


def is_push_to(ref: str | None, forge: Forge, header: Header, body: bytes) -> bool:
    """Whether a push moved, made or deleted exactly this full ref; any branch when it is None (not known yet).

    UnreadablePayload, UnsupportedMedia.
    """
    if event(forge, header) not in _PUSHES:
        return False
    payload = _payload(forge, header, body)
    # GitLab's system hooks tell of projects, users and keys too, which have no ref.
    if (payload.get("object_kind") or payload.get("event_name") or "push") != "push":
        return False
    pushed = payload.get("ref")
    if not isinstance(pushed, str):
        raise UnreadablePayload('The payload of the push has no text "ref".')
    return pushed == ref or (ref is None and pushed.startswith("refs/heads/"))


def pushed_commit(forge: Forge, header: Header, body: bytes) -> str | None:
    """The commit that the push says it brought; None for a deleted branch and for what is no commit id."""
    after = _payload(forge, header, body).get("after")
    return after if isinstance(after, str) and _COMMIT.match(after) else None


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
    prefix = "sha256=" if name == "X-Hub-Signature-256" else ""
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


def _is_any(given: bytes, right: Sequence[bytes]) -> bool:
    # Bytes, for compare_digest raises on text that is not ASCII; a list, so that every one of them is compared.
    return True in [hmac.compare_digest(given, one) for one in right] and given != b""


def _raw(value: str | None) -> bytes:
    """The bytes of a header as they came (PEP 3333)."""
    return (value or "").encode("latin-1", "replace")


def _first(header: Header, names: Sequence[str]) -> str | None:
    return next((value for name in names if (value := header(name))), None)


def _payload(forge: Forge, header: Header, body: bytes) -> dict[str, object]:
    media = (header("Content-Type") or "").partition(";")[0].strip().lower()
    if media == _FORM and forge is Forge.GITHUB:
        body = _of_form(body)
    elif media != "application/json":
        # Gitea signs the JSON also where it sends a form: what was signed is not what came.
        raise UnsupportedMedia("The payload is not application/json.", hint="Set the hook's content type to JSON.")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise UnreadablePayload("The payload is not a JSON object.")
    return payload


def _of_form(body: bytes) -> bytes:
    try:
        return parse_qs(body, strict_parsing=True, max_num_fields=10)[b"payload"][0]
    except (ValueError, KeyError):
        raise UnreadablePayload("The form has no payload.") from None
