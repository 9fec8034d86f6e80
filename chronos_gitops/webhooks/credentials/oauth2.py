"""Access tokens of oauth2 jobs: client credentials (RFC 6749, section 4.4), kept until shortly before they expire."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode
from weakref import WeakValueDictionary

from chronos_gitops.jobs.secrets.masking import MASK
from chronos_gitops.jobs.templates import templates
from chronos_gitops.jobs.webhook import OAuth2Auth
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.credentials.auth import basic
from chronos_gitops.webhooks.credentials.secrets import SecretError
from chronos_gitops.webhooks.outcome import ErrorClass, ExchangeError, is_retried, phrase
from chronos_gitops.webhooks.request import EXECUTION_HEADER, PreparedRequest, fill_secrets
from chronos_gitops.webhooks.transport.http_response import HttpResponse
from chronos_gitops.webhooks.url import Target

_LEEWAY = timedelta(seconds=30)
_UNSAID = timedelta(minutes=5)
"""Taken when the endpoint does not say ``expires_in``."""
_ERROR_CODES = frozenset(
    ["invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"]
).union(["invalid_scope", "access_denied", "server_error", "temporarily_unavailable"])
"""RFC 6749, sections 5.2 and 4.1.2.1. Other words are the endpoint's own, and a job's author chooses the endpoint."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    value: str = field(repr=False)
    good_until: datetime
    lifetime: timedelta

    def is_good(self, now: datetime) -> bool:
        """One that was fetched while the clock was ahead is good for no longer than one that is fetched now."""
        return now < self.good_until <= now + self.lifetime


class Tokens:
    """One token per (endpoint, client, secret, scope), fetched once however many attempts ask. Lives in one loop."""

    def __init__(self) -> None:
        self._tokens: dict[str, AccessToken] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def get(
        self,
        request: PreparedRequest,
        fetch: Callable[[PreparedRequest], Awaitable[HttpResponse]],
        now: Callable[[], datetime],
    ) -> tuple[str, bool]:
        """The access token and whether it was fetched just now. Raises what ``fetch`` and ``parse`` raise."""
        key = _key(request)
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock:
            token = self._tokens.get(key)
            if token is not None and token.is_good(now()):
                return token.value, False
            token = parse(await fetch(request), now())
            self._tokens = {key: old for key, old in self._tokens.items() if old.is_good(now())} | {key: token}
            return token.value, True

    def known(self) -> tuple[str, ...]:
        """Every token that is kept now; from any thread."""
        return tuple(token.value for token in self._tokens.values())

    def forget(self, request: PreparedRequest, value: str) -> None:
        """The receiver did not accept this token; a newer one that another attempt fetched meanwhile stays."""
        token = self._tokens.get(_key(request))
        if token is not None and token.value == value:
            del self._tokens[_key(request)]


def token_request(
    auth: OAuth2Auth, *, secret: Callable[[str], str], user_agent: str, execution_id: str
) -> PreparedRequest:
    """The request to the token endpoint; the client identifies itself as RFC 6749, section 2.3.1 prefers."""
    filled = fill_secrets((auth.client_id, auth.client_secret, auth.scope or ""), secret)
    client_id, client_secret, scope = filled.texts
    form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
    pair = basic(quote_plus(client_id), quote_plus(client_secret))
    headers = (
        ("User-Agent", user_agent),
        ("Accept", "application/json"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Authorization", f"Basic {pair}"),
        ("Accept-Encoding", "identity"),
        (EXECUTION_HEADER, execution_id),
    )
    labels = {client_secret: MASK, pair: MASK, **filled.labels}
    return PreparedRequest("POST", endpoint_of(auth), headers, urlencode(form).encode(), labels)


def endpoint_of(auth: OAuth2Auth) -> Target:
    """A secret in it would be sent to wherever that secret says."""
    if templates.secrets(auth.token_url):
        raise SecretError("webhook.auth.token_url has a secret in it", hint="write the address")
    return Target.parse(auth.token_url)


def parse(answer: HttpResponse, now: datetime) -> AccessToken:
    """The token in an answer (RFC 6749, section 5.1), good until a little before it expires; else an ExchangeError."""
    content = _json_object(answer.body)
    if answer.status != 200:
        code = content.get("error")
        detail = f" ({code})" if isinstance(code, str) and code in _ERROR_CODES else ""
        raise _refusal(f"answered {phrase(answer.status)}{detail}", may_retry=is_retried(answer.status))
    if answer.body_fault is not None:
        raise answer.body_fault
    value, kind = content.get("access_token"), content.get("token_type", "bearer")
    if not isinstance(value, str) or not value or not isinstance(kind, str) or kind.lower() != "bearer":
        raise _refusal("did not answer with a bearer token", may_retry=False)
    seconds = content.get("expires_in")
    known = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < 1e9
    lifetime = timedelta(seconds=seconds) if known else _UNSAID  # type: ignore[arg-type]
    good_for = max(lifetime - _LEEWAY, lifetime / 2)
    return AccessToken(value, now + good_for, good_for)


def _refusal(message: str, *, may_retry: bool) -> ExchangeError:
    return ExchangeError(ErrorClass.AUTH, f"the token endpoint {message}", may_retry=may_retry)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _key(request: PreparedRequest) -> str:
    """A digest, so that no credential is kept as a key; the same for every execution."""
    headers = tuple(header for header in request.headers if header[0] != EXECUTION_HEADER)
    return hashlib.sha256(repr((request.target.url, headers, request.body)).encode()).hexdigest()
