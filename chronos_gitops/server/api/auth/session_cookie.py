"""The cookie of a login: its name and attributes, and when a request's cookie counts."""

from typing import Final
from urllib.parse import urlsplit

from flask import Response, request

from chronos_gitops.engine.login_sessions import LoginSession
from chronos_gitops.server.api.auth import origin
from chronos_gitops.server.api.request_context import service

COOKIE: Final = "chronos_session"
SECURE_COOKIE: Final = f"__Secure-{COOKIE}"
"""Browsers take a cookie of this name over https only (RFC 6265bis, section 4.1.3)."""


def name() -> str:
    return SECURE_COOKIE if _is_public_by_https() else COOKIE


def value() -> str | None:
    """The cookie, where it may count: a page of another site must not act, or look, in its reader's name.

    Reading also works by following a link from elsewhere; writing needs a browser that says it is our own page.
    """
    cookie = request.cookies.get(name())
    if cookie is None:
        return None
    site, source = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if request.method in origin.SAFE_METHODS:
        is_followed_link = request.headers.get("Sec-Fetch-Mode") == "navigate"
        return cookie if site in (None, "same-origin", "none") or is_followed_link else None
    is_said = site is not None or source is not None
    return cookie if is_said and origin.is_own(request.host, source, site) else None


def give(response: Response, cookie: str, session: LoginSession) -> None:
    """Secure where the browser came by https: also behind a proxy that speaks http to us, its Origin tells."""
    came_by_https = request.is_secure or request.headers.get("Origin", "").startswith("https://")
    response.set_cookie(
        name(),
        cookie,
        max_age=session.until - session.began_at,
        path=_path(),
        httponly=True,
        samesite="Lax",
        secure=_is_public_by_https() or came_by_https,
    )


def take_back(response: Response) -> None:
    response.delete_cookie(name(), path=_path(), httponly=True, samesite="Lax", secure=_is_public_by_https())


def _is_public_by_https() -> bool:
    return service().settings.public_url.startswith("https://")


def _path() -> str:
    return urlsplit(service().settings.public_url).path or "/"
