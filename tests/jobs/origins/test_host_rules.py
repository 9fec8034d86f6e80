"""Rules about hosts, as the operator's ``egress.only`` and policies write them."""

from ipaddress import ip_address

import pytest

from chronos_gitops.jobs.origins.host_rules import HostRule


@pytest.mark.parametrize(
    ("rule", "host", "port", "holds"),
    [
        ("*.pay.example.com", "eu.pay.example.com", 443, True),
        ("*.pay.example.com", "pay.example.com", 443, False),
        ("*.pay.example.com", "pay.example.com.evil.test", 443, False),
        ("pay.example.com:8443", "pay.example.com", 8443, True),
        ("pay.example.com:8443", "pay.example.com", 443, False),
        ("*", "anything.test", 1, True),
        ("10.0.0.0/8", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "11.1.2.3", 80, False),
        ("10.0.0.0/8", "a.test", 80, False),
    ],
)
def test_rule_holds_names_and_written_addresses(rule: str, host: str, port: int, holds: bool) -> None:
    address = ip_address(host) if host[0].isdigit() else None
    assert HostRule.parse(rule).holds(host, address, port) is holds
