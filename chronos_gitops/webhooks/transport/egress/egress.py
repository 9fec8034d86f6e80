"""Which addresses a request may reach, judged on the address that is really connected to.

The table is ours: ``ipaddress.is_private`` changed its mind between Python releases (CVE-2024-4032) and lets CGNAT,
multicast, cloud metadata and the IPv6 spellings of IPv4 addresses pass.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Network, ip_network

from chronos_gitops.errors import ChronosError, UsageError
from chronos_gitops.jobs.origins.host_rules import FORMS, Address, HostRule, Network, canonical_address, is_host_name
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.transport.egress.special_addresses import IPV4, IPV6, SpecialAddress


class RefusedAddress(ChronosError):
    """The operator's egress level does not let a request go there."""

    kind = "refused-address"

    def __init__(self, message: str, *, hint: str = "", nameless: str = "") -> None:
        super().__init__(message, hint=hint)
        self._nameless = nameless

    def of(self, place: str) -> "RefusedAddress":
        """The same about an address that is a secret's value: ``place`` is its reference."""
        return RefusedAddress(f"{place} {self._nameless}") if self._nameless else self


class Level(StrEnum):
    PUBLIC = "public"
    INTERNAL = "internal"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class HostPort:
    """One exact ``host:port`` of the operator's list; ``host`` is a lower-case name or a canonical address."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """The operator's rule. ``loopback_allowed`` is true while the runner itself listens on loopback only.

    | kind of address                              | public     | internal                | any |
    |----------------------------------------------|------------|-------------------------|-----|
    | public                                       | yes        | yes                     | yes |
    | private (RFC 1918, ULA)                      | entry      | yes                     | yes |
    | loopback                                     | entry      | if ``loopback_allowed``, else entry | yes |
    | link-local, metadata, multicast, unspecified | exact entry | exact entry            | yes |
    | everything else that is not public           | entry      | entry                   | yes |

    An entry is ``host:port``, ``address:port`` (both exact) or a network in CIDR notation.

    ``only``, when it is not empty, narrows all of that: the host, or the address connected to, must be in one of them.
    """

    level: Level = Level.INTERNAL
    endpoints: frozenset[HostPort] = frozenset()
    networks: tuple[Network, ...] = ()
    loopback_allowed: bool = False
    only: tuple[HostRule, ...] = ()

    @classmethod
    def parse(
        cls, level: str, allow: Iterable[str] = (), *, only: Iterable[str] = (), loopback_allowed: bool = False
    ) -> "EgressPolicy":
        """``parse("internal", ["169.254.169.254:80", "vault.corp:8200", "100.64.0.0/10"])``; UsageError otherwise.

        ``only`` takes ``api.example.com``, ``*.example.com``, ``10.0.0.0/8`` and ``*``, each with ``:port`` or without.
        """
        if level not in list(Level):
            raise UsageError(f'"{level}" is not an egress level', hint="write public, internal or any")
        entries = [_entry(text.strip()) for text in allow]
        return cls(
            Level(level),
            frozenset(entry for entry in entries if isinstance(entry, HostPort)),
            tuple(entry for entry in entries if not isinstance(entry, HostPort)),
            loopback_allowed,
            tuple(map(_only, only)),
        )

    def check(self, address: str, port: int, *, host: str = "") -> None:
        """Returns when a connection to ``address`` may be opened, raises RefusedAddress when not.

        ``address`` is what getaddrinfo answered, ``host`` the name that was asked for.
        """
        outer = canonical_address(address)
        if outer is None:
            raise RefusedAddress(f'"{address[:80]}" is not an address', nameless="has no address")
        if self.only and not any(place.holds(host, outer, port) for place in self.only):
            name = host or str(outer)
            raise RefusedAddress(
                f"{name}:{port} is not among the places that the operator lets requests go to",
                hint=f'the operator can add it: egress.only = ["{name}:{port}"]',
                nameless="is not among the places that the operator lets requests go to",
            )
        if self.level is Level.ANY or HostPort(host.lower().rstrip("."), port) in self.endpoints:
            return
        for judged in (outer, *_embedded(outer)):
            self._judge(judged, port)

    def _judge(self, address: Address, port: int) -> None:
        kind = kind_of(address)
        if kind is SpecialAddress.PUBLIC or HostPort(str(address), port) in self.endpoints:
            return
        if not kind.needs_exact_entry and any(address in network for network in self.networks):
            return
        if self.level is Level.INTERNAL and self._is_internal(kind):
            return
        entry = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
        raise RefusedAddress(
            f'{address} is a {kind} address, which the egress level "{self.level}" refuses',
            hint=f'the operator can allow it: egress.allow = ["{entry}"]',
            nameless=f'leads to a {kind} address, which the egress level "{self.level}" refuses',
        )

    def _is_internal(self, kind: SpecialAddress) -> bool:
        return kind is SpecialAddress.PRIVATE or (kind is SpecialAddress.LOOPBACK and self.loopback_allowed)


def kind_of(address: Address) -> SpecialAddress:
    """Kind of the address by the narrowest matching row of the table; without a row it is public in IPv4 and reserved
    in IPv6."""
    rows: tuple[tuple[Network, SpecialAddress], ...] = IPV4 if address.version == 4 else IPV6
    found = [(network.prefixlen, kind) for network, kind in rows if address in network]
    if found:
        return max(found)[1]
    return SpecialAddress.PUBLIC if address.version == 4 else SpecialAddress.RESERVED


def _embedded(address: Address) -> Iterator[IPv4Address]:
    """IPv4 addresses that a translator or a tunnel would deliver to: NAT64, 6to4, Teredo, IPv4-compatible."""
    if isinstance(address, IPv4Address):
        return
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):  # not :: and ::1
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")


def _entry(text: str) -> HostPort | Network:
    if "/" in text:
        try:
            return ip_network(text)
        except ValueError as error:
            raise UsageError(f"egress.allow: {error}", hint="a network is written like 10.0.0.0/8") from error
    host, _, port = text.lower().rpartition(":")
    address = canonical_address(host.removeprefix("[").removesuffix("]"))
    known = str(address) if address is not None else host.rstrip(".")
    bracketed = host.startswith("[") and host.endswith("]")
    is_exact = bracketed if ":" in known else is_host_name(known)
    if not is_exact or not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536:
        raise UsageError(
            f'egress.allow: "{text}" is not an entry',
            hint="write host:port, 10.1.2.3:8080, [fd00::1]:8080 or a network",
        )
    return HostPort(known, int(port))


def _only(text: str) -> HostRule:
    try:
        return HostRule.parse(text)
    except ValueError:
        raise UsageError(f'egress.only: "{text}" is not an entry', hint=f"write {FORMS}") from None
