"""Hosts that a pattern of the operator stands for."""

import pytest

from chronos_gitops.jobs.origins.origin import is_host_in


@pytest.mark.parametrize(
    ("host", "pattern", "inside"),
    [
        ("api.example.com", "api.example.com", True),
        ("API.example.com.", "api.Example.com", True),
        ("api.example.com", "*.example.com", True),
        ("a.b.example.com", "*.example.com", True),
        ("example.com", "*.example.com", False),
        ("evil-example.com", "*.example.com", False),
        ("api.example.com.evil.org", "*.example.com", False),
        ("example.com.evil.org", "example.com", False),
        ("10.0.0.1", "10.0.0.1", True),
    ],
)
def test_host_pattern(host: str, pattern: str, inside: bool) -> None:
    assert is_host_in(host, pattern) is inside
