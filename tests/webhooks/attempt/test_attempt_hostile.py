"""Servers that try to keep, fill or confuse the runner: every one is over within its deadline, and little is kept."""

import asyncio
import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import servers
from harness.servers import Hostile, Talk, answer, answering, once

from chronos_gitops.jobs.model import Job
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind
from chronos_gitops.webhooks.transport.response_guard import MAX_BODY, ResponseGuard

TIMEOUT = 0.3
OVERRUN = 0.5

SLOW = [
    servers.silent,
    servers.drip_head,
    servers.drip_body,
    servers.drip_chunks,
    servers.interim_drip,
    servers.never_reads,
]
ENDLESS = [servers.endless_fields, servers.endless_field, servers.endless_status_line, servers.interim_flood]
ENDLESS_BODY = [servers.endless_chunk_extension, servers.endless_trailers]
BROKEN = [
    pytest.param(servers.half_closed, "connect", id="half closed"),
    pytest.param(servers.reset_at_once, "connect", id="reset"),
    pytest.param(once(b""), "connect", id="closed without an answer"),
    pytest.param(once(b"\x16\x03\x01\x00\xff" * 20), "protocol", id="TLS on a plain port"),
    pytest.param(once(b"SSH-2.0-OpenSSH_9.7\r\n"), "protocol", id="SSH"),
    pytest.param(once(b"hello"), "protocol", id="HTTP/0.9"),
    pytest.param(
        once(answer("200 OK", b"ok", *(f"X-{n}: {'v' * 1000}" for n in range(70)))), "protocol", id="70 KB of fields"
    ),
]


@pytest.mark.parametrize("talk", SLOW, ids=lambda talk: talk.__name__)
def test_deadline_holds_whatever_the_server_does(
    talk: Talk, job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    with Hostile(talk) as server:
        outcome = deliver(job_to(server.url(), timeout=TIMEOUT, method="POST", body="x" * 250_000))
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, "timeout")
    assert outcome.error is not None
    assert "no complete answer within 300ms" in outcome.error
    assert TIMEOUT <= outcome.duration.total_seconds() <= TIMEOUT + OVERRUN


@pytest.mark.parametrize("talk", ENDLESS, ids=lambda talk: talk.__name__)
def test_endless_head_is_cut_off(talk: Talk, job_to: Callable[..., Job], deliver: Callable[..., Outcome]) -> None:
    with Hostile(talk) as server:
        outcome = deliver(job_to(server.url(), timeout=10))
        assert server.wait_for(lambda server: server.closed == 1)
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, "protocol")
    assert outcome.duration.total_seconds() < 5


