"""Rules about hosts, as ``egress.only`` and policies write them: a name, ``*.name``, ``*`` or a network, with a port
or without."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from chronos_gitops.jobs.origins.origin import is_host_in
from chronos_gitops.process.lazy_dataclass import dataclass

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
FORMS: Final = "api.example.com, *.example.com, 10.0.0.0/8 or [fd00::/8], each with :port or without"
_HOST_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\Z", re.ASCII)
_RULE = re.compile(r"(?:\[(?P<v6>[0-9a-f:./]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class HostRule:
    """A pattern of host names or a network, on one port or (0) on all."""

    where: str | Network
    port: int

    @classmethod
    def parse(cls, text: str) -> "HostRule":
        """``[fd00::/8]:443`` and ``[fd00::1]`` stand in brackets, as IPv6 does beside a port. Raises ValueError."""
        found = _RULE.match(text.strip().lower())
        name = "" if found is None else found["v6"] or found["name"]
        port = int(found["port"] or 0) if found is not None else 0
        if found is None or port > 65535 or (found["port"] and not port):
            raise ValueError(text)
        try:
            return cls(ip_network(name), port)
        except ValueError:
            pass
        if (name != "*" and not is_host_name(name.removeprefix("*.").rstrip("."))) or "/" in name or found["v6"]:
            raise ValueError(text)
        return cls(name.rstrip("."), port)

    def holds(self, host: str, address: Address | None, port: int) -> bool:
        """``address`` is the one that is connected to, or that the host is written as; None for a name alone."""
        if self.port not in (0, port):
            return False
        if isinstance(self.where, str):
            return self.where == "*" or is_host_in(host, self.where)
        return address is not None and address in self.where


def is_host_name(text: str) -> bool:
    return bool(_HOST_NAME.match(text))


def canonical_address(text: str) -> Address | None:
    """The address without its zone, an IPv4-mapped one (RFC 4291, ::ffff:0:0/96) as the IPv4 address it connects to."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
