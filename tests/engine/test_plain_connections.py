"""An engine that is reached over a network without encryption is a warning; a local one is none."""

import logging

import pytest

from chronos_gitops.config.groups import TemporalAccess
from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress, is_plain
from chronos_gitops.engine.temporal.connection.connection import TemporalConnection


@pytest.mark.parametrize(
    ("hostaddr", "has_tls", "plain"),
    [
        (b"10.0.0.5", False, True),
        (b"192.0.2.1", False, True),
        (b"fe80::1%eth0", False, True),
        (b"2001:db8::1", False, True),
        (b"not an address", False, True),
        (b"10.0.0.5", True, False),
        (b"127.0.0.1", False, False),
        (b"127.8.8.8", False, False),
        (b"::1", False, False),
        (b"", False, False),
    ],
)
def test_postgresql_is_plain_by_the_address_that_is_connected_to(hostaddr: bytes, has_tls: bool, plain: bool) -> None:
    assert is_plain(hostaddr, has_tls=has_tls) is plain


def test_a_connection_to_this_machine_is_no_warning(postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with DatabaseAddress(postgres_url).connect() as connection:
        assert is_plain(b"192.0.2.1", has_tls=connection.pgconn.ssl_in_use)
    assert "engine_plain" not in caplog.text


@pytest.mark.parametrize(
    ("url", "access", "plain"),
    [
        ("temporal://temporal.example.com:7233", TemporalAccess(), True),
        ("temporal://10.0.0.5", TemporalAccess(), True),
        ("temporal://[fd00::1]:7233", TemporalAccess(), True),
        ("temporal://temporal.example.com", TemporalAccess(api_key="key"), False),
        ("temporal://localhost", TemporalAccess(), False),
        ("temporal://127.0.0.1:7233/chronos", TemporalAccess(), False),
        ("temporal://[::1]:7233", TemporalAccess(), False),
    ],
)
def test_temporal_is_plain_beyond_this_machine_without_tls(url: str, access: TemporalAccess, plain: bool) -> None:
    assert TemporalConnection.parse(url, access).is_plain is plain
