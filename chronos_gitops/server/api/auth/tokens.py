"""Authenticates a request by its token, in a header or by a session's cookie, in constant time."""

import hmac
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, cast

from flask import Flask, current_app, g, request

from chronos_gitops.config.callers import tokens as config_tokens
from chronos_gitops.engine.login_sessions import LoginSession
from chronos_gitops.errors import ChronosError
from chronos_gitops.server.api import endpoint, request_context
from chronos_gitops.server.api.auth import origin, proxied_callers, session_cookie
from chronos_gitops.server.api.auth import sessions as auth_sessions
from chronos_gitops.server.api.auth.callers import VIA_TOKEN, Caller
from chronos_gitops.server.api.auth.rate_limit import Throttle
from chronos_gitops.server.api.auth.sessions import SessionLookup
from chronos_gitops.server.api.auth.sso.issuers import Issuers
from chronos_gitops.server.api.auth.sso.oidc_login import OidcLogin
from chronos_gitops.server.api.problems import ApiError
from chronos_gitops.server.api.request_context import service

if TYPE_CHECKING:
    from chronos_gitops.config.model import Token
    from chronos_gitops.service import Service

_EXTENSION = "chronos_gitops.callers"
_KNOWN = "known_caller"
IN_ADDRESS: Final = "token"
"""The query parameter for a token, where an endpoint takes one."""


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
    """The doors of one runner: its sessions, issuers and logins, and a memory of who failed."""

    def __init__(self, sessions: SessionLookup, issuers: Issuers, login: OidcLogin) -> None:
        self.sessions = sessions
        self.issuers = issuers
        self.login = login
        self.throttle = Throttle()


def install(app: Flask, service: "Service") -> None:
    sessions = SessionLookup(service.sessions, lifetime=service.settings.session_lifetime, now=service.now)
    issuers = Issuers(service.settings.callers)
    login = OidcLogin(issuers, public_url=service.settings.public_url, key=service.sessions.login_key)
    app.extensions[_EXTENSION] = TokenAuthenticator(sessions, issuers, login)


def callers() -> TokenAuthenticator:
    return cast(TokenAuthenticator, current_app.extensions[_EXTENSION])


def caller() -> Caller:
    """Of the one credential that counts: the header, else the address, else the cookie. A wrong one is Unauthorized,
    and the next is not tried; TooManyFailures when it is not looked at."""
    if _KNOWN not in g:
        known = _of_the_one_credential()
        setattr(g, _KNOWN, known)
        is_by_token_session = session() is not None and known.via == VIA_TOKEN
        request_context.identify(known.name, "session" if is_by_token_session else known.via, known.person)
    return cast(Caller, g.get(_KNOWN))


def _of_the_one_credential() -> Caller:
    """TEAMS section 4: the header, else what a proxy says, else the address, else the cookie."""
    settings = service().settings
    if "Authorization" in request.headers:
        return _shown_by_header()
    if proxied_callers.is_shown(settings.proxy):
        return proxied_callers.caller(settings.proxy, settings.callers)
    token = _in_address()
    return Caller.of(token) if token is not None else _of_session()


def _without_token(said: str) -> Unauthorized:
    return Unauthorized(
        said,
        hint="Send Authorization: Bearer <token>.",
        command_hint="Give a token with --token or CHRONOS_TOKEN.",
    )


def _shown_by_header() -> Caller:
    text, issuers = shown(), callers().issuers
    if not text:
        raise _without_token("The Authorization header is not understood.")
    return issuers.caller(text, service().now()) if issuers.takes(text) else Caller.of(verify(text))


def _in_address() -> "Token | None":
    """Addresses end up in logs of proxies and in shared calendars: a token that can do more is refused there."""
    declared = endpoint.current()
    if declared is None or not declared.takes_token_in_address or IN_ADDRESS not in request.args:
        return None
    found = verify(request.args[IN_ADDRESS])
    if found.roles != {declared.narrow_role}:
        raise Unauthorized(
            f"A token in an address may have no role but {declared.narrow_role}.",
            hint=f"Make one with: chronos-gitops token create --name calendar --role {declared.narrow_role}",
        )
    return found


def known() -> Caller | None:
    """The caller that was let in; None where the runner knows no callers, or the call needs none."""
    return cast("Caller | None", g.get(_KNOWN))


def session() -> LoginSession | None:
    """The login whose cookie let the caller in; None for a caller that shows a token."""
    return cast("LoginSession | None", g.get("session"))


def person() -> tuple[str, str]:
    """The caller's way in, and who it is among those who come in by it."""
    login = session()
    return (caller().via, caller().person) if login is None else (login.via, login.person)


def until() -> datetime | None:
    """When the caller is let in no more; None when that never ends by itself."""
    ends = (caller().expires, None if (login := session()) is None else login.until)
    return min((end for end in ends if end is not None), default=None)


def has_ended() -> Callable[[], bool]:
    """Asks, for as long as an answer lasts, whether its caller would be refused by now. A store that does not answer
    is no reason to go on."""
    found, login, sessions, now = caller(), session(), callers().sessions, service().now

    def ended() -> bool:
        try:
            return found.is_over(now()) or (login is not None and sessions.current(login.id) is None)
        except ChronosError:
            return True

    return ended


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


def were_shown() -> bool:
    """True if the request shows a token or a session, right or wrong."""
    return shown() is not None or session_cookie.value() is not None


def verify(text: str) -> "Token":
    """The token with this text. A token of our own make cannot be guessed, so failures of others never keep it out."""
    throttle, address, now = callers().throttle, request_context.address(), time.monotonic()
    digest, wait = config_tokens.digest(text), throttle.wait(address, now)
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


def _of_session() -> Caller:
    cookie = session_cookie.value()
    if cookie is None:
        raise _without_token("This call needs a token.")
    login = callers().sessions.of_cookie(cookie)
    found = None if login is None else _caller_of(login)
    if found is None:
        raise Unauthorized("The session is over.", hint="Log in again at /login.")
    g.session = login
    return found


def _caller_of(login: LoginSession) -> Caller | None:
    if login.via != VIA_TOKEN:
        return callers().issuers.of_session(login)
    token = _token_of(login)
    return None if token is None else Caller.of(_current(token))


def _token_of(login: LoginSession) -> "Token | None":
    return next((one for one in service().settings.tokens if auth_sessions.grants(one, login)), None)
