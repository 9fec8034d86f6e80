"""Who may ask: tokens and roles; without tokens only this machine, and only its own page (CONTRACT 6)."""

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from chronos_gitops.api import kinds, problems
from chronos_gitops.api.context import service
from chronos_gitops.api.problems import ApiError

if TYPE_CHECKING:
    from chronos_gitops.settings import Token

READ, OPERATE, ROLLBACK = "read", "operate", "rollback"
OPEN_ENDPOINTS = frozenset(
    {"health.livez", "health.readyz", "health.health", "openapi.document", "problems.every_type", "problems.one_type"}
)
SIGNED_ENDPOINTS = frozenset({"hooks.receive"})
"""What proves by a signature who sends it; a forge has no token of ours, and names us as its own network does."""
WRITE_ROLES = {
    "control.trigger": OPERATE,
    "control.pause": OPERATE,
    "control.resume": OPERATE,
    "sync.sync_now": OPERATE,
    "sync.approve": OPERATE,
    "rollback.roll_back": ROLLBACK,
    "undo.undo": ROLLBACK,
    # These two are questions that need a body; they change nothing.
    "validate.schedule": READ,
    "validate.job_file": READ,
}
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Unauthorized(ApiError):
    kind = "unauthorized"


class Forbidden(ApiError):
    kind = "forbidden"


class ForeignHost(ApiError):
    kind = "foreign-host"


class ForeignOrigin(ApiError):
    kind = "foreign-origin"


def role_of(endpoint: str, method: str) -> str | None:
    """The role a call needs; None when it is open to everyone. A write that nobody listed needs the strictest one."""
    if endpoint in OPEN_ENDPOINTS | SIGNED_ENDPOINTS or endpoint.endswith(".static") or method == "OPTIONS":
        return None
    return READ if method in _SAFE_METHODS else WRITE_ROLES.get(endpoint, ROLLBACK)


def install(app: Flask) -> None:
    app.before_request(_admit)
    app.register_error_handler(Unauthorized, _challenge)


def _admit() -> None:
    if request.endpoint in SIGNED_ENDPOINTS:
        return
    tokens = service().settings.tokens
    if not tokens:
        check_host(request.environ.get("HTTP_HOST", ""))
        if request.method not in _SAFE_METHODS:
            check_origin(request.host, request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site"))
        return
    role = role_of(request.endpoint or "", request.method) if request.url_rule else None
    if role is not None:
        _authorize(tokens, role)


def may(role: str) -> bool:
    """Whether this caller could use the role: for answers that say more to those who may read."""
    tokens = service().settings.tokens
    if not tokens:
        return True
    token = _identify(tokens, _shown())
    return token is not None and role in token.roles


def check_host(host: str) -> None:
    """Only names of this machine: a page that rebinds its own DNS name to 127.0.0.1 still sends its own Host."""
    if not _is_loopback(host):
        raise ForeignHost(
            f'This runner has no tokens and answers only to localhost, not to "{host[:100]}".',
            hint="Use http://localhost or 127.0.0.1, or configure tokens.",
        )


def check_origin(host: str, origin: str | None, fetch_site: str | None) -> None:
    """Fetch metadata and Origin as browsers send them (https://web.dev/articles/fetch-metadata); programs send none."""
    foreign_site = fetch_site is not None and fetch_site not in ("same-origin", "none")
    foreign_origin = origin is not None and _netloc(origin) != host.lower()
    if foreign_site or foreign_origin:
        raise ForeignOrigin(
            "A page of another site may not change things here.",
            hint="Use the runner's own page, or a program that sends no Origin header.",
        )


def _netloc(origin: str) -> str | None:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") and parts.netloc else None


def _is_loopback(host: str) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not name or parts.netloc != host or parts.username is not None:
        return False
    if name in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _authorize(tokens: "Sequence[Token]", role: str) -> None:
    shown = _shown()
    if shown is None:
        raise Unauthorized("This call needs a token.", hint="Send Authorization: Bearer <token>.")
    token = _identify(tokens, shown)
    if token is None:
        raise Unauthorized("The token is not one of this runner's.", hint="Ask the operator for a token.")
    g.caller = token.name
    if role not in token.roles:
        held = ", ".join(sorted(token.roles)) or "none"
        raise Forbidden(
            f'The token "{token.name}" lacks the role {role}; its roles: {held}.',
            hint=f"Ask the operator for a token with the role {role}.",
            extra={"role": role},
        )


def _shown() -> str | None:
    """The bearer token; for reading also Basic with the token as password, which a browser knows to ask for."""
    authorization = request.authorization
    if authorization is None:
        return None
    if authorization.type == "bearer":
        return authorization.token
    if authorization.type == "basic" and request.method in _SAFE_METHODS:
        return authorization.password
    return None


def _identify(tokens: "Sequence[Token]", shown: str | None) -> "Token | None":
    """Every token is compared, each in constant time, so that time tells nothing about which one was near."""
    digest = hashlib.sha256((shown or "").encode("utf-8", "surrogateescape")).hexdigest()
    found = None
    for token in tokens:
        if hmac.compare_digest(digest, token.sha256.lower()) and shown:
            found = token
    return found


def _challenge(error: Unauthorized) -> Response:
    answer = problems.response(kinds.of(error.kind), error.message, hint=error.hint)
    is_page = not request.path.startswith("/api/")
    scheme = "Basic" if is_page and "text/html" in request.headers.get("Accept", "") else "Bearer"
    invalid = ', error="invalid_token"' if _shown() is not None and scheme == "Bearer" else ""
    answer.headers["WWW-Authenticate"] = f'{scheme} realm="chronos-gitops"{invalid}'
    return answer
