"""Questions to an engine's loop that ends while they are asked."""

import asyncio
import threading

import pytest

from chronos_gitops.engine.engine import NotRunning
from chronos_gitops.engine.loop_thread import call_in_loop


async def answer(event: asyncio.Event | None = None) -> int:
    if event is not None:
        await event.wait()
    return 42


def test_a_loop_that_has_ended_is_no_engine_any_more() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(NotRunning):
        call_in_loop(answer(), loop, seconds=5)


def test_a_loop_that_ends_meanwhile_is_told_and_not_waited_for() -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    is_there, may_end = threading.Event(), threading.Event()

    async def engine() -> None:
        loops.append(asyncio.get_running_loop())
        is_there.set()
        await asyncio.to_thread(may_end.wait, 10)

    thread = threading.Thread(target=lambda: asyncio.run(engine()))
    thread.start()
    assert is_there.wait(10)
    assert call_in_loop(answer(), loops[0], seconds=10) == 42
    with pytest.raises(TimeoutError):
        call_in_loop(answer(asyncio.Event()), loops[0], seconds=0.05)
    asked = threading.Event()

    async def endless() -> None:
        asked.set()
        await asyncio.Event().wait()

    threading.Thread(target=lambda: (asked.wait(10), may_end.set())).start()
    with pytest.raises(NotRunning):
        call_in_loop(endless(), loops[0], seconds=30)
    thread.join(10)
