"""A request that is ready and may not be sent any more: nothing of it reaches the receiver."""

import asyncio
from collections.abc import Callable

import pytest
from harness.servers import Hostile, answer, answering

from chronos_gitops.jobs.model import Job
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.outcome import OutcomeKind, RequestNotSent
from chronos_gitops.webhooks.request import AttemptContext

MakeJob = Callable[..., Job]
NewDelivery = Callable[..., Delivery]
CallOf = Callable[..., AttemptContext]


def test_who_may_not_send_any_more_is_asked_when_the_connection_is_open(
    job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery
) -> None:
    opened: list[int] = []

    async def scene(server: Hostile) -> None:
        def may_send() -> bool:
            opened.append(server.opened)
            return False

        async with new_delivery(breaker_after=1, at_once=1) as delivery:
            for _ in range(3):
                with pytest.raises(RequestNotSent):
                    await delivery.attempt(job_to(server.url()), call_of(may_send=may_send))
            assert server.heads == []
            # Neither the slot nor the host's standing was harmed.
            assert (await delivery.attempt(job_to(server.url()), call_of())).kind is OutcomeKind.SUCCESS

    with Hostile(answering(answer("200 OK", b"ok"))) as server:
        asyncio.run(scene(server))
    assert len(opened) == 3
    assert len(server.heads) == 1


def test_a_connection_that_is_used_again_is_asked_about_too(
    job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery
) -> None:
    async def scene(server: Hostile) -> None:
        async with new_delivery() as delivery:
            assert (await delivery.attempt(job_to(server.url()), call_of())).kind is OutcomeKind.SUCCESS
            with pytest.raises(RequestNotSent):
                await delivery.attempt(job_to(server.url()), call_of(may_send=lambda: False))

    with Hostile(answering(answer("200 OK", b"ok"))) as server:
        asyncio.run(scene(server))
    assert (server.opened, len(server.heads)) == (1, 1)


def test_a_server_that_is_asked_first_has_a_say_when_the_connection_is_open(
    job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery
) -> None:
    asked: list[bool] = []

    async def scene(server: Hostile) -> None:
        async def confirm() -> bool:
            await asyncio.sleep(0)
            asked.append(len(asked) > 0)
            return asked[-1]

        async with new_delivery() as delivery:
            with pytest.raises(RequestNotSent):
                await delivery.attempt(job_to(server.url()), call_of(confirm=confirm))
            assert server.heads == []
            with pytest.raises(RequestNotSent):
                await delivery.attempt(job_to(server.url()), call_of(confirm=confirm, may_send=lambda: False))
            outcome = await delivery.attempt(job_to(server.url()), call_of(confirm=confirm))
            assert outcome.kind is OutcomeKind.SUCCESS

    with Hostile(answering(answer("200 OK", b"ok"))) as server:
        asyncio.run(scene(server))
    assert (server.opened, asked) == (3, [False, True, True])
    assert len(server.heads) == 1


def test_an_attempt_that_is_cut_off_while_a_server_is_asked_gives_its_connection_back(
    job_to: MakeJob, call_of: CallOf, new_delivery: NewDelivery
) -> None:
    async def scene(server: Hostile) -> None:
        asked = asyncio.Event()

        async def confirm() -> bool:
            asked.set()
            return await asyncio.Future[bool]()

        async with new_delivery(at_once=1) as delivery:
            cut = asyncio.create_task(delivery.attempt(job_to(server.url()), call_of(confirm=confirm)))
            await asked.wait()
            cut.cancel()
            await asyncio.wait([cut])
            assert cut.cancelled()
            assert (await delivery.attempt(job_to(server.url()), call_of())).kind is OutcomeKind.SUCCESS

    with Hostile(answering(answer("200 OK", b"ok"))) as server:
        asyncio.run(scene(server))
    assert (server.opened, len(server.heads)) == (2, 1)