@pytest.mark.parametrize("talk", ENDLESS_BODY, ids=lambda talk: talk.__name__)
def test_endless_body_is_cut_off_and_its_head_decides(
    talk: Talk, job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    with Hostile(talk) as server:
        outcome = deliver(job_to(server.url(), timeout=10))
        assert server.wait_for(lambda server: server.closed == 1)
    assert (outcome.kind, outcome.status_code) == (OutcomeKind.SUCCESS, 200)
    assert outcome.duration.total_seconds() < 5


@pytest.mark.parametrize("talk", [servers.half_closed_in_body, servers.reset_in_body], ids=lambda talk: talk.__name__)
def test_connection_lost_in_the_body_changes_no_outcome(
    talk: Talk, job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    with Hostile(talk) as server:
        outcome = deliver(job_to(server.url(), method="POST"))
        assert server.wait_for(lambda server: server.closed == 1)
    assert (outcome.kind, outcome.status_code, len(server.heads)) == (OutcomeKind.SUCCESS, 200, 1)


@pytest.mark.parametrize(("talk", "error_class"), BROKEN)
def test_broken_answer_is_retried(
    talk: Talk, error_class: str, job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    with Hostile(talk) as server:
        outcome = deliver(job_to(server.url()))
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, error_class)
    assert outcome.status_code is None
    assert outcome.response is None


def test_get_is_sent_once_although_the_connection_was_lost(
    job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    with Hostile(servers.reset_at_once) as server:
        deliver(job_to(server.url(), method="GET"))
        assert server.wait_for(lambda server: server.closed == 1)
    assert len(server.heads) == 1


def test_body_is_read_to_1_mib_and_then_the_connection_is_closed(
    job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    with Hostile(servers.endless_body) as server:
        outcome = deliver(job_to(server.url()))
        assert server.wait_for(lambda server: server.closed == 1)
    assert (outcome.kind, outcome.status_code) == (OutcomeKind.SUCCESS, 200)
    assert outcome.response == "x" * 4096


def test_a_flood_is_read_in_small_pieces_so_that_others_have_their_turn_in_between(
    job_to: Callable[..., Job], deliver: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[int] = []
    received = ResponseGuard.data_received

    def noted(guard: ResponseGuard, data: bytes) -> None:
        pieces.append(len(data))
        received(guard, data)

    monkeypatch.setattr(ResponseGuard, "data_received", noted)
    with Hostile(servers.endless_body) as server:
        deliver(job_to(server.url()))
    assert sum(pieces) > MAX_BODY
    assert max(pieces) <= 64 * 1024


def test_body_of_one_byte_chunks_counts_as_its_bytes(
    job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    content = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"
    with Hostile(once(content)) as server:
        outcome = deliver(job_to(server.url()))
    assert (outcome.kind, outcome.response) == (OutcomeKind.SUCCESS, "x" * 4096)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(answer("200 OK", b"ok", f"X-Large: {'v' * 20_000}"), id="one field of 20 KB"),
        pytest.param(answer("200 OK", b"ok", *(f"X-{n}: {'v' * 1000}" for n in range(60))), id="60 KB of fields"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20 + answer("200 OK", b"ok"), id="interim answers"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\nok", id="HTTP/1.0 until the end"),
        pytest.param(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", id="no reason phrase"),
        pytest.param(answer("200 OK", b"ok") + b"\r\n", id="a line break too many"),
    ],
)
def test_odd_but_honest_answer_succeeds(
    content: bytes, job_to: Callable[..., Job], deliver: Callable[..., Outcome]
) -> None:
    with Hostile(once(content)) as server:
        outcome = deliver(job_to(server.url()))
    assert (outcome.kind, outcome.status_code, outcome.response) == (OutcomeKind.SUCCESS, 200, "ok")


def test_compressed_body_stays_compressed(job_to: Callable[..., Job], deliver: Callable[..., Outcome]) -> None:
    with Hostile(servers.gzip_bomb(50_000_000)) as server:
        outcome = deliver(job_to(server.url()))
    assert outcome.kind is OutcomeKind.SUCCESS
    assert outcome.response is not None
    assert outcome.response.startswith("\\x1f")
    assert b"accept-encoding: identity" in server.heads[0].lower()


def test_answer_before_the_body_was_sent_counts(job_to: Callable[..., Job], deliver: Callable[..., Outcome]) -> None:
    with Hostile(servers.answers_without_reading) as server:
        outcome = deliver(job_to(server.url(), method="POST", body="x" * 250_000))
    assert (outcome.kind, outcome.status_code) == (OutcomeKind.FAILED, 413)
    assert outcome.duration.total_seconds() < 2


def test_redirect_is_not_followed(job_to: Callable[..., Job], deliver: Callable[..., Outcome]) -> None:
    with Hostile(answering(answer("200 OK"))) as sentinel:
        location = f"Location: {sentinel.url('/secret')}"
        for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"):
            with Hostile(once(answer(status, b"", location))) as server:
                outcome = deliver(job_to(server.url()))
            assert (outcome.kind, outcome.status_code) == (OutcomeKind.FAILED, int(status[:3]))
            assert outcome.error is not None
            assert outcome.error.endswith("redirects are not followed")
    assert sentinel.opened == 0


def test_protocol_is_not_switched(job_to: Callable[..., Job], deliver: Callable[..., Outcome]) -> None:
    content = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc"
    with Hostile(once(content)) as server:
        outcome = deliver(job_to(server.url()))
    assert (outcome.kind, outcome.status_code) == (OutcomeKind.FAILED, 101)


def test_cookies_do_not_reach_the_next_job(job_to: Callable[..., Job], deliver: Callable[..., Outcome]) -> None:
    with Hostile(answering(answer("200 OK", b"", "Set-Cookie: session=abc; Path=/"))) as server:
        deliver(job_to(server.url(), name="a"), job_to(server.url(), name="b"))
        # A cookie jar keeps cookies of names, not of addresses.
        named = server.url().replace("127.0.0.1", "localhost")
        deliver(job_to(named, name="a"), job_to(named, name="b"))
    assert len(server.heads) == 4
    assert not any(b"cookie" in head.lower() for head in server.heads)


def test_environment_proxy_and_netrc_are_ignored(
    job_to: Callable[..., Job], deliver: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password something\n")
    netrc.chmod(0o600)
    with Hostile(answering(answer("200 OK"))) as server, Hostile(answering(answer("500 Proxy"))) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        monkeypatch.setenv("NETRC", str(netrc))
        outcome = deliver(job_to(server.url()))
    assert outcome.kind is OutcomeKind.SUCCESS
    assert proxy.opened == 0
    assert b"authorization" not in server.heads[0].lower()


def test_memory_does_not_grow_with_what_servers_send(
    job_to: Callable[..., Job], new_delivery: Callable[..., Delivery], call_of: Callable[..., object]
) -> None:
    """Takes a second or two: twice 15 attempts against each server that sends without end."""

    async def attempts(job: Job, count: int) -> None:
        async with new_delivery() as delivery:
            await asyncio.gather(*(delivery.attempt(job, call_of()) for _ in range(count)))

    for talk in (servers.endless_body, servers.endless_fields, servers.interim_flood, servers.endless_chunk_extension):
        with Hostile(talk) as server:
            job = job_to(server.url(), timeout=20)
            asyncio.run(attempts(job, 15))
            before = _resident_kib()
            asyncio.run(attempts(job, 15))
            gc.collect()
            assert _resident_kib() - before < 10 * 1024


def _resident_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))
