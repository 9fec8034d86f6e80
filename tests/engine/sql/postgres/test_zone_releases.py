"""Of replicas the newest release of the time zone database decides what is due; older ones only send."""

from collections.abc import Iterator

import pytest
from harness.engine_harness import eventually
from harness.processes.replicas import Fleet, Sink

from chronos_gitops.engine.model import ExecutionQuery
from chronos_gitops.engine.sql.engine import SqlEngine

OLD, NEW = "2026f", "2027a"


@pytest.fixture
def fleet(postgres_url: str) -> Iterator[Fleet]:
    sink = Sink()
    with sink.server:
        fleet = Fleet(postgres_url, sink)
        yield fleet
        fleet.close()


def count(fleet: Fleet, number: int) -> int:
    """Executions that this replica has claimed and run."""
    return len(fleet.seen[number].ended)


def rows(engine: SqlEngine) -> int:
    return len(engine.executions(ExecutionQuery(limit=10_000)))


def test_older_release_decides_nothing_beside_a_newer_one_and_goes_on_when_that_is_gone(fleet: Fleet) -> None:
    jobs = fleet.jobs([f"job-{number}" for number in range(10)], concurrency="allow")
    older = fleet.start(*jobs, release=OLD)
    eventually(lambda: count(fleet, 0) > 10)
    newer = fleet.start(*jobs, release=NEW)
    eventually(lambda: count(fleet, 1) > 5)
    before = count(fleet, 0)
    eventually(lambda: count(fleet, 1) > 60)
    # Executions that it had claimed before may end after the first ones of the newer runner.
    assert count(fleet, 0) - before <= len(jobs)
    decided = newer.next_runs("job-0", 1)[0]
    eventually(lambda: older.next_runs("job-0", 1)[0] >= decided), "it follows what the newer runner decides"
    manual = older.trigger("job-0")
    eventually(lambda: any(row.id == manual.id for row in fleet.seen[0].ended)), "an older runner goes on sending"
    fleet.stop(newer)
    stopped = count(fleet, 0)
    eventually(lambda: count(fleet, 0) > stopped + 20, timeout=20)
    assert fleet.sink.twice() == []


@pytest.mark.parametrize("release", [OLD, "of this machine"])
def test_order_in_which_they_start_does_not_matter(fleet: Fleet, release: str) -> None:
    jobs = fleet.jobs(["one"], concurrency="allow")
    fleet.start(*jobs, release=NEW)
    older = fleet.start(*jobs, release=release)
    eventually(lambda: rows(older) >= 5)
    assert count(fleet, 1) == 0


def test_equal_releases_share_the_work(fleet: Fleet) -> None:
    jobs = fleet.jobs([f"job-{number}" for number in range(60)], concurrency="allow")
    for _ in range(2):
        fleet.start(*jobs, release=NEW)
    eventually(lambda: count(fleet, 0) > 0 and count(fleet, 1) > 0)
