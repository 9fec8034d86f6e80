"""Of runners on one namespace, the newest release of the time zone database decides what is due; older ones ask."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from harness.engine_harness import Bench, eventually, jobset

from chronos_gitops.engine.model import ExecutionQuery
from chronos_gitops.engine.temporal.engine import TemporalEngine
from chronos_gitops.engine.temporal.worker.zone_releases import ZoneReleases

OLD, NEW = "2026f", "2027a"
SECOND = timedelta(seconds=1)


class Decided:
    """A runner with a release, and the number of decisions that it has made itself."""

    def __init__(self, bench: Bench, release: str) -> None:
        engine = bench.build()
        assert isinstance(engine, TemporalEngine)
        timing = engine._timing
        timing.zones = ZoneReleases(release)
        bounded = timing._bounded
        self.engine, self.count = engine, 0

        def counted(*given: Any) -> Any:
            self.count += 1
            return bounded(*given)

        timing._bounded = counted  # type: ignore[method-assign]
        engine.start()
        bench.adopt(engine)
        job = bench.job("each-second", schedule="* * * * * *", concurrency="allow")
        eventually(lambda: not engine.health().detail.endswith("connecting"), 60.0)
        engine.apply(jobset(job))

    def is_asking(self) -> bool:
        return self.engine._timing.zones._newer == NEW

    def rows(self) -> int:
        return len(self.engine.executions(ExecutionQuery(limit=10_000)))


@pytest.mark.timeout(240)
def test_older_release_asks_the_newer_one_and_decides_again_when_that_is_gone(bench: Bench) -> None:
    older = Decided(bench, OLD)
    eventually(lambda: older.count > 2, 60)
    newer = Decided(bench, NEW)
    eventually(older.is_asking, 60)
    before, rows = older.count, older.rows()
    eventually(lambda: older.rows() > rows + 5, 60)
    assert older.count <= before + 1, "one decision may have been under way"
    assert newer.count > 0
    bench.stop(newer.engine)
    before = older.count
    eventually(lambda: older.count > before + 2, 60)
    assert not older.is_asking()
    older.engine.apply(jobset())
    sent = [request.execution_id for request in bench.receiver.requests]
    assert len(set(sent)) == len(sent)

    def gaps() -> set[timedelta]:
        found = sorted(older.engine.executions(ExecutionQuery(limit=10_000)), key=lambda row: row.scheduled_time)
        return {(later.range_start or later.scheduled_time) - row.scheduled_time for row, later in pairwise(found)}

    eventually(lambda: gaps() == {SECOND}, 60)


def test_order_in_which_they_start_does_not_matter(bench: Bench) -> None:
    newer = Decided(bench, NEW)
    older = Decided(bench, OLD)
    eventually(older.is_asking, 60)
    rows = newer.rows()
    eventually(lambda: newer.rows() > rows + 3, 60)
    assert older.count <= 1


def test_runners_of_one_release_do_not_ask(bench: Bench) -> None:
    one, two = Decided(bench, NEW), Decided(bench, NEW)
    eventually(lambda: one.count + two.count > 3, 60)
    assert not one.is_asking()
