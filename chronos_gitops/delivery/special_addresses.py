"""The IANA special-purpose address registries, and the metadata services of the clouds, as one table.

Sources: https://www.iana.org/assignments/iana-ipv4-special-registry (and -ipv6-), RFC 6890, RFC 8190; the metadata
addresses from the documentation of each cloud. The narrowest network wins.
"""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network


class Kind(StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    LINK_LOCAL = "link-local"
    METADATA = "cloud metadata"
    MULTICAST = "multicast"
    UNSPECIFIED = "unspecified"
    SHARED = "shared (CGNAT)"
    TRANSITION = "transition (tunnel)"
    DOCUMENTATION = "documentation"
    RESERVED = "reserved"

    @property
    def needs_exact_entry(self) -> bool:
        return self in (Kind.LINK_LOCAL, Kind.METADATA, Kind.MULTICAST, Kind.UNSPECIFIED)


IPV4: tuple[tuple[IPv4Network, Kind], ...] = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", Kind.RESERVED),
        ("0.0.0.0/32", Kind.UNSPECIFIED),
        ("10.0.0.0/8", Kind.PRIVATE),
        ("100.64.0.0/10", Kind.SHARED),
        ("100.100.100.200/32", Kind.METADATA),  # Alibaba
        ("127.0.0.0/8", Kind.LOOPBACK),
        ("168.63.129.16/32", Kind.METADATA),  # Azure's wire server
        ("169.254.0.0/16", Kind.LINK_LOCAL),
        ("169.254.169.254/32", Kind.METADATA),  # AWS, Google, Azure, OpenStack, DigitalOcean, IBM
        ("169.254.170.2/32", Kind.METADATA),  # AWS ECS credentials
        ("169.254.170.23/32", Kind.METADATA),  # AWS EKS pod identity
        ("169.254.0.23/32", Kind.METADATA),  # Tencent
        ("169.254.42.42/32", Kind.METADATA),  # Scaleway
        ("172.16.0.0/12", Kind.PRIVATE),
        ("192.0.0.0/24", Kind.RESERVED),
        ("192.0.0.9/32", Kind.PUBLIC),  # PCP anycast, RFC 7723
        ("192.0.0.10/32", Kind.PUBLIC),  # TURN anycast, RFC 8155
        ("192.0.0.192/32", Kind.METADATA),  # Oracle
        ("192.0.2.0/24", Kind.DOCUMENTATION),
        ("192.88.99.0/24", Kind.TRANSITION),
        ("192.168.0.0/16", Kind.PRIVATE),
        ("198.18.0.0/15", Kind.RESERVED),
        ("198.51.100.0/24", Kind.DOCUMENTATION),
        ("203.0.113.0/24", Kind.DOCUMENTATION),
        ("224.0.0.0/4", Kind.MULTICAST),
        ("240.0.0.0/4", Kind.RESERVED),
    )
)

IPV6: tuple[tuple[IPv6Network, Kind], ...] = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/96", Kind.TRANSITION),  # IPv4-compatible, deprecated by RFC 4291
        ("::/128", Kind.UNSPECIFIED),
        ("::1/128", Kind.LOOPBACK),
        ("64:ff9b::/96", Kind.PUBLIC),  # NAT64; the IPv4 address inside is judged too
        ("64:ff9b:1::/48", Kind.TRANSITION),  # local-use NAT64: where the inner address stands is not known
        ("100::/64", Kind.RESERVED),
        ("2000::/3", Kind.PUBLIC),
        ("2001::/23", Kind.RESERVED),
        ("2001::/32", Kind.TRANSITION),  # Teredo
        ("2001:1::1/128", Kind.PUBLIC),  # PCP anycast
        ("2001:1::2/128", Kind.PUBLIC),  # TURN anycast
        ("2001:3::/32", Kind.PUBLIC),  # AMT
        ("2001:4:112::/48", Kind.PUBLIC),  # AS112
        ("2001:db8::/32", Kind.DOCUMENTATION),
        ("2002::/16", Kind.TRANSITION),  # 6to4
        ("3fff::/20", Kind.DOCUMENTATION),
        ("fc00::/7", Kind.PRIVATE),
        ("fd00:42::42/128", Kind.METADATA),  # Scaleway
        ("fd00:c1::a9fe:a9fe/128", Kind.METADATA),  # Oracle
        ("fd00:ec2::/32", Kind.METADATA),  # AWS
        ("fd20:ce::254/128", Kind.METADATA),  # Google
        ("fe80::/10", Kind.LINK_LOCAL),
        ("fe80::a9fe:a9fe/128", Kind.METADATA),  # OpenStack
        ("fec0::/10", Kind.RESERVED),
        ("ff00::/8", Kind.MULTICAST),
    )
)
