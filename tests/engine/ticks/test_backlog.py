"""A target that is slow does not fill the runner: unfinished executions are bounded by limits.pending."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from harness.clock import HandClock, RealClock
from harness.engine_harness import NOON, Bench, Seen, eventually, statuses
from harness.engines import on_postgres, on_sqlite
from harness.programs.temporal import on_temporal

from chronos_gitops.cli.demo.receiver import Receiver

SECOND = timedelta(seconds=1)
LIMIT = 3


@pytest.fixture(params=["sqlite", "postgres", "temporal"])
def bench(request: pytest.FixtureRequest, data_folder: Path, receiver: Receiver, seen: Seen) -> Iterator[Bench]:
    clock: HandClock | RealClock = HandClock(NOON)
    if request.param == "temporal":
        server = request.getfixturevalue("temporal")
        maker, clock = on_temporal(server.url(server.namespace()), max_pending=LIMIT), RealClock()
    elif request.param == "postgres":
        maker = on_postgres(request.getfixturevalue("postgres_url"), max_pending=LIMIT)
    else:
        maker = on_sqlite(data_folder / "ledger.db", max_pending=LIMIT)
    bench = Bench(maker, receiver, clock, seen)
    yield bench
    bench.stop_all()


def test_beyond_the_limit_scheduled_times_are_skipped_and_health_says_so(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", schedule="@every 1s", concurrency="allow"))
    for _ in range(5):
        bench.clock.turn(SECOND)
    bench.seen.wait(2)
    eventually(lambda: [reason for _, reason in statuses(engine)][:5] == [None, None, None, "backlog", "backlog"])
    assert len(engine.running("daily-backup")) == LIMIT
    assert engine.health().ok
    assert "limits.pending" in engine.health().backlog
    bench.receiver.release("answer")
    bench.seen.wait_until(lambda: sum(row.reason is None for row in bench.seen.ended) >= LIMIT)
    eventually(lambda: engine.health().backlog == "")
    count = len(bench.seen.ended)
    bench.clock.turn(SECOND)
    bench.seen.wait_until(lambda: any(row.reason is None for row in bench.seen.ended[count:]))


def test_jobs_that_never_overlap_and_manual_runs_are_not_bounded(bench: Bench) -> None:
    jobs = [bench.job(f"job-{number}", path="/hold/answer", schedule="@every 1s") for number in range(5)]
    engine = bench.start(*jobs)
    bench.clock.turn(SECOND)
    eventually(lambda: len(bench.receiver.requests) == 5)
    engine.trigger("job-0")
    bench.receiver.release("answer")
    bench.seen.wait(6)
    assert not any(row.reason == "backlog" for row in bench.seen.ended)
