"""Where the time of an attempt went: measured over real connections, told for what was really needed."""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import asdict

from harness import servers
from harness.servers import Certificates, Connection, Hostile, answer, answering

from chronos_gitops.jobs.model import Job
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.outcome import Outcome
from chronos_gitops.webhooks.transport.timings import PhaseTimes

OK = answering(answer("200 OK", b"ok"))


def needed(phases: PhaseTimes | None) -> set[str]:
    assert phases is not None
    return {name for name, milliseconds in asdict(phases).items() if milliseconds is not None}


async def local(host: str) -> list[tuple[socket.AddressFamily, str]]:
    await asyncio.sleep(0.05)
    return [(socket.AF_INET, "127.0.0.1")]


async def late(connection: Connection) -> None:
    """Thinks for 50 ms, and needs 100 ms to say it."""
    await connection.request()
    await asyncio.sleep(0.05)
    await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
    await asyncio.sleep(0.1)
    await connection.send(b"k")
    await connection.gone()


def test_each_phase_has_its_own_time(job_to: Callable[..., Job], deliver: Callable[..., Outcome]) -> None:
    with Hostile(late) as server:
        outcome = deliver(job_to(f"http://backup.example:{server.port}/"), resolve=local)
    phases = outcome.phases
    assert needed(phases) == {"dns", "connect", "first_byte", "read"}
    assert phases is not None
    assert (phases.dns or 0) >= 50
    assert (phases.first_byte or 0) >= 50
    assert (phases.first_byte or 0) + (phases.read or 0) >= 150  # the first byte may be noticed late
    told = sum(milliseconds or 0 for milliseconds in asdict(phases).values())
    assert told <= outcome.duration.total_seconds() * 1000 + 0.1


def test_tls_is_told_apart_from_the_connection(
    certificates: Certificates, job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    with Hostile(OK, tls=certificates.context("timed")) as server:
        outcome = deliver(job_to(server.url()), ca_file=certificates.authority)
    assert needed(outcome.phases) == {"dns", "connect", "tls", "first_byte", "read"}


def test_a_kept_connection_needed_neither_name_nor_handshake(
    job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    with Hostile(OK) as server:
        outcome = deliver(job_to(server.url()), job_to(server.url()))
        assert server.opened == 1
    assert needed(outcome.phases) == {"first_byte", "read"}


def test_a_deadline_ends_in_the_phase_it_cut_off(job_to: Callable[..., Job], deliver: Callable[..., Outcome]) -> None:
    with Hostile(servers.silent) as server:
        outcome = deliver(job_to(server.url(), timeout=0.2))
    assert needed(outcome.phases) == {"dns", "connect", "first_byte"}
    assert outcome.phases is not None
    assert (outcome.phases.first_byte or 0) >= 150


def test_nothing_is_told_of_what_was_never_sent(job_to: Callable[..., Job], deliver: Callable[..., Outcome]) -> None:
    assert deliver(job_to("http://127.0.0.1:1/${secret:absent}")).phases is None


def test_two_attempts_at_once_do_not_mix_their_times(
    certificates: Certificates,
    job_to: Callable[..., Job],
    new_delivery: Callable[..., Delivery],
    call_of: Callable[..., object],
) -> None:
    async def both(slow: Hostile, quick: Hostile) -> list[Outcome]:
        async with new_delivery(ca_file=certificates.authority) as delivery:
            jobs = [job_to(f"http://backup.example:{slow.port}/"), job_to(quick.url())]
            return list(await asyncio.gather(*(delivery.attempt(job, call_of()) for job in jobs)))

    with Hostile(late) as slow, Hostile(OK, tls=certificates.context("quick")) as quick:
        slow_one, quick_one = asyncio.run(both(slow, quick))
    assert "tls" not in needed(slow_one.phases)
    assert "tls" in needed(quick_one.phases)
