"""The runner's own listener, which no job may reach: it trusts its machine, and authors of jobs may be untrusted."""

import socket
from ipaddress import IPv6Address, ip_address

from chronos_gitops.process.lazy_dataclass import dataclass

_NOT_ASSIGNED = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""RFC 5737 and RFC 3849, for documentation: no machine has them."""


@dataclass(slots=True)
class Listener:
    """The address and port where the API listens, set as soon as the server has them; port 0 is not listening yet."""

    host: str
    port: int

    def bound(self, host: str, port: int) -> None:
        self.host, self.port = host, port

    def is_reached(self, address: str, port: int) -> bool:
        """True if a connection to this numeric address arrives at the listener.

        For a wildcard these are the loopback addresses and every address of this machine, secondary ones included: a
        connection to one of those leaves from the primary address, so the two ends of the socket differ.
        """
        if port != self.port or port == 0:
            return False
        peer = _loopback_of(_canonical(address))
        if peer == _canonical(self.host):
            return True
        if not _is_wildcard(self.host):
            return False
        return ip_address(peer).is_loopback or _is_of_this_machine(peer)


def _canonical(address: str) -> str:
    """Without a zone; IPv4-mapped IPv6 (RFC 4291) as the IPv4 address that it connects to."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


def _loopback_of(address: str) -> str:
    """Linux connects to the loopback address where a wildcard is asked for."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)


def _is_wildcard(address: str) -> bool:
    return address in ("0.0.0.0", "::", "")


def _is_of_this_machine(address: str) -> bool:
    """Only an address of the machine can be bound, unless ip_nonlocal_bind lets every address be (ip(7))."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return _can_bind(family, address) and not _can_bind(family, _NOT_ASSIGNED[family])


def _can_bind(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
