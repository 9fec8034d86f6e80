"""A preflight opens connections and sends nothing: each check passes and fails over real sockets."""

import asyncio
import contextlib
import errno
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from harness.servers import Certificates, Hostile, answer, answering, silent

from chronos_gitops.config.model import HostTls
from chronos_gitops.jobs.origins.origin import OriginPattern
from chronos_gitops.jobs.secrets.bindings import Bindings, SecretBinding
from chronos_gitops.jobs.templates.time_variables import TimeVariable
from chronos_gitops.jobs.webhook import BearerAuth, Completion, IdentityAuth, OAuth2Auth
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.preflight import certificate_end, connection, preflight_run
from chronos_gitops.webhooks.preflight.checks import CheckResult, PlannedJob, PreflightCheck, PreflightItem
from chronos_gitops.webhooks.preflight.preflight_run import AT_ONCE, PreflightProbe
from chronos_gitops.webhooks.transport.dns import AddressInfo
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy
from chronos_gitops.webhooks.transport.egress.egress_folders import EgressPolicies, FolderPolicy
from chronos_gitops.webhooks.transport.egress.own_listener import Listener
from chronos_gitops.webhooks.transport.http_client import HttpTransport
from chronos_gitops.webhooks.transport.timings import Phase, PhaseTimer

Plan = Callable[..., PlannedJob]
Probe = Callable[..., PreflightProbe]
TOKEN = answering(answer("200 OK", b'{"access_token": "t0ken-of-the-endpoint", "token_type": "bearer"}'))
CHANGE_CIPHER, HANDSHAKE, SEALED = 20, 22, 23


def results(items: Sequence[PreflightItem]) -> dict[str, str]:
    return {item.check.value: item.result.value for item in items}


def failure(items: Sequence[PreflightItem]) -> PreflightItem:
    return next(item for item in items if item.result is CheckResult.FAIL)


def test_a_receiver_sees_one_connection_and_no_byte(plan: Plan, probe: Probe) -> None:
    with Hostile(silent) as server:
        items = probe().run([plan(server.url("/backup"), name=f"job-{number}") for number in range(20)])
        assert server.wait_for(lambda it: it.closed == 1)
        assert (server.opened, server.heads, server.bodies) == (1, [], [])
    assert {item.result for item in items} == {CheckResult.PASS}
    assert [item.check for item in items[:4]] == [
        PreflightCheck.SECRET,
        PreflightCheck.REQUEST,
        PreflightCheck.ADDRESS,
        PreflightCheck.CONNECT,
    ]
    assert items[2].host == "127.0.0.1"


@contextmanager
def relay(port: int) -> Iterator[tuple[int, bytearray]]:
    """A port before another one, and all that clients have sent through it."""
    seen, listening = bytearray(), socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, target: socket.socket, keep: bytearray) -> None:
        try:
            while chunk := source.recv(65536):
                keep += chunk
                target.sendall(chunk)
        except OSError:
            pass
        finally:
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)  # a close alone does not wake the other thread, which reads from it
            target.close()

    def serve() -> None:
        client, _ = listening.accept()
        server = socket.create_connection(("127.0.0.1", port))
        back = threading.Thread(target=pump, args=(server, client, bytearray()))
        back.start()
        pump(client, server, seen)
        back.join(10)

    thread = threading.Thread(target=serve)
    thread.start()
    yield listening.getsockname()[1], seen
    thread.join(10)
    assert not thread.is_alive()
    listening.close()


def records(sent: bytes) -> list[int]:
    """The types of the TLS records (RFC 8446, section 5.1)."""
    found, at = [], 0
    while at < len(sent):
        found.append(sent[at])
        at += 5 + int.from_bytes(sent[at + 3 : at + 5], "big")
    return found


def test_no_byte_follows_the_handshake(plan: Plan, probe: Probe, certificates: Certificates) -> None:
    """The last record of the client is the one with its Finished; not even the alert that closes TLS follows."""
    context = certificates.context("raw")
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with Hostile(silent, tls=context) as server, relay(server.port) as (port, seen):
        items = probe(ca_file=certificates.authority).run([plan(f"https://127.0.0.1:{port}/")])
    assert results(items)["certificate"] == "pass"
    assert records(bytes(seen)) == [HANDSHAKE, CHANGE_CIPHER, SEALED]


