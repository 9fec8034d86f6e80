"""Who asks: the token that a request shows, in a header or by a session's cookie, looked up in constant time."""

import hmac
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app, g, request

from chronos_gitops.config import tokens as config_tokens
from chronos_gitops.server.api.auth import origin
from chronos_gitops.server.api.auth import sessions as auth_sessions
from chronos_gitops.server.api.auth.rate_limit import Throttle
from chronos_gitops.server.api.auth.sessions import Sessions
from chronos_gitops.server.api.problems import ApiError
from chronos_gitops.server.api.request_context import service

if TYPE_CHECKING:
    from chronos_gitops.app import Service
    from chronos_gitops.config.model import Token

_EXTENSION = "chronos_gitops.callers"


class Unauthorized(ApiError):
    kind = "unauthorized"


class TooManyFailures(ApiError):
    """``retry_after`` in seconds."""

    kind = "too-many-failures"

    def __init__(self, retry_after: int) -> None:
        hint = "Wait, then try once with the right one."
        super().__init__("Too many wrong tokens or callback URLs came from this address.", hint=hint)
        self.retry_after = retry_after


class TokenAuthenticator:
    """The doors of one runner: its sessions, and a memory of who failed."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.throttle = Throttle()


def install(app: Flask, service: "Service") -> None:
    """A runner without tokens knows nobody, and keeps no key."""
    if service.settings.tokens:
        app.extensions[_EXTENSION] = TokenAuthenticator(auth_sessions.load(service.settings.data))


def callers() -> TokenAuthenticator:
    return cast(TokenAuthenticator, current_app.extensions[_EXTENSION])


def token() -> "Token":
    """The caller's token. Unauthorized when there is none or a wrong one, TooManyFailures when it is not looked at."""
    if "token" not in g:
        text = shown()
        g.token = _of_session() if not text else verify(text)
        g.caller = g.token.name
    return cast("Token", g.token)


def shown() -> str | None:
    """The bearer token; for reading also Basic with the token as password, which old tools know to send."""
    authorization = request.authorization
    if authorization is None:
        return None
    if authorization.type == "bearer":
        return authorization.token
    if authorization.type == "basic" and request.method in origin.SAFE_METHODS:
        return authorization.password
    return None


def verify(text: str) -> "Token":
    """The token with this text. What we made ourselves nobody guesses, so a crowd of failures never keeps it out."""
    throttle, address, now = callers().throttle, request.remote_addr, time.monotonic()
    digest, wait = config_tokens.digest(text), throttle.wait(request.remote_addr, now)
    if wait and not (config_tokens.is_minted(text) or throttle.knows(address, digest)):
        raise TooManyFailures(wait)
    found = _matching(service().settings.tokens, digest)
    if found is None:
        throttle.failed(address, now)
        raise TooManyFailures(wait) if wait else _unknown(text)
    throttle.succeeded(address, digest)
    return _current(found)


def _matching(tokens: "Sequence[Token]", digest: str) -> "Token | None":
    """Every token is compared, each in constant time, so that time tells nothing about which one was near."""
    found = None
    for one in tokens:
        if hmac.compare_digest(digest, one.sha256.lower()):
            found = one
    return found


def _unknown(text: str) -> Unauthorized:
    if config_tokens.looks_minted(text) and not config_tokens.is_minted(text):
        return Unauthorized("The token was not copied whole: its checksum is wrong.", hint="Copy it again.")
    return Unauthorized("The token is not one of this runner's.", hint="Ask the operator for a token.")


def _current(found: "Token") -> "Token":
    if found.expires is not None and found.is_over(service().now()):
        raise Unauthorized(
            f'The token "{found.name}" expired on {found.expires:%Y-%m-%d at %H:%M} UTC.',
            hint="Ask the operator for a new one (chronos-gitops token create).",
        )
    return found


def _of_session() -> "Token":
    cookie = auth_sessions.shown()
    if cookie is None:
        raise Unauthorized("This call needs a token.", hint="Send Authorization: Bearer <token>.")
    found = callers().sessions.token(cookie, service().settings.tokens, service().now())
    if found is None:
        raise Unauthorized("The session is over.", hint="Log in again at /login.")
    return _current(found)
