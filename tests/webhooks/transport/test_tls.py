"""Authorities and client certificates per host, against real TLS servers on loopback; a rotation needs no restart."""

import asyncio
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.servers import Certificates, Hostile, answer, answering

from chronos_gitops.config.model import HostTls
from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.model import Job
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind
from chronos_gitops.webhooks.transport.tls import TlsContexts

OK = answering(answer("200 OK", b"ok"))
MakeJob = Callable[..., Job]
Deliver = Callable[..., Outcome]


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority that nobody was told to believe."""
    return Certificates.make(tmp_path_factory.mktemp("other-authority"))


def shown(pair: tuple[Path, Path], authority: Path) -> dict[str, HostTls]:
    return {"127.0.0.1": HostTls(authority, *pair)}


def test_the_host_gets_the_certificate_that_the_operator_chose_for_it(
    certificates: Certificates, job_to: MakeJob, deliver: Deliver
) -> None:
    pair = certificates.sign("runner")
    with Hostile(OK, tls=certificates.context("asking", shows=True)) as server:
        outcome = deliver(job_to(server.url()), hosts=shown(pair, certificates.authority))
    assert (outcome.kind, outcome.response) == (OutcomeKind.SUCCESS, "ok")


@pytest.mark.parametrize("case", ["none", "of another authority", "expired"])
def test_a_server_that_asks_and_gets_no_good_certificate_ends_it(
    case: str, certificates: Certificates, others: Certificates, job_to: MakeJob, deliver: Deliver
) -> None:
    makers = {
        "none": lambda: HostTls(certificates.authority),
        "of another authority": lambda: HostTls(certificates.authority, *others.sign("stranger")),
        "expired": lambda: HostTls(certificates.authority, *certificates.sign("late", days=-1)),
    }
    with Hostile(OK, tls=certificates.context("strict", shows=True)) as server:
        outcome = deliver(job_to(server.url()), hosts={"127.0.0.1": makers[case]()})
    assert (outcome.kind, outcome.status_code) == (OutcomeKind.RETRY, None)
    # asyncio's server may close before its alert has left; then nothing tells why.
    assert outcome.error_class in ("tls", "connect")
    assert server.heads == []


def test_the_authority_of_one_host_is_believed_there_only(
    certificates: Certificates, others: Certificates, job_to: MakeJob, deliver: Deliver
) -> None:
    hosts = {"localhost": HostTls(others.authority)}
    with Hostile(OK, tls=others.context("private", host="DNS:localhost,IP:127.0.0.1")) as server:
        named = server.url().replace("127.0.0.1", "localhost")
        assert deliver(job_to(named), hosts=hosts).kind is OutcomeKind.SUCCESS
        elsewhere = deliver(job_to(server.url()), hosts=hosts, ca_file=certificates.authority)
    assert (elsewhere.kind, elsewhere.error_class) == (OutcomeKind.FAILED, "tls")
    assert len(server.heads) == 1


def test_an_authority_of_its_own_stands_in_place_of_all_others(
    certificates: Certificates, others: Certificates, job_to: MakeJob, deliver: Deliver
) -> None:
    with Hostile(OK, tls=certificates.context("pinned-away")) as server:
        outcome = deliver(
            job_to(server.url()), ca_file=certificates.authority, hosts={"127.0.0.1": HostTls(others.authority)}
        )
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.FAILED, "tls")
    assert server.heads == []


def test_the_exact_entry_wins_over_a_wildcard_and_a_long_one_over_a_short_one(others: Certificates) -> None:
    hosts = {name: HostTls(others.authority) for name in ("*.example.com", "*.eu.example.com", "api.eu.example.com")}
    trust = TlsContexts(hosts=hosts)
    exact, longer, shorter, default = map(
        trust.of, ("api.eu.example.com", "db.eu.example.com", "db.example.com", "example.com")
    )
    assert len({id(one) for one in (exact, longer, shorter, default)}) == 4
    assert trust.of("API.eu.example.com.") is exact
    assert trust.of("xexample.com") is default
    assert all(one.verify_mode is ssl.CERT_REQUIRED and one.check_hostname for one in (exact, longer, shorter))


def put(pair: tuple[Path, Path], folder: Path) -> None:
    """As an operator's tool rotates: a new file takes the place of the old one."""
    for source, name in zip(pair, ("client.pem", "client.key"), strict=True):
        shutil.copy(source, folder / f".{name}")
        (folder / f".{name}").replace(folder / name)


def test_a_rotated_certificate_counts_from_the_next_connection(
    certificates: Certificates,
    others: Certificates,
    job_to: MakeJob,
    new_delivery: Callable[..., Delivery],
    call_of: Callable[..., object],
    tmp_path: Path,
) -> None:
    first, second = others.sign("before"), certificates.sign("after")
    put(first, tmp_path)
    hosts = shown((tmp_path / "client.pem", tmp_path / "client.key"), certificates.authority)

    async def scene(url: str) -> list[OutcomeKind]:
        kinds = []
        async with new_delivery(hosts=hosts) as delivery:
            kinds.append((await delivery.attempt(job_to(url), call_of())).kind)
            put(second, tmp_path)
            kinds.append((await delivery.attempt(job_to(url), call_of())).kind)
        return kinds

    with Hostile(OK, tls=certificates.context("watching", shows=True)) as server:
        assert asyncio.run(scene(server.url())) == [OutcomeKind.RETRY, OutcomeKind.SUCCESS]


def test_files_that_were_broken_since_leave_the_last_good_ones_in_place(
    certificates: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(certificates.sign("good-then-broken"), tmp_path)
    trust = TlsContexts(hosts=shown((tmp_path / "client.pem", tmp_path / "client.key"), certificates.authority))
    good = trust.of("127.0.0.1")
    (tmp_path / "client.key").write_text("half a fi")
    assert trust.of("127.0.0.1") is good
    assert trust.of("127.0.0.1") is good
    assert [record.levelname for record in caplog.records] == ["ERROR"], "told once"
    assert "egress.hosts.127.0.0.1.cert_file" in caplog.text
    (tmp_path / "client.key").unlink()
    assert trust.of("127.0.0.1") is good
    put(certificates.sign("good-again"), tmp_path)
    assert trust.of("127.0.0.1") is not good


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("absent", "No such file"),
        ("no key", "plain key"),
        ("encrypted", "plain key"),
        ("another's key", "belongs to another certificate"),
        ("no authority", "no certificate in PEM"),
    ],
)
def test_files_that_cannot_be_used_are_named_before_anything_starts(
    case: str, reason: str, certificates: Certificates, tmp_path: Path
) -> None:
    certificate, key = certificates.sign("named")
    locked = tmp_path / "locked.key"
    certificates.encrypt(key, locked)
    entries = {
        "absent": HostTls(None, tmp_path / "absent.pem"),
        "no key": HostTls(None, certificate),
        "encrypted": HostTls(None, certificate, locked),
        "another's key": HostTls(None, certificate, certificates.sign("other-key")[1]),
        "no authority": HostTls(key),
    }
    with pytest.raises(UsageError, match=reason) as caught:
        TlsContexts(hosts={"api.example.com": entries[case]})
    assert str(caught.value).startswith("egress.hosts.api.example.com.")