def test_a_certificate_that_ends_between_two_ticks_fails_for_the_first_one_it_does_not_last_for(
    plan: Plan, probe: Probe, certificates: Certificates
) -> None:
    with Hostile(silent, tls=certificates.context("ends", days=1)) as server:
        fits = probe(ca_file=certificates.authority).run([plan(server.url(), count=20)])
        fails = probe(ca_file=certificates.authority).run([plan(server.url(), count=40)])
    assert results(fits)["certificate"] == "pass"
    found = failure(fails)
    ends = datetime.now(UTC) + timedelta(days=1)
    assert found.check is PreflightCheck.CERTIFICATE
    assert ends - timedelta(minutes=2) < found.scheduled_time < ends + timedelta(hours=1)
    assert found.scheduled_time.minute == 0
    assert found.message.startswith("the certificate of 127.0.0.1 ends ")
    assert found.message.endswith(" before the run") or "after the run begins" in found.message


def test_our_client_certificate_must_last_as_long(plan: Plan, probe: Probe, certificates: Certificates) -> None:
    certificate, key = certificates.sign("client", days=1)
    hosts = {"127.0.0.1": HostTls(certificates.authority, certificate, key)}
    with Hostile(silent, tls=certificates.context("shown", days=30, shows=True)) as server:
        items = probe(hosts=hosts).run([plan(server.url(), count=40)])
    assert failure(items).message.startswith("the client certificate for 127.0.0.1 ends ")


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [("expired-now", {"days": -1}, "expired"), ("other-host", {"host": "DNS:other.example"}, "127.0.0.1")],
)
def test_a_certificate_that_is_not_accepted_now(
    plan: Plan, probe: Probe, certificates: Certificates, name: str, options: dict[str, Any], reason: str
) -> None:
    with Hostile(silent, tls=certificates.context(name, **options)) as server:
        items = probe(ca_file=certificates.authority).run([plan(server.url())])
    assert failure(items).check is PreflightCheck.CERTIFICATE
    assert reason in failure(items).message


def test_tls_that_is_none_and_a_closed_port(plan: Plan, probe: Probe) -> None:
    with Hostile(answering(b"not TLS")) as server:
        no_tls = probe().run([plan(server.url().replace("http:", "https:"))])
        port = server.port
    closed = probe().run([plan(f"http://127.0.0.1:{port}/")])
    assert failure(no_tls).check is PreflightCheck.CERTIFICATE
    assert failure(closed).check is PreflightCheck.CONNECT
    assert results(closed) == {"secret": "pass", "request": "pass", "address": "pass", "connect": "fail"}


