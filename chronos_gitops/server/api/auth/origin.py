"""The origin of a request: the Host it names, and whether a browser sent it from our own page."""

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from flask import request

from chronos_gitops.server.api import links
from chronos_gitops.server.api.problems import ApiError

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class ForeignHost(ApiError):
    kind = "foreign-host"


class ForeignOrigin(ApiError):
    kind = "foreign-origin"


def check_host(host: str, allowed: Collection[str] = (), *, takes_addresses: bool = False) -> None:
    """Only names of this machine and allowed ones: a page that rebinds its own DNS name still sends its own Host.

    An address is no name that could be rebound; where callers prove themselves, any one is taken."""
    if not _is_allowed(host, allowed, takes_addresses=takes_addresses):
        raise ForeignHost(
            f'This runner does not answer to the name "{host[:100]}".',
            hint="Use http://localhost or 127.0.0.1, or add the name to `hosts` in chronos.toml.",
        )


def check() -> None:
    """ForeignOrigin where a browser sent the request from a page of another site."""
    if not is_own():
        raise ForeignOrigin(
            "A page of another site may not change things here.",
            hint="Use the runner's own page, or a program that sends no Origin header.",
        )


def check_sent_by_own_page() -> None:
    """ForeignOrigin unless a browser says that our own page sent it: the credential comes without the page's doing."""
    if not (is_said() and is_own()):
        raise ForeignOrigin(
            "This call does not say that it comes from a page of this runner.",
            hint="Use the runner's own page, or show a token in the header Authorization.",
        )


def is_said() -> bool:
    """True if the request names its origin, as every browser's writing request does."""
    return "Sec-Fetch-Site" in request.headers or "Origin" in request.headers


def is_own() -> bool:
    """Fetch metadata and Origin as browsers send them (https://web.dev/articles/fetch-metadata); programs send none.

    A proxy may send us another Host than the browser sent it, so the origin of ``public_url`` is ours, too."""
    fetch_site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    foreign_site = fetch_site is not None and fetch_site not in ("same-origin", "none")
    own = (request.host.lower(), _netloc(links.origin()))
    foreign_origin = origin is not None and _netloc(origin) not in own
    return not (foreign_site or foreign_origin)


def _netloc(origin: str) -> str | None:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") and parts.netloc else None


def _is_allowed(host: str, allowed: Collection[str], *, takes_addresses: bool) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not name or parts.netloc != host or parts.username is not None:
        return False
    if name in ("localhost", "localhost.", *allowed):
        return True
    try:
        address = ipaddress.ip_address(name)
        return takes_addresses or address.is_loopback
    except ValueError:
        return False
