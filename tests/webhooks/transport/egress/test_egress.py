"""The address table and the operator's rule, without any network: only ``check`` is asked."""

import pytest

from chronos_gitops.errors import UsageError
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy, HostPort, Level, RefusedAddress, kind_of
from chronos_gitops.webhooks.transport.egress.special_addresses import IPV4, IPV6

PUBLIC = EgressPolicy(Level.PUBLIC)
INTERNAL = EgressPolicy(Level.INTERNAL)
ON_LOOPBACK = EgressPolicy(Level.INTERNAL, loopback_allowed=True)
ANY = EgressPolicy(Level.ANY)


def allows(policy: EgressPolicy, address: str, port: int = 80, host: str = "") -> bool:
    try:
        policy.check(address, port, host=host)
    except RefusedAddress:
        return False
    return True


PUBLIC_ADDRESSES = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "128.0.0.1",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.0.9",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2620:4f:8000::1",
]
PRIVATE_ADDRESSES = [
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "fc00::1",
    "fdff:ffff::1",
    "fd12:3456:789a::1",
    "::ffff:10.0.0.1",
    "::ffff:c0a8:1",
    "64:ff9b::10.0.0.1",
]
LOOPBACK_ADDRESSES = ["127.0.0.1", "127.0.0.53", "127.255.255.255", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"]
REFUSED_UNLESS_LISTED = [
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "240.0.0.1",
    "255.255.255.254",
    "0.1.2.3",
    "100::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "64:ff9b:1::1",
    "fec0::1",
    "4000::1",
    "1::1",
    "::8.8.8.8",
    "::2",
    "e000::1",
]
EXACT_ENTRY_ONLY = [
    "0.0.0.0",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.23",
    "169.254.1.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "239.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fe80::a9fe:a9fe",
    "febf::1",
    "ff02::1",
    "ff0e::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::ffff:0:0",
    "64:ff9b::a9fe:a9fe",
    "::ffff:168.63.129.16",
]
TUNNELS_TO_METADATA = [
    "2002:a9fe:a9fe::",
    "2002:7f00:1::1",
    "::169.254.169.254",
    "::127.0.0.1",
    "2001:0:a9fe:a9fe:8000:63bf:3fff:fdd2",
    "2001:0:4136:e378:8000:63bf:5601:5601",
]
NO_ADDRESSES = [
    "",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "①②⑦.⓪.⓪.①",
    "::ffff:1.2.3",
    "1.2.3.4 ",
]


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_public_address_is_always_allowed(address: str) -> None:
    assert allows(PUBLIC, address)
    assert allows(INTERNAL, address)
    assert allows(ANY, address)


@pytest.mark.parametrize("address", PRIVATE_ADDRESSES)
def test_private_address_is_internal(address: str) -> None:
    assert not allows(PUBLIC, address)
    assert allows(INTERNAL, address)
    assert allows(ANY, address)


@pytest.mark.parametrize("address", LOOPBACK_ADDRESSES)
def test_loopback_is_internal_while_the_runner_is_on_loopback_too(address: str) -> None:
    assert not allows(PUBLIC, address)
    assert not allows(INTERNAL, address)
    assert allows(ON_LOOPBACK, address)
    assert not allows(EgressPolicy(Level.PUBLIC, loopback_allowed=True), address)
    assert allows(ANY, address)


@pytest.mark.parametrize("address", [*REFUSED_UNLESS_LISTED, *EXACT_ENTRY_ONLY, *TUNNELS_TO_METADATA])
def test_special_address_is_refused_at_every_level_but_any(address: str) -> None:
    assert not allows(PUBLIC, address)
    assert not allows(INTERNAL, address)
    assert not allows(ON_LOOPBACK, address)
    assert allows(ANY, address)


@pytest.mark.parametrize("address", [*PRIVATE_ADDRESSES, *LOOPBACK_ADDRESSES, *REFUSED_UNLESS_LISTED])
def test_network_entry_opens_what_is_merely_not_public(address: str) -> None:
    assert allows(EgressPolicy.parse("public", ["0.0.0.0/0", "::/0"]), address)


@pytest.mark.parametrize("address", [*EXACT_ENTRY_ONLY, *TUNNELS_TO_METADATA])
def test_network_entry_does_not_open_what_needs_an_exact_one(address: str) -> None:
    inner_is_plain = address in ("2002:7f00:1::1", "::127.0.0.1")  # loopback inside: a network entry is enough
    assert allows(EgressPolicy.parse("internal", ["0.0.0.0/0", "::/0"]), address) is inner_is_plain


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1", "100.100.100.200", "::", "ff02::1", "10.0.0.1", "::1"]
)
def test_exact_entry_opens_one_port_of_one_address(address: str) -> None:
    entry = f"[{address}]:80" if ":" in address else f"{address}:80"
    policy = EgressPolicy.parse("public", [entry])
    assert allows(policy, address, 80)
    assert not allows(policy, address, 81)
    assert not allows(policy, "169.254.169.253", 80)


def test_exact_entry_counts_for_the_mapped_spelling() -> None:
    policy = EgressPolicy.parse("public", ["169.254.169.254:80"])
    assert allows(policy, "::ffff:169.254.169.254", 80)


def test_host_entry_opens_whatever_the_name_resolves_to() -> None:
    policy = EgressPolicy.parse("public", ["Vault.corp:8200"])
    assert allows(policy, "10.1.2.3", 8200, "vault.corp")
    assert allows(policy, "10.1.2.3", 8200, "VAULT.CORP.")
    assert not allows(policy, "10.1.2.3", 8201, "vault.corp")
    assert not allows(policy, "10.1.2.3", 8200, "other.corp")
    assert not allows(policy, "10.1.2.3", 8200)


