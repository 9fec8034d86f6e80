"""The six kinds of ``webhook.auth``: the headers each one adds, and those headers as they may be shown."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import assert_never

from chronos_gitops.jobs.secrets.masking import MASK
from chronos_gitops.jobs.webhook import ApiKeyAuth, Auth, BasicAuth, BearerAuth, HmacAuth, IdentityAuth, OAuth2Auth
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.url import RequestError

Headers = tuple[tuple[str, str], ...]

_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Credentials:
    """``sensitive`` are values that must not be kept anywhere, whether they came from secrets or not."""

    headers: Headers = field(default=(), repr=False)
    sensitive: tuple[str, ...] = field(default=(), repr=False)


def texts(auth: Auth) -> Mapping[str, str]:
    """The fields that may hold references to secrets. None for oauth2: those go to its token_url, see ``oauth2``;
    and none for identity, which needs no secret."""
    match auth:
        case BearerAuth(token):
            return {"token": token}
        case BasicAuth(username, password):
            return {"username": username, "password": password}
        case ApiKeyAuth(api_key):
            return {"api_key": api_key}
        case HmacAuth(secret):
            return {"secret": secret}
        case OAuth2Auth() | IdentityAuth():
            return {}
        case _:
            assert_never(auth)


def credentials(
    auth: Auth, given: Mapping[str, str], *, message_id: str, body: bytes, now: datetime, access_token: str
) -> Credentials:
    """The headers of one request; ``given`` holds ``texts(auth)`` with the secrets filled in."""
    match auth:
        case BearerAuth():
            return Credentials((("Authorization", f"Bearer {given['token']}"),), (given["token"],))
        case BasicAuth():
            pair = basic(given["username"], given["password"])
            return Credentials((("Authorization", f"Basic {pair}"),), (given["password"], pair))
        case ApiKeyAuth(header=header):
            return Credentials(((header, given["api_key"]),), (given["api_key"],))
        case OAuth2Auth() | IdentityAuth():
            return Credentials((("Authorization", f"Bearer {access_token}"),), (access_token,))
        case HmacAuth():
            return Credentials(signature(given["secret"], message_id, body, now), (given["secret"],))
        case _:
            assert_never(auth)


def basic(username: str, password: str) -> str:
    """RFC 7617: base64 of ``username:password`` in UTF-8."""
    if ":" in username:
        raise RequestError("the user name of webhook.auth holds a colon", hint="basic authentication cannot carry it")
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def signature(secret: str, message_id: str, body: bytes, now: datetime) -> Headers:
    """Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over ``id.timestamp.body``.

    ``secret`` is base64 after ``whsec_``, or raw text; several ``whsec_`` secrets, separated by spaces, sign
    together while one replaces the other.
    """
    timestamp = str(int(now.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in _keys(secret))
    signatures = " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
    return (("webhook-id", message_id), ("webhook-timestamp", timestamp), ("webhook-signature", signatures))


def _keys(secret: str) -> tuple[bytes, ...]:
    words = secret.split()
    if not words or not all(word.startswith(_PREFIX) for word in words):
        return (secret.encode(),)
    return tuple(_decoded(word.removeprefix(_PREFIX)) for word in words)


def _decoded(text: str) -> bytes:
    try:
        key = base64.b64decode(text + "==")
    except binascii.Error:
        key = b""
    if not key:
        raise RequestError("the secret of webhook.auth is not base64 after whsec_")
    return key


def shown_headers(auth: Auth, message_id: str, shown: Mapping[str, str]) -> Headers:
    """The same headers without a credential in them; ``shown`` holds the fields of ``auth`` masked."""
    match auth:
        case BearerAuth():
            return (("Authorization", f"Bearer {shown['token']}"),)
        case OAuth2Auth() | IdentityAuth():
            return (("Authorization", f"Bearer {MASK}"),)
        case BasicAuth():
            return (("Authorization", f"Basic {MASK}"),)
        case ApiKeyAuth(header=header):
            return ((header, shown["api_key"]),)
        case HmacAuth():
            return (("webhook-id", message_id), ("webhook-timestamp", MASK), ("webhook-signature", f"v1,{MASK}"))
        case _:
            assert_never(auth)
