"""Random histories of a clock, an operator and a runner that dies: no tick is lost, none is recorded twice."""

from datetime import datetime, timedelta
from random import Random

import pytest
from harness.clock import HandClock
from harness.engine_harness import NOON, Bench, Seen
from harness.engines import on_postgres

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery
from chronos_gitops.jobs.model import Job

SCHEDULES = ("* * * * *", "*/7 * * * *", "@every 45s", "30 */2 * * *")
POLICIES = ("execute_one", "ignore", "execute_all")
SECOND = timedelta(seconds=1)


class History:
    """One runner's life under a random hand; ``latest`` is the latest instant it has looked at."""

    def __init__(self, bench: Bench, random: Random) -> None:
        self.bench = bench
        self.random = random
        self.job: Job = bench.job(
            schedule=random.choice(SCHEDULES),
            missed_run_policy=random.choice(POLICIES),
            concurrency=random.choice(("forbid", "allow")),
            catchup_window=random.choice(("10m", "1h", "6h")),
        )
        self.engine: Engine = bench.start(self.job)
        self.latest: datetime = NOON

    def live(self, moves: int) -> None:
        for _ in range(moves):
            self.random.choice((self.pass_time, self.pass_time, self.jump, self.step_back, self.restart, self.pause))()
            self.latest = max(self.latest, self.bench.clock.now())
        self.bench.clock.step(max(timedelta(0), self.latest - self.bench.clock.now()))
        self.bench.clock.turn(2 * SECOND)
        self.latest = self.bench.clock.now()

    def pass_time(self) -> None:
        self.bench.clock.turn(self.random.randint(1, 600) * SECOND)

    def jump(self) -> None:
        self.bench.clock.step(self.random.randint(30, 20_000) * SECOND)

    def step_back(self) -> None:
        self.bench.clock.step(-self.random.randint(1, 4000) * SECOND)

    def restart(self) -> None:
        self.bench.stop(self.engine, grace=self.random.choice((0.0, 5.0)))
        self.bench.clock._now += self.random.randint(0, 9000) * SECOND  # nobody is there to notice
        self.engine = self.bench.start(self.job)

    def pause(self) -> None:
        self.engine.pause(self.job.name, reason="a random hand", by="test")
        self.pass_time()
        self.engine.resume(self.job.name)

    def accounted(self) -> list[datetime]:
        rows = self.engine.executions(ExecutionQuery(limit=100_000))
        return sorted(tick for row in rows for tick in self._ticks_of(row))

    def _ticks_of(self, row: Execution) -> list[datetime]:
        if row.range_start is None:
            return [row.scheduled_time]
        ticks = list(self.job.timing.between(row.range_start - SECOND / 1000, row.scheduled_time))
        assert len(ticks) == row.count, row
        return ticks


def check(bench: Bench, seed: int) -> None:
    history = History(bench, Random(seed))
    history.live(moves=12)
    due = list(history.job.timing.between(NOON, history.latest))
    accounted = history.accounted()
    said = f"seed {seed}, {history.job.timing.definition}"
    # A clock that goes back to before the start makes times due that lie before it.
    assert [tick for tick in accounted if tick > NOON] == due, said
    assert len(set(accounted)) == len(accounted), said


@pytest.mark.parametrize("seed", range(12))
def test_every_tick_has_exactly_one_row(bench: Bench, seed: int) -> None:
    check(bench, seed)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(12, 212))
def test_every_tick_has_exactly_one_row_in_200_more_histories(bench: Bench, seed: int) -> None:
    check(bench, seed)


@pytest.mark.parametrize("seed", range(3))
def test_every_tick_has_exactly_one_row_on_postgresql_too(
    seed: int, postgres_url: str, receiver: Receiver, clock: HandClock, seen: Seen
) -> None:
    """Takes some seconds each."""
    bench = Bench(on_postgres(postgres_url), receiver, clock, seen)
    check(bench, seed)
    bench.stop_all()