def test_a_host_that_never_ends_its_handshake_is_left(
    plan: Plan, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WITHIN_S", 0.3)
    with Hostile(silent) as server:
        items = probe().run([plan(server.url().replace("http:", "https:"))])
    assert (failure(items).check, failure(items).message) == (
        PreflightCheck.CERTIFICATE,
        f"no TLS handshake with 127.0.0.1:{server.port} within 10 s",
    )


class Stuck:
    """A transport that gets as far as a phase and no farther."""

    def __init__(self, phase: Phase) -> None:
        self._phase = phase

    async def exchange(self, _request: object, progress: PhaseTimer, *_: object, **__: object) -> None:
        progress.phase = self._phase
        raise TimeoutError


@pytest.mark.parametrize(
    ("phase", "check", "message"),
    [
        (Phase.RESOLVING, PreflightCheck.ADDRESS, "127.0.0.1:9 was not resolved within 10 s"),
        (Phase.CONNECTING, PreflightCheck.CONNECT, "no connection to 127.0.0.1:9 within 10 s"),
        (Phase.SECURING, PreflightCheck.CERTIFICATE, "no TLS handshake with 127.0.0.1:9 within 10 s"),
    ],
)
def test_each_phase_has_a_sentence(
    plan: Plan, probe: Probe, monkeypatch: pytest.MonkeyPatch, phase: Phase, check: PreflightCheck, message: str
) -> None:
    monkeypatch.setattr(HttpTransport, "exchange", Stuck(phase).exchange)
    items = probe().run([plan("https://127.0.0.1:9/")])
    assert (failure(items).check, failure(items).message) == (check, message)
    rest = {item.message for item in items if item.result is CheckResult.NOT_RUN}
    assert rest <= {f"the check {check} failed before"}


def test_a_runner_without_a_file_descriptor_says_nothing_about_the_host(plan: Plan, probe: Probe) -> None:
    async def none_left(_host: str) -> list[AddressInfo]:
        raise OSError(errno.EMFILE, "Too many open files")

    items = probe(resolve=none_left).run([plan("http://target.example/")])
    assert CheckResult.FAIL not in {item.result for item in items}
    assert items[-1].message == "this runner had no file descriptor free"


def test_a_token_endpoint_that_never_answers(plan: Plan, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight_run, "WITHIN_S", 0.3)
    with Hostile(silent) as target, Hostile(silent) as endpoint:
        auth = OAuth2Auth(endpoint.url("/token"), "me", "${secret:client}")
        items = probe(secrets=Secrets({"client": "cl1ent-secret"})).run([plan(target.url(), auth=auth)])
    assert (failure(items).check, failure(items).message) == (
        PreflightCheck.TOKEN,
        "the token endpoint gave no token within 10 s",
    )


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        (timedelta(minutes=-46), "the certificate of h ends 00:14:00Z, 46m before the run"),
        (timedelta(minutes=5), "the certificate of h ends 01:05:00Z, 5m after the run begins, which may take 10m"),
        (timedelta(days=-2), "the certificate of h ends 2026-11-27T01:00:00Z, 48h before the run"),
    ],
)
def test_the_end_of_a_certificate_in_words(ends: timedelta, message: str) -> None:
    at = datetime(2026, 11, 29, 1, tzinfo=UTC)
    assert certificate_end._message("the certificate of h", at + ends, at, timedelta(minutes=10)) == message


async def nothing(_host: str) -> list[AddressInfo]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def metadata(_host: str) -> list[AddressInfo]:
    return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "169.254.169.254")]


def test_addresses_come_from_the_resolver_and_each_is_judged(plan: Plan, probe: Probe) -> None:
    unknown = probe(resolve=nothing).run([plan("http://backup.example/")])
    with Hostile(silent) as server:
        one_forbidden = probe(resolve=metadata).run([plan(f"http://backup.example:{server.port}/")])
        assert server.opened == 0
    assert failure(unknown).check is failure(one_forbidden).check is PreflightCheck.ADDRESS
    assert "could not be resolved" in failure(unknown).message
    assert "169.254.169.254 is a cloud metadata address" in failure(one_forbidden).message


def test_egress_counts_by_the_folder_of_each_job(plan: Plan, probe: Probe) -> None:
    open_, closed = EgressPolicy.parse("any"), EgressPolicy.parse("public")
    with Hostile(silent) as server:
        for default, folder, check in ((closed, open_, None), (open_, closed, PreflightCheck.ADDRESS)):
            policies = EgressPolicies(FolderPolicy(default), {"jobs": FolderPolicy(folder)})
            items = probe(egress=policies).run([plan(server.url())])
            assert next((item.check for item in items if item.result is CheckResult.FAIL), None) is check


def test_the_runners_own_listener_is_refused(plan: Plan, probe: Probe) -> None:
    with Hostile(silent) as server:
        items = probe(listener=Listener("127.0.0.1", server.port)).run([plan(server.url())])
        assert server.opened == 0
    assert failure(items).check is PreflightCheck.ADDRESS
    assert "this is the runner itself" in failure(items).message


