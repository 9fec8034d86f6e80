"""The proxy in front of a runner: whose word counts for the client's address, and for who the caller is."""

import ipaddress
import re
from pathlib import Path
from typing import Any, Final

from chronos_gitops.config import parsers
from chronos_gitops.config.setting import setting
from chronos_gitops.process.lazy_dataclass import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HEADER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}\Z", re.ASCII)
_RESERVED: Final = frozenset({"authorization", "cookie", "host", "x-forwarded-for", "x-chronos-proxy-secret"})


def networks(value: Any, _base: Path) -> tuple[Network, ...]:
    """Addresses and networks, like ``10.2.0.0/16``; all of them would trust everybody, so that is refused."""
    found = []
    for one in parsers.texts(value):
        try:
            network = ipaddress.ip_network(one, strict=False)
        except ValueError:
            raise ValueError(f'"{one}" is no network; write one like 10.2.0.0/16 or fd00::/8') from None
        if network.prefixlen == 0:
            raise ValueError(f'"{one}" is every address there is; name the networks of your proxies')
        found.append(network)
    return tuple(found)


def header(value: Any, _base: Path) -> str:
    given = parsers.text(value).strip()
    if not _HEADER.match(given) or given.lower() in _RESERVED:
        raise ValueError(f'"{given}" is no header for this; write one like X-Forwarded-User')
    return given


@dataclass(frozen=True, slots=True)
class Proxy:
    """``user_header`` and ``groups_header`` name a caller where the request shows the secret of ``secret_file``."""

    trusted: tuple[Network, ...] = setting(
        "proxy.trusted",
        networks,
        "Networks of trusted proxies: only their `X-Forwarded-For` is used.",
        default=(),
        variable="CHRONOS_PROXY_TRUSTED",
    )
    user_header: str = setting(
        "proxy.user_header",
        header,
        "Header in which a trusted proxy names the authenticated user; `[[grants]]` match it as `user`.",
        default="",
        variable="CHRONOS_PROXY_USER_HEADER",
    )
    groups_header: str = setting(
        "proxy.groups_header",
        header,
        "Header with the user's groups, comma-separated; `[[grants]]` match them as `groups`.",
        default="",
        variable="CHRONOS_PROXY_GROUPS_HEADER",
    )
    secret_file: Path | None = setting(
        "proxy.secret_file",
        parsers.path,
        "File with the secret that the proxy sends as `X-Chronos-Proxy-Secret`; read again when it changes.",
        default=None,
        variable="CHRONOS_PROXY_SECRET_FILE",
    )
