"""Runners share the count of unfinished executions on a server, and add those claimed since it was counted."""

import asyncio
from collections.abc import Iterator

import pytest
from harness.clock import RealClock
from harness.engine_harness import Bench, Seen
from harness.programs.temporal import TemporalServer, on_temporal

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.temporal.status.fleet_backlog import FleetBacklog


@pytest.fixture
def bench(temporal: TemporalServer, namespace: str, receiver: Receiver, seen: Seen) -> Iterator[Bench]:
    bench = Bench(on_temporal(temporal.url(namespace), max_pending=2), receiver, RealClock(), seen)
    yield bench
    bench.stop_all()


async def count(unfinished: int) -> int:
    return unfinished


def test_what_was_claimed_since_the_count_is_added_to_it() -> None:
    backlog = FleetBacklog(3)
    asyncio.run(backlog.follow(lambda: count(1)))
    assert [backlog.take() for _ in range(3)] == [True, True, False]
    assert "3 executions are unfinished" in backlog.warning
    asyncio.run(backlog.follow(lambda: count(1)))
    assert backlog.warning == ""
    assert backlog.take()


def test_runners_have_room_for_as_many_each() -> None:
    backlog = FleetBacklog(3)
    backlog.runners = 2
    assert [backlog.take() for _ in range(7)] == [True] * 6 + [False]


def test_two_runners_leave_room_for_twice_as_many(bench: Bench) -> None:
    job = bench.job(path="/hold/answer", schedule="@every 1s", concurrency="allow")
    bench.start(), bench.start(job)
    bench.seen.wait_until(lambda: any(row.reason == "backlog" for row in bench.seen.ended), 60)
    assert 2 <= len(bench.receiver.requests) <= 5
    bench.receiver.release("answer")
