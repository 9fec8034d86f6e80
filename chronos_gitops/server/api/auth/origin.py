"""Where a request comes from: the Host it names, and whether a browser sent it from our own page."""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from chronos_gitops.server.api.problems import ApiError

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class ForeignHost(ApiError):
    kind = "foreign-host"


class ForeignOrigin(ApiError):
    kind = "foreign-origin"


def check_host(host: str, allowed: Sequence[str] = ()) -> None:
    """Only names of this machine and allowed ones: a page that rebinds its own DNS name still sends its own Host."""
    if not _is_allowed(host, allowed):
        raise ForeignHost(
            f'This runner does not answer to the name "{host[:100]}".',
            hint="Use http://localhost or 127.0.0.1, or add the name to `hosts` in chronos.toml.",
        )


def check_origin(host: str, origin: str | None, fetch_site: str | None) -> None:
    if not is_own(host, origin, fetch_site):
        raise ForeignOrigin(
            "A page of another site may not change things here.",
            hint="Use the runner's own page, or a program that sends no Origin header.",
        )


def is_own(host: str, origin: str | None, fetch_site: str | None) -> bool:
    """Fetch metadata and Origin as browsers send them (https://web.dev/articles/fetch-metadata); programs send none."""
    foreign_site = fetch_site is not None and fetch_site not in ("same-origin", "none")
    foreign_origin = origin is not None and _netloc(origin) != host.lower()
    return not (foreign_site or foreign_origin)


def _netloc(origin: str) -> str | None:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") and parts.netloc else None


def _is_allowed(host: str, allowed: Sequence[str]) -> bool:
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
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