def test_secrets_that_are_missing_or_may_not_go_there(plan: Plan, probe: Probe) -> None:
    auth = BearerAuth("${secret:key}")
    bound = Bindings({"key": SecretBinding((), (OriginPattern.parse("https://api.example.com"),))})
    with Hostile(silent) as server:
        missing = probe().run([plan(server.url(), auth=auth)])
        refused = probe(secrets=Secrets({"key": "v4lue"}, bindings=bound)).run([plan(server.url(), auth=auth)])
        assert server.opened == 0
        there = probe(secrets=Secrets({"key": "v4lue"})).run([plan(server.url(), auth=auth)])
    assert results(missing) == {"secret": "fail", "request": "not_run", "address": "not_run", "connect": "not_run"}
    assert failure(missing).message == "${secret:key} has no value (set CHRONOS_SECRET_KEY)"
    assert "may not be" in failure(refused).message
    assert set(results(there).values()) == {"pass"}


def test_a_secret_behind_a_broken_request_is_looked_at_all_the_same(plan: Plan, probe: Probe) -> None:
    headers = (("X-Bad", "${secret:broken}"), ("X-Key", "${secret:missing}"))
    items = probe(secrets=Secrets({"broken": "a\x00b"})).run([plan("http://127.0.0.1:9/", headers=headers)])
    assert failure(items).check is PreflightCheck.SECRET


def test_requests_that_cannot_be_rendered(plan: Plan, probe: Probe) -> None:
    callback = plan("http://127.0.0.1:9/", completion=Completion.CALLBACK)
    identity = plan("http://127.0.0.1:9/", auth=IdentityAuth())
    broken = plan("http://127.0.0.1:9/", headers=(("X-Bad", "${secret:key}"),))
    for planned, words in ((callback, "public_url"), (identity, "identity.key_files"), (broken, "control character")):
        items = probe(secrets=Secrets({"key": "a\x00b"})).run([planned])
        assert failure(items).check is PreflightCheck.REQUEST
        assert words in failure(items).message
        assert results(items)["secret"] == "pass"
        assert results(items)["connect"] == "not_run"


def test_a_variable_without_a_time_fails_for_the_scheduled_time_that_has_none(plan: Plan, probe: Probe) -> None:
    """The last scheduled time has none after it."""
    following = TimeVariable.parse({"time": "next"})
    ends = datetime.now(UTC) + timedelta(hours=3)
    planned = plan("http://127.0.0.1:9/", times=(("following", following),), count=9, end=f"{ends:%Y-%m-%dT%H:%M}")
    items = probe().run([planned])
    assert failure(items).check is PreflightCheck.REQUEST
    assert failure(items).scheduled_time == planned.last > planned.first
    assert failure(items).message.startswith("the schedule has no run after ")


def test_a_token_is_obtained_from_its_endpoint_once_and_nothing_goes_to_the_target(plan: Plan, probe: Probe) -> None:
    secrets = Secrets({"client": "cl1ent-secret"})
    with Hostile(silent) as target, Hostile(TOKEN) as endpoint, Hostile(answering(answer("401 Unauthorized"))) as deaf:
        auth = OAuth2Auth(endpoint.url("/token"), "me", "${secret:client}")
        items = probe(secrets=secrets).run([plan(target.url(), name=f"job-{n}", auth=auth) for n in range(3)])
        refused = probe(secrets=secrets).run(
            [plan(target.url(), auth=OAuth2Auth(deaf.url(), "me", "${secret:client}"))]
        )
        assert (len(endpoint.heads), target.heads) == (1, [])
    assert {item.result for item in items} == {CheckResult.PASS}
    assert failure(refused).check is PreflightCheck.TOKEN
    assert "401" in failure(refused).message


