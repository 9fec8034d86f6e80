"""A proxy in front (TEAMS section 4): the path of ``public_url``, and the client that a trusted proxy names.

The path is taken off a request that begins with it, and stands in each link whether the proxy passes it on or not
(``SCRIPT_NAME``, PEP 3333). Of the forwarding headers only ``X-Forwarded-For`` is read, and only from trusted peers.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from flask import request

from chronos_gitops.config.callers.proxy import Network

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

IS_TRUSTED: Final = "chronos_gitops.from_trusted_proxy"
_MOST_HOPS: Final = 32


class ProxiedRequests:
    """The application behind ``public_url``, whose clients come through these networks."""

    def __init__(self, app: "WSGIApplication", *, public_url: str, trusted: Sequence[Network]) -> None:
        self._app = app
        self._prefix = urlsplit(public_url).path.rstrip("/")
        self._trusted = trusted

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if self._prefix:
            environ["SCRIPT_NAME"] = self._prefix
            environ["PATH_INFO"] = self._without_prefix(environ.get("PATH_INFO", ""))
        peer = _address(environ.get("REMOTE_ADDR", ""))
        environ[IS_TRUSTED] = peer is not None and self._is_trusted(peer)
        if environ[IS_TRUSTED]:
            environ["REMOTE_ADDR"] = self._client(str(peer), environ.get("HTTP_X_FORWARDED_FOR", ""))
        return self._app(environ, start_response)

    def _without_prefix(self, path: str) -> str:
        if path == self._prefix:
            return "/"
        return path.removeprefix(self._prefix) if path.startswith(f"{self._prefix}/") else path

    def _client(self, peer: str, forwarded: str) -> str:
        """The rightmost address that no trusted proxy has: a client may have written all that stands left of it."""
        client = peer
        for hop in reversed(forwarded.rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
            found = _address(hop.strip())
            if found is None:
                break
            client = str(found)
            if not self._is_trusted(found):
                break
        return client

    def _is_trusted(self, address: Any) -> bool:
        return any(address in network for network in self._trusted)


def came_through_trusted_proxy() -> bool:
    return bool(request.environ.get(IS_TRUSTED))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Some proxies write a port behind it; an IPv4 address in an IPv6 one is that address."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if found.version == 6 else found
