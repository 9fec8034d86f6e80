"""Connections that are used again: left before their announced end, and never the reason of a failed attempt."""

import asyncio
import time
from collections.abc import Callable

import pytest
from harness import servers
from harness.servers import Connection, Hostile, Talk, answer, answering

from chronos_gitops.jobs.model import Job
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.transport.response_head import parse

MakeJob = Callable[..., Job]
NewDelivery = Callable[..., Delivery]
CallOf = Callable[..., AttemptContext]
IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
NOT_IDEMPOTENT = ("POST", "PATCH")


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        (("Keep-Alive: timeout=5",), 5),
        (("Keep-Alive: timeout=5, max=100",), 5),
        (("keep-alive: max=100, Timeout = 5",), 5),
        (("Keep-Alive: max=9", "Keep-Alive: timeout=7"), 7),
        (('Keep-Alive: timeout="5"',), 5),
        (("Keep-Alive: timeout=0",), 0),
        (("Keep-Alive: max=100",), None),
        (("Keep-Alive: timeout=soon",), None),
        (("Keep-Alive: xtimeout=5",), None),
        ((), None),
    ],
)
def test_announced_time_is_read(fields: tuple[str, ...], seconds: int | None) -> None:
    head = parse(answer("200 OK", b"", *fields), method="GET")
    assert head is not None
    assert head.keep_alive == seconds


@pytest.mark.parametrize("seconds", [0, 1])
def test_connection_announced_for_a_second_is_not_used_again(
    seconds: int, job_to: MakeJob, deliver: Callable[..., Outcome]
) -> None:
    with Hostile(answering(answer("200 OK", b"ok", f"Keep-Alive: timeout={seconds}"))) as server:
        job = job_to(server.url(), method="POST")
        assert deliver(job, job, job).kind is OutcomeKind.SUCCESS
        assert server.opened == 3


def test_connection_is_left_a_second_before_its_announced_end(
    job_to: MakeJob, new_delivery: NewDelivery, call_of: CallOf
) -> None:
    async def scene(server: Hostile) -> float:
        async with new_delivery() as delivery:
            for _ in range(3):
                await delivery.attempt(job_to(server.url()), call_of())
            began = time.monotonic()
            assert await asyncio.to_thread(server.wait_for, lambda server: server.closed == 1)
            return time.monotonic() - began

    with Hostile(answering(answer("200 OK", b"ok", "Keep-Alive: timeout=2"))) as server:
        assert 0.8 < asyncio.run(scene(server)) < 1.4  # by itself it would be 1.5 s
        assert server.opened == 1


@pytest.mark.parametrize("method", IDEMPOTENT)
def test_idempotent_request_is_sent_once_more_when_a_kept_connection_is_lost(
    method: str, job_to: MakeJob, deliver: Callable[..., Outcome]
) -> None:
    with Hostile(_closing_after(1)) as server:
        job = job_to(server.url(), method=method)
        outcome = deliver(job, job)
    assert (outcome.kind, outcome.status_code) == (OutcomeKind.SUCCESS, 200)
    assert (server.opened, len(server.heads)) == (2, 3)


@pytest.mark.parametrize("method", NOT_IDEMPOTENT)
def test_other_request_that_may_have_arrived_is_not_sent_again(
    method: str, job_to: MakeJob, deliver: Callable[..., Outcome]
) -> None:
    with Hostile(_closing_after(1)) as server:
        job = job_to(server.url(), method=method)
        outcome = deliver(job, job)
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, "connect")
    assert (server.opened, len(server.heads)) == (1, 2)


@pytest.mark.parametrize("method", [*IDEMPOTENT, *NOT_IDEMPOTENT])
@pytest.mark.parametrize("end", ["close", "reset"])
def test_connection_whose_end_was_not_seen_yet_is_not_used(
    end: str, method: str, job_to: MakeJob, new_delivery: NewDelivery, call_of: CallOf
) -> None:
    """The loop is busy while the server closes: nothing is written on that connection."""
    connections: list[Connection] = []

    async def scene(server: Hostile) -> Outcome:
        async with new_delivery() as delivery:
            job = job_to(server.url(), method=method)
            await delivery.attempt(job, call_of())
            _end(server, connections[0], end)
            return await delivery.attempt(job, call_of())

    with Hostile(_noting(connections)) as server:
        assert asyncio.run(scene(server)).kind is OutcomeKind.SUCCESS
        assert (server.opened, len(server.heads)) == (2, 2)


