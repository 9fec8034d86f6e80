"""Random edits, kills and outages of jobs with calendars keep the laws of a tick (TIME section 3), on every engine.

A scheduled time of a job whose own fields stay is a row exactly once: it ran, it is missed, or it is held. Nothing runs
in closed time but what a pause or outage made late, and nothing runs twice, itself or moved.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from harness.clock import HandClock
from harness.engine_harness import Bench, Seen
from harness.engines import EngineMaker, on_postgres, on_sqlite
from harness.machine.calendar_jobs import DAY, EVERYTHING, HOUR, NAMES, START, job_set, judge
from harness.machine.seeds import seeded
from harness.programs.postgres import database

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.engine import Engine
from chronos_gitops.jobs.model import JobSet


class Story:
    """A job for each ``on_skip``; ``step`` does something at random."""

    def __init__(self, maker: EngineMaker, receiver: Receiver, chance: Random) -> None:
        self.chance = chance
        self.clock = HandClock(START)
        self.bench = Bench(maker, receiver, self.clock, Seen())
        self.closed: list[str] = ["SAT"]
        self.commits = 0
        self.paused: set[str] = set()
        self.jobs = self.made()
        self.engine = self.started()

    def made(self) -> JobSet:
        self.commits += 1
        return job_set(self.bench, self.closed, self.commits)

    def started(self) -> Engine:
        engine = self.bench.build()
        engine.start()
        self.bench.adopt(engine)
        engine.apply(self.jobs)
        return engine

    def step(self) -> None:
        kinds = (self.time_passes, self.time_passes, self.edit, self.restart, self.pause, self.resume)
        self.chance.choice(kinds)()

    def time_passes(self) -> None:
        for _ in range(self.chance.randint(1, 30)):
            self.clock.turn(HOUR)
        self.settle()

    def edit(self) -> None:
        """Of the calendar alone: no scheduled time is lost with it."""
        days = [f"{self.clock.now() + DAY * self.chance.randint(-4, 12):%Y-%m-%d}" for _ in range(4)]
        self.closed = [*self.chance.sample(["SAT", "SUN", "03-17"], self.chance.randint(0, 2)), *days]
        self.jobs = self.made()
        self.engine.apply(self.jobs)
        self.settle()

    def restart(self) -> None:
        """Killed, away for up to four days, with an edit in between or not."""
        self.bench.stop(self.engine, 0.0)
        self.clock.leap(HOUR * self.chance.choice((0, 1, 5, 30, 100)))
        if self.chance.random() < 0.3:
            self.closed = [*self.closed[-3:], f"{self.clock.now() - DAY:%Y-%m-%d}"]
            self.jobs = self.made()
        self.engine = self.started()
        self.settle()

    def pause(self) -> None:
        name = self.chance.choice(NAMES)
        self.engine.pause(name, reason="a random hand", by="test")
        self.paused.add(name)

    def resume(self) -> None:
        for name in sorted(self.paused):
            self.engine.resume(name)
        self.paused.clear()
        self.settle()

    def settle(self) -> None:
        """Until all that is due is decided and done."""

        def is_settled() -> bool:
            following = [self.engine.next_runs(name, 1) for name in NAMES if name not in self.paused]
            is_decided = all(not one or one[0] > self.clock.now() for one in following)
            return is_decided and all(row.status.is_final for row in self.engine.executions(EVERYTHING))

        self.bench.seen.wait_until(is_settled)

    def end(self) -> None:
        self.resume()
        for _ in range(2):
            self.clock.turn(HOUR)
        self.settle()

    def judge(self) -> None:
        judge(self.jobs, self.engine.executions(EVERYTHING), self.clock.now())


def run(maker: EngineMaker, chance: Random, steps: int) -> None:
    with Receiver() as receiver:
        story = Story(maker, receiver, chance)
        try:
            for _ in range(steps):
                story.step()
            story.end()
            story.judge()
        finally:
            story.bench.stop_all()


def run_stories(makers: Iterator[EngineMaker], steps: int, *, each: int) -> None:
    chance = seeded(20261129)
    for _ in range(steps // each):
        run(next(makers), chance, each)


@contextlib.contextmanager
def sqlite_makers() -> Iterator[Iterator[EngineMaker]]:
    with contextlib.ExitStack() as folders:

        def makers() -> Iterator[EngineMaker]:
            while True:
                folder = folders.enter_context(tempfile.TemporaryDirectory())
                yield on_sqlite(Path(folder) / "ledger.db")

        yield makers()


@contextlib.contextmanager
def postgres_makers(url: str) -> Iterator[Iterator[EngineMaker]]:
    with contextlib.ExitStack() as databases:

        def makers() -> Iterator[EngineMaker]:
            while True:
                yield on_postgres(databases.enter_context(database(url)))

        yield makers()


@pytest.mark.timeout(600)
def test_laws_hold_on_sqlite() -> None:
    with sqlite_makers() as makers:
        run_stories(makers, 40, each=20)


@pytest.mark.timeout(600)
def test_laws_hold_on_postgresql(postgres_server: str) -> None:
    with postgres_makers(postgres_server) as makers:
        run_stories(makers, 20, each=20)


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_laws_hold_on_sqlite_for_ten_thousand_steps() -> None:
    with sqlite_makers() as makers:
        run_stories(makers, 10_000, each=50)


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_laws_hold_on_postgresql_for_ten_thousand_steps(postgres_server: str) -> None:
    with postgres_makers(postgres_server) as makers:
        run_stories(makers, 10_000, each=50)
