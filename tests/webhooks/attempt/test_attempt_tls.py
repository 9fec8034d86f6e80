"""Real TLS with an authority of our own: verified always, closed at once when it hangs."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import servers
from harness.servers import Certificates, Connection, Hostile, answer, answering, once

from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.model import Job
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind
from chronos_gitops.webhooks.transport.tls import TlsContexts

OK = answering(answer("200 OK", b"ok"))


def test_certificate_of_the_operators_authority_is_accepted(
    certificates: Certificates, job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    with Hostile(OK, tls=certificates.context("good")) as server:
        outcome = deliver(job_to(server.url()), ca_file=certificates.authority)
    assert (outcome.kind, outcome.status_code) == (OutcomeKind.SUCCESS, 200)


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("expired", {"days": -1}, "expired"),
        ("elsewhere", {"host": "DNS:other.example"}, "127.0.0.1"),
        ("alone", {"signed": False}, "self-signed certificate"),
    ],
)
def test_bad_certificate_fails_at_once_and_nothing_is_sent(
    name: str,
    options: dict[str, object],
    reason: str,
    certificates: Certificates,
    job_to: Callable[..., Job],
    deliver: Callable[..., Outcome],
) -> None:
    with Hostile(OK, tls=certificates.context(name, **options)) as server:
        outcome = deliver(job_to(server.url()), ca_file=certificates.authority)
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.FAILED, "tls")
    assert outcome.error is not None
    assert reason in outcome.error.replace("self signed", "self-signed")
    assert server.heads == []


def test_unknown_authority_is_refused(
    certificates: Certificates, job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    with Hostile(OK, tls=certificates.context("unknown")) as server:
        outcome = deliver(job_to(server.url()))
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.FAILED, "tls")
    assert server.heads == []


def test_old_protocol_is_refused(
    certificates: Certificates, job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    old = certificates.context("old-protocol")
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with Hostile(OK, tls=old) as server:
        outcome = deliver(job_to(server.url()), ca_file=certificates.authority)
    # asyncio's server closes before its alert has left, so it is open which of the two the client sees.
    assert outcome.error_class in ("tls", "connect")
    assert outcome.kind is OutcomeKind.RETRY
    assert server.heads == []


def test_context_verifies_and_speaks_tls_1_2_at_least() -> None:
    context = TlsContexts().of("api.example.com")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_server_without_tls_is_retried(job_to: Callable[..., Job], deliver: Callable[..., Outcome]) -> None:
    async def not_tls(connection: Connection) -> None:
        await connection.send(b"220 mail.example.com ESMTP\r\n")
        await connection.gone()

    with Hostile(not_tls) as server:
        outcome = deliver(job_to(server.url().replace("http:", "https:")))
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, "tls")


def test_handshake_that_never_ends_is_within_the_deadline(
    job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    with Hostile(servers.silent) as server:
        outcome = deliver(job_to(server.url().replace("http:", "https:"), timeout=0.3))
        assert server.wait_for(lambda server: server.closed == 1)
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, "timeout")
    assert outcome.error is not None
    assert "while negotiating TLS" in outcome.error
    assert outcome.duration.total_seconds() < 0.8


def test_closing_does_not_wait_for_the_servers_farewell(
    certificates: Certificates,
    job_to: Callable[..., Job],
    new_delivery: Callable[..., Delivery],
    call_of: Callable[..., object],
) -> None:
    """A polite TLS close keeps the connection for up to 30 s when the other side has stopped reading."""

    async def scene(server: Hostile, authority: Path) -> None:
        async with new_delivery(ca_file=authority) as delivery:
            before = _open_files()
            outcome = await delivery.attempt(job_to(server.url(), timeout=0.3), call_of())
            assert outcome.error_class == "timeout"
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert _open_files() == before + 1  # the server's end

    with Hostile(servers.never_reads, tls=certificates.context("stuck")) as server:
        asyncio.run(scene(server, certificates.authority))


def _open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_connection_that_ends_without_a_farewell_is_no_surprise(
    certificates: Certificates, job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    with Hostile(once(answer("200 OK", b"ok")), tls=certificates.context("curt")) as server:
        outcome = deliver(job_to(server.url()), ca_file=certificates.authority)
    assert (outcome.kind, outcome.response) == (OutcomeKind.SUCCESS, "ok")


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), ("no certificate", "no certificate in PEM")])
def test_a_ca_file_that_is_none_is_named(content: str | None, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=reason):
        TlsContexts(file)