@pytest.mark.parametrize("text", NO_ADDRESSES)
@pytest.mark.parametrize("policy", [PUBLIC, ON_LOOPBACK, ANY])
def test_what_is_no_address_is_refused(text: str, policy: EgressPolicy) -> None:
    assert not allows(policy, text)


def test_refusal_says_what_and_how_to_allow_it() -> None:
    with pytest.raises(RefusedAddress) as caught:
        INTERNAL.check("169.254.169.254", 80)
    assert str(caught.value) == (
        '169.254.169.254 is a cloud metadata address, which the egress level "internal" refuses'
        ' (the operator can allow it: egress.allow = ["169.254.169.254:80"])'
    )
    with pytest.raises(RefusedAddress, match=r'egress\.allow = \["\[fe80::1\]:8080"\]'):
        INTERNAL.check("fe80::1%eth0", 8080)


@pytest.mark.parametrize(
    "entry",
    [
        *("", ":80", "host", "host:", "host:0", "host:65536", "host:x", "host:٣", "host:80:80", "http://host:80"),
        *("ho st:80", "*.corp:80", "fd00::1:80", "[fd00::1]", "[host]:80", "10.0.0.0/33", "10.0.0.1/8"),
    ],
)
def test_entry_that_cannot_mean_anything_is_an_error(entry: str) -> None:
    with pytest.raises(UsageError, match=r"egress\.allow"):
        EgressPolicy.parse("internal", [entry])


def test_unknown_level_is_an_error() -> None:
    with pytest.raises(UsageError, match="public, internal or any"):
        EgressPolicy.parse("privat")


def test_entries_are_read_in_their_canonical_form() -> None:
    policy = EgressPolicy.parse("any", ["[FD00:0::1]:80", " 10.0.0.0/8 ", "[::ffff:10.0.0.1]:80"])
    assert policy.endpoints == {HostPort("fd00::1", 80), HostPort("10.0.0.1", 80)}
    assert [str(network) for network in policy.networks] == ["10.0.0.0/8"]


def test_narrowest_row_of_the_table_wins() -> None:
    for rows in (IPV4, IPV6):
        for network, kind in rows:
            narrower = [other for other, _ in rows if other != network and network.network_address in other]
            if all(other.prefixlen < network.prefixlen for other in narrower):
                assert kind_of(network.network_address) is kind


ONLY = EgressPolicy.parse(
    "any",
    only=["api.example.com", "*.Pay.example:8443", "10.1.0.0/16", "10.2.0.0/16:443", "[fd00::/8]:443", "192.0.2.1"],
)


@pytest.mark.parametrize(
    ("host", "address", "port", "may"),
    [
        ("api.example.com", "192.0.2.9", 80, True),
        ("API.example.com.", "192.0.2.9", 9999, True),
        ("x.api.example.com", "192.0.2.9", 80, False),
        ("eu.pay.example", "192.0.2.9", 8443, True),
        ("eu.pay.example", "192.0.2.9", 443, False),
        ("pay.example", "192.0.2.9", 8443, False),
        ("anything.example", "10.1.2.3", 1234, True),
        ("anything.example", "::ffff:10.1.2.3", 1234, True),
        ("anything.example", "10.2.2.3", 443, True),
        ("anything.example", "10.2.2.3", 80, False),
        ("anything.example", "fd12::1", 443, True),
        ("anything.example", "fd12::1", 80, False),
        ("192.0.2.1", "192.0.2.1", 80, True),
        ("", "192.0.2.1", 80, True),
        ("evil.example", "192.0.2.2", 443, False),
        ("api.example.com.evil.example", "192.0.2.2", 443, False),
    ],
)
def test_a_list_of_the_only_places_narrows_every_level(host: str, address: str, port: int, may: bool) -> None:
    assert allows(ONLY, address, port, host) is may


def test_the_only_places_do_not_open_what_the_level_refuses() -> None:
    policy = EgressPolicy.parse("internal", only=["*"])
    assert allows(policy, "192.0.2.1", 80, "api.example.com") is allows(INTERNAL, "192.0.2.1", 80, "api.example.com")
    assert not allows(policy, "169.254.169.254", 80, "api.example.com")
    both = EgressPolicy.parse("internal", ["169.254.169.254:80"], only=["*:80"])
    assert allows(both, "169.254.169.254", 80)
    assert not allows(both, "93.184.216.34", 443)


def test_a_place_that_is_not_listed_is_told_with_the_way_to_list_it() -> None:
    with pytest.raises(RefusedAddress, match=r'egress\.only = \["evil\.example:443"\]'):
        ONLY.check("93.184.216.34", 443, host="evil.example")


@pytest.mark.parametrize(
    "entry",
    [
        *("", ":80", "host:", "host:0", "host:65536", "host:x", "http://host", "*host", "a.*.example", "host:80:80"),
        *("10.0.0.0/33", "10.0.0.1/8", "fd00::1", "[host]", "[fd00::1", "ho st", "[]:80", "*.", "10.0.0.0/8/8"),
    ],
)
def test_a_place_that_cannot_mean_anything_is_an_error(entry: str) -> None:
    with pytest.raises(UsageError, match=r"egress\.only"):
        EgressPolicy.parse("internal", only=[entry])