def test_of_a_url_that_is_a_secret_neither_host_nor_address_is_shown(plan: Plan, probe: Probe) -> None:
    with Hostile(silent) as server:
        port, secrets = server.port, Secrets({"chat": f"http://127.0.0.1:{server.port}/T0ken"})
        reached = probe(secrets=secrets).run([plan("${secret:chat}")])
        own = probe(secrets=secrets, listener=Listener("127.0.0.1", port)).run([plan("${secret:chat}")])
    away = probe(secrets=secrets).run([plan("${secret:chat}")])
    forbidden = probe(secrets=secrets, egress=EgressPolicies(FolderPolicy(EgressPolicy.parse("public")))).run(
        [plan("${secret:chat}")]
    )
    assert {item.result for item in reached} == {CheckResult.PASS}
    for item in (*reached, *away, *forbidden, *own):
        assert item.host is None
        assert "127.0.0.1" not in item.message
        assert str(port) not in item.message
    assert "${secret:chat}" in failure(away).message
    assert "${secret:chat}" in failure(forbidden).message


def test_what_is_not_reached_within_the_time_is_not_run_and_never_passes(plan: Plan, probe: Probe) -> None:
    with Hostile(silent) as server:
        slow = [plan(server.url().replace("http:", "https:"), name="slow")]
        fast = [plan(server.url(), name="fast")]
        items = probe(within=0.5).run([*slow, *fast])
    of_slow = [item for item in items if item.job == "slow"]
    assert results(of_slow) == {
        "secret": "pass",
        "request": "pass",
        "address": "not_run",
        "connect": "not_run",
        "certificate": "not_run",
    }
    assert of_slow[-1].message == "the preflight was stopped after 60 s"
    assert {item.result for item in items if item.job == "fast"} == {CheckResult.PASS}


def test_ten_connections_are_open_at_once(plan: Plan, probe: Probe) -> None:
    """The listener lets go of them, without a handshake, once ten have come."""
    is_open, peak = 0, 0

    async def preflight() -> tuple[PreflightItem, ...]:
        ten = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal is_open, peak
            is_open += 1
            peak = max(peak, is_open)
            if is_open == AT_ONCE:
                ten.set()
            await ten.wait()
            is_open -= 1
            writer.close()

        server = await asyncio.start_server(serve, "0.0.0.0", 0)
        port = server.sockets[0].getsockname()[1]
        jobs = [plan(f"https://127.0.1.{at}:{port}/", name=f"job-{at}") for at in range(1, 26)]
        async with server:
            return await asyncio.to_thread(probe().run, jobs)

    items = asyncio.run(preflight())
    assert peak == AT_ONCE == 10
    assert sum(item.check is PreflightCheck.CERTIFICATE and item.result is CheckResult.FAIL for item in items) == 25


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("scheme", "count"), [("http", 500), ("https", 100), pytest.param("https", 500, marks=pytest.mark.full)]
)
def test_hundreds_of_jobs_of_as_many_hosts(
    plan: Plan, probe: Probe, certificates: Certificates, scheme: str, count: int
) -> None:
    """Hosts of 127.0.0.0/8, which all reach one listener. On a busy machine 500 handshakes may take more than the
    minute that a preflight has, so its cost is held in processor time, the listener's included."""
    connections, received = 0, 0
    hosts = [f"127.0.{number // 250 + 1}.{number % 250 + 1}" for number in range(count)]
    names = ",".join(f"IP:{host}" for host in hosts)
    tls = certificates.context(f"many-{count}", host=names, days=30) if scheme == "https" else None
    trust = certificates.authority if scheme == "https" else None

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections, received
        connections += 1
        with contextlib.suppress(OSError):
            received += len(await reader.read())
        writer.close()

    async def preflight() -> tuple[PreflightItem, ...]:
        server = await asyncio.start_server(serve, "0.0.0.0", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        jobs = [plan(f"{scheme}://{host}:{port}/", name=f"job-{at}") for at, host in enumerate(hosts)]
        async with server:
            return await asyncio.to_thread(probe(ca_file=trust, within=110.0).run, jobs)

    began, spent = time.monotonic(), time.process_time()
    items = asyncio.run(preflight())
    spent = time.process_time() - spent
    print(f"{time.monotonic() - began:.2f} s, {spent:.2f} s of the processor, {connections} connections")
    assert (connections, received) == (count, 0)
    assert spent < 0.01 * count, "authorities that were read for each connection would take more"
    assert {item.result for item in items} == {CheckResult.PASS}
