"""The cookie of a login: its name and attributes, and when a request's cookie counts."""

from typing import Final

from flask import Response, request

from chronos_gitops.engine.login_sessions import LoginSession
from chronos_gitops.server.api import links
from chronos_gitops.server.api.auth import origin
from chronos_gitops.server.api.auth.sso import oidc_login
from chronos_gitops.server.api.request_context import service

COOKIE: Final = "chronos_session"
_LOGIN_PATH: Final = "/login"
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
    site = request.headers.get("Sec-Fetch-Site")
    if request.method in origin.SAFE_METHODS:
        is_followed_link = request.headers.get("Sec-Fetch-Mode") == "navigate"
        return cookie if site in (None, "same-origin", "none") or is_followed_link else None
    return cookie if origin.is_said() and origin.is_own() else None


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


def give_login(response: Response, value: str) -> None:
    """For the ten minutes until the issuer sends the browser back, which is a link followed from another site."""
    secure, lasts = _is_public_by_https(), int(oidc_login.LASTS.total_seconds())
    path = links.path(_LOGIN_PATH)
    response.set_cookie(_login_name(), value, lasts, path=path, httponly=True, samesite="Lax", secure=secure)


def login_value() -> str | None:
    return request.cookies.get(_login_name())


def take_back_login(response: Response) -> None:
    secure, path = _is_public_by_https(), links.path(_LOGIN_PATH)
    response.delete_cookie(_login_name(), path=path, httponly=True, samesite="Lax", secure=secure)


def _login_name() -> str:
    return f"__Secure-{oidc_login.COOKIE}" if _is_public_by_https() else oidc_login.COOKIE


def _is_public_by_https() -> bool:
    return service().settings.public_url.startswith("https://")


def _path() -> str:
    return links.path("") or "/"
