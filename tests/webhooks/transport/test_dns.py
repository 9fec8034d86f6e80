import asyncio
import socket
import threading

import pytest

from chronos_gitops.webhooks.transport.dns import Resolver


def test_localhost_has_its_loopback_addresses() -> None:
    found = asyncio.run(Resolver().resolve("localhost"))
    assert {address for _, address in found} <= {"127.0.0.1", "::1"}
    assert (socket.AF_INET, "127.0.0.1") in found


def test_name_that_cannot_exist_is_a_dns_error() -> None:
    with pytest.raises(socket.gaierror):
        asyncio.run(Resolver().resolve("x" * 64 + ".invalid"))


def test_many_lookups_wait_for_each_other_not_for_the_loop() -> None:
    async def scene() -> None:
        names = Resolver(at_once=4)
        found = await asyncio.gather(*(names.resolve("localhost") for _ in range(50)))
        assert len(found) == 50

    asyncio.run(scene())


def test_cancelled_lookup_leaves_the_next_one_its_thread() -> None:
    async def scene() -> None:
        names = Resolver(at_once=1)
        for _ in range(5):
            task = asyncio.create_task(names.resolve("localhost"))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await names.resolve("localhost")

    asyncio.run(scene())
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("lookup "))
