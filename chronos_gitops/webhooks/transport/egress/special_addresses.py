"""The IANA special-purpose address registries, and the metadata services of the clouds, as one table.

Sources: https://www.iana.org/assignments/iana-ipv4-special-registry (and -ipv6-), RFC 6890, RFC 8190; the metadata
addresses from the documentation of each cloud. The narrowest network wins.
"""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network


class SpecialAddress(StrEnum):
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
        return self in (
            SpecialAddress.LINK_LOCAL,
            SpecialAddress.METADATA,
            SpecialAddress.MULTICAST,
            SpecialAddress.UNSPECIFIED,
        )


IPV4: tuple[tuple[IPv4Network, SpecialAddress], ...] = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", SpecialAddress.RESERVED),
        ("0.0.0.0/32", SpecialAddress.UNSPECIFIED),
        ("10.0.0.0/8", SpecialAddress.PRIVATE),
        ("100.64.0.0/10", SpecialAddress.SHARED),
        ("100.100.100.200/32", SpecialAddress.METADATA),  # Alibaba
        ("127.0.0.0/8", SpecialAddress.LOOPBACK),
        ("168.63.129.16/32", SpecialAddress.METADATA),  # Azure's wire server
        ("169.254.0.0/16", SpecialAddress.LINK_LOCAL),
        ("169.254.169.254/32", SpecialAddress.METADATA),  # AWS, Google, Azure, OpenStack, DigitalOcean, IBM
        ("169.254.170.2/32", SpecialAddress.METADATA),  # AWS ECS credentials
        ("169.254.170.23/32", SpecialAddress.METADATA),  # AWS EKS pod identity
        ("169.254.0.23/32", SpecialAddress.METADATA),  # Tencent
        ("169.254.42.42/32", SpecialAddress.METADATA),  # Scaleway
        ("172.16.0.0/12", SpecialAddress.PRIVATE),
        ("192.0.0.0/24", SpecialAddress.RESERVED),
        ("192.0.0.9/32", SpecialAddress.PUBLIC),  # PCP anycast, RFC 7723
        ("192.0.0.10/32", SpecialAddress.PUBLIC),  # TURN anycast, RFC 8155
        ("192.0.0.192/32", SpecialAddress.METADATA),  # Oracle
        ("192.0.2.0/24", SpecialAddress.DOCUMENTATION),
        ("192.88.99.0/24", SpecialAddress.TRANSITION),
        ("192.168.0.0/16", SpecialAddress.PRIVATE),
        ("198.18.0.0/15", SpecialAddress.RESERVED),
        ("198.51.100.0/24", SpecialAddress.DOCUMENTATION),
        ("203.0.113.0/24", SpecialAddress.DOCUMENTATION),
        ("224.0.0.0/4", SpecialAddress.MULTICAST),
        ("240.0.0.0/4", SpecialAddress.RESERVED),
    )
)

IPV6: tuple[tuple[IPv6Network, SpecialAddress], ...] = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/96", SpecialAddress.TRANSITION),  # IPv4-compatible, deprecated by RFC 4291
        ("::/128", SpecialAddress.UNSPECIFIED),
        ("::1/128", SpecialAddress.LOOPBACK),
        ("64:ff9b::/96", SpecialAddress.PUBLIC),  # NAT64; the IPv4 address inside is judged too
        ("64:ff9b:1::/48", SpecialAddress.TRANSITION),  # local-use NAT64: where the inner address stands is not known
        ("100::/64", SpecialAddress.RESERVED),
        ("2000::/3", SpecialAddress.PUBLIC),
        ("2001::/23", SpecialAddress.RESERVED),
        ("2001::/32", SpecialAddress.TRANSITION),  # Teredo
        ("2001:1::1/128", SpecialAddress.PUBLIC),  # PCP anycast
        ("2001:1::2/128", SpecialAddress.PUBLIC),  # TURN anycast
        ("2001:3::/32", SpecialAddress.PUBLIC),  # AMT
        ("2001:4:112::/48", SpecialAddress.PUBLIC),  # AS112
        ("2001:db8::/32", SpecialAddress.DOCUMENTATION),
        ("2002::/16", SpecialAddress.TRANSITION),  # 6to4
        ("3fff::/20", SpecialAddress.DOCUMENTATION),
        ("fc00::/7", SpecialAddress.PRIVATE),
        ("fd00:42::42/128", SpecialAddress.METADATA),  # Scaleway
        ("fd00:c1::a9fe:a9fe/128", SpecialAddress.METADATA),  # Oracle
        ("fd00:ec2::/32", SpecialAddress.METADATA),  # AWS
        ("fd20:ce::254/128", SpecialAddress.METADATA),  # Google
        ("fe80::/10", SpecialAddress.LINK_LOCAL),
        ("fe80::a9fe:a9fe/128", SpecialAddress.METADATA),  # OpenStack
        ("fec0::/10", SpecialAddress.RESERVED),
        ("ff00::/8", SpecialAddress.MULTICAST),
    )
)
