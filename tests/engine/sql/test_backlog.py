"""A target that is slow does not fill the runner: unfinished executions are bounded by limits.pending."""

from pathlib import Path
from random import Random

import pytest
from harness.clock import HandClock
from harness.engine_harness import MINUTE, Bench, eventually, statuses
from harness.engines import EngineMaker

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.engine.sql.postgres.connection import Address
from chronos_gitops.engine.sql.postgres.store import PostgresStore
from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.engine.sql.store.store import Store
from chronos_gitops.webhooks.attempt import Delivery


@pytest.fixture(params=["sqlite", "postgres"])
def engine_maker(request: pytest.FixtureRequest, data_folder: Path) -> EngineMaker:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""

    def open_store() -> Store:
        return PostgresStore(Address(url), place="test") if url else SqliteStore(data_folder / "ledger.db")

    def make(delivery: "type[Delivery]", clock: HandClock, observer: Observer) -> Engine:
        return SqlEngine(open_store, delivery=delivery, clock=clock, observer=observer, random=Random(7), max_pending=3)

    return make  # type: ignore[return-value]  # a function that builds one, as every maker takes it


def test_beyond_the_limit_scheduled_times_are_skipped_and_health_says_so(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/hold/answer", concurrency="allow"))
    for _ in range(5):
        bench.clock.turn(MINUTE)
    bench.seen.wait(2)
    assert [reason for _, reason in statuses(engine)] == [None, None, None, "backlog", "backlog"]
    assert engine.health().ok
    assert "limits.pending" in engine.health().backlog
    bench.receiver.release("answer")
    bench.seen.wait(5)
    eventually(lambda: engine.health().backlog == "")
    bench.clock.turn(MINUTE)
    bench.seen.wait(6)
    assert statuses(engine)[-1] == ("success", None)


def test_jobs_that_never_overlap_and_manual_runs_are_not_bounded(bench: Bench) -> None:
    engine = bench.start(*(bench.job(f"job-{number}", path="/hold/answer") for number in range(5)))
    bench.clock.turn(MINUTE)
    eventually(lambda: len(bench.receiver.requests) == 5)
    engine.trigger("job-0")
    bench.receiver.release("answer")
    bench.seen.wait(6)
    assert not any(row.reason == "backlog" for row in bench.seen.ended)
