"""Whoever answers a reader gives way while the engine is at work, and no longer than its patience lasts."""

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.engine_harness import eventually
from harness.machine.cpu_load import busy

from chronos_gitops.engine.sql.store.writer import Writer
from chronos_gitops.engine.sql.write_watchdog import WriteWatch
from chronos_gitops.process import engine_priority

PATIENCE = 20.0
SOON = 0.05


@pytest.fixture(autouse=True)
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines of other tests of this process, which may still end, have no say."""
    monkeypatch.setattr(engine_priority, "_at_work", set())


@pytest.fixture
def engine() -> Iterator[None]:
    with busy():
        yield


def waited(patience: float, steps: int = 3) -> float:
    """Seconds that so many steps took a guest."""
    began = time.monotonic()
    with engine_priority.low_priority(patience):
        assert list(engine_priority.yielding(range(steps))) == list(range(steps))
    return time.monotonic() - began


def test_nobody_waits_for_an_engine_that_has_nothing_to_do() -> None:
    assert waited(PATIENCE, steps=10_000) < PATIENCE


def test_a_guest_goes_on_when_the_engine_rests() -> None:
    with ThreadPoolExecutor(1) as pool:
        with busy():
            guest = pool.submit(waited, PATIENCE)
            time.sleep(SOON)  # in which nothing happens that could be waited for
            assert not guest.done()
        assert SOON <= guest.result(PATIENCE) < PATIENCE


@pytest.mark.usefixtures("engine")
def test_all_that_are_at_work_go_first() -> None:
    engine_priority.at_work("another one")
    engine_priority.at_rest("another one")
    assert waited(SOON) >= SOON


def test_nobody_waits_for_an_engine_that_waits_itself_for_a_slow_disk() -> None:
    engine_priority.at_work("the ledger")
    assert waited(PATIENCE, steps=10_000) < PATIENCE
    engine_priority.at_rest("the ledger")


@pytest.mark.usefixtures("engine")
def test_patience_is_for_all_steps_together() -> None:
    assert SOON <= waited(SOON, steps=1000) < SOON * 100


@pytest.mark.usefixtures("engine")
def test_who_is_no_guest_gives_way_to_nobody() -> None:
    waited(SOON)
    began = time.monotonic()
    engine_priority.yield_to_engine()
    assert time.monotonic() - began < SOON


@pytest.mark.usefixtures("engine")
def test_a_guest_that_fails_is_no_guest_any_more() -> None:
    with pytest.raises(ZeroDivisionError), engine_priority.low_priority(SOON):
        raise ZeroDivisionError
    began = time.monotonic()
    engine_priority.yield_to_engine()
    assert time.monotonic() - began < SOON


def test_threads_hand_over_sooner_while_there_are_guests() -> None:
    before = sys.getswitchinterval()
    with engine_priority.low_priority(SOON):
        with engine_priority.low_priority(SOON):
            assert sys.getswitchinterval() < before
        assert sys.getswitchinterval() < before
    assert sys.getswitchinterval() == before


def test_a_loop_is_at_work_while_it_computes_and_not_while_it_waits() -> None:
    seen: list[bool] = []

    async def main() -> None:
        loop, waits = asyncio.get_running_loop(), asyncio.Event()

        def look() -> None:
            try:
                eventually(lambda: not engine_priority._at_work, PATIENCE)
                seen.append(False)
            finally:
                loop.call_soon_threadsafe(waits.set)

        await asyncio.sleep(0.001)
        seen.append(bool(engine_priority._at_work))
        looker = threading.Thread(target=look)
        looker.start()
        await waits.wait()
        looker.join()
        seen.append(bool(engine_priority._at_work))

    engine_priority.run(main())
    assert seen == [True, False, True]
    assert not engine_priority._at_work, "a loop that has ended"


def test_the_ledger_is_at_work_until_all_is_written() -> None:
    may_go = threading.Event()

    def transaction(operations: object) -> list[None]:
        assert may_go.wait(PATIENCE)
        return [None]

    writer = Writer(transaction, probe=lambda _: None, watch=WriteWatch())
    try:
        written = writer.put(lambda _: None)
        assert writer in engine_priority._at_work
        may_go.set()
        written.result(PATIENCE)
        eventually(lambda: not engine_priority._at_work, PATIENCE)
    finally:
        may_go.set()
        writer.close()
    assert writer.put(lambda _: None).exception(PATIENCE) is not None
    assert not engine_priority._at_work, "a ledger that is closed"