@pytest.mark.parametrize("method", [*IDEMPOTENT, *NOT_IDEMPOTENT])
def test_request_of_which_nothing_was_written_is_sent_once_more(
    method: str, job_to: MakeJob, new_delivery: NewDelivery, call_of: CallOf
) -> None:
    """The connection is reset after it was chosen and before the first byte."""
    connections: list[Connection] = []

    async def scene(server: Hostile) -> Outcome:
        def reset_and_allow() -> bool:
            if len(connections) == 1:
                _end(server, connections[0], "reset")
            return True

        async with new_delivery() as delivery:
            job = job_to(server.url(), method=method)
            await delivery.attempt(job, call_of())
            return await delivery.attempt(job, call_of(may_send=reset_and_allow))

    with Hostile(_noting(connections)) as server:
        assert asyncio.run(scene(server)).kind is OutcomeKind.SUCCESS
        assert (server.opened, len(server.heads)) == (2, 2)


def test_second_connection_is_a_new_one_and_the_last(
    job_to: MakeJob, new_delivery: NewDelivery, call_of: CallOf
) -> None:
    """Ten kept connections to a server that has gone: two requests, not eleven."""

    async def scene(server: Hostile) -> Outcome:
        async with new_delivery() as delivery:
            job = job_to(server.url("/"))
            await asyncio.gather(*(delivery.attempt(job, call_of()) for _ in range(10)))
            return await delivery.attempt(job, call_of())

    with Hostile(_closing_after(1, then=servers.reset_at_once, first=10)) as server:
        outcome = asyncio.run(scene(server))
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, "connect")
    assert (server.opened, len(server.heads)) == (11, 12)


def test_failure_after_a_byte_of_the_response_is_not_repeated(job_to: MakeJob, deliver: Callable[..., Outcome]) -> None:
    async def talk(connection: Connection) -> None:
        await connection.request()
        await connection.send(answer())
        await connection.request()
        await connection.send(b"HTTP/1.1 1")

    with Hostile(talk) as server:
        job = job_to(server.url())
        outcome = deliver(job, job)
    assert (outcome.kind, outcome.error_class) == (OutcomeKind.RETRY, "connect")
    assert (server.opened, len(server.heads)) == (1, 2)


def test_responses_that_nobody_asked_for_are_not_read(
    job_to: MakeJob, new_delivery: NewDelivery, call_of: CallOf
) -> None:
    connections: list[Connection] = []

    async def scene(server: Hostile) -> Outcome:
        async with new_delivery() as delivery:
            job = job_to(server.url(), method="POST")
            await delivery.attempt(job, call_of())
            server.call(lambda: connections[0].writer.write(answer("500 Smuggled")))
            assert await asyncio.to_thread(server.wait_for, lambda server: server.closed == 1)
            return await delivery.attempt(job, call_of())

    with Hostile(_noting(connections)) as server:
        assert asyncio.run(scene(server)).status_code == 200
        assert server.opened == 2


def _closing_after(responses: int, *, then: Talk | None = None, first: int = 1) -> Talk:
    """The ``first`` connections answer so often, read one request more, and close; the others talk ``then``."""

    async def talk(connection: Connection) -> None:
        if connection.server.opened > first:
            await (then or answering(answer()))(connection)
            return
        for _ in range(responses):
            await connection.request()
            # Whoever comes at the same time gets a connection of its own.
            while connection.server.opened < first:
                await asyncio.sleep(0.001)
            await connection.send(answer())
        await connection.request()

    return talk


def _noting(connections: list[Connection]) -> Talk:
    async def talk(connection: Connection) -> None:
        connections.append(connection)
        await answering(answer())(connection)

    return talk


def _end(server: Hostile, connection: Connection, how: str) -> None:
    """Ends it without giving the client's loop a turn."""
    server.call(connection.reset if how == "reset" else connection.writer.close)
    assert server.wait_for(lambda server: server.closed == 1)
