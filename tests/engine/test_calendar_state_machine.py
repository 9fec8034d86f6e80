"""Random edits, kills and outages of jobs with calendars keep the laws of a tick (TIME section 3), on every engine.

A scheduled time of a job whose own fields stay is a row exactly once: it ran, it is missed, or it is held. Nothing runs
in closed time but what a pause or outage made late, and nothing runs twice, itself or moved.
"""

import contextlib
import signal
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest
from harness.clock import HandClock, RealClock
from harness.engine_harness import Bench, Seen, eventually
from harness.engines import EngineMaker, on_postgres, on_sqlite
from harness.machine.calendar_jobs import DAY, EVERYTHING, HOUR, NAMES, START, job_set, judge, without_row
from harness.machine.fast_time import LATE, FastClock, as_told, on_fast_temporal
from harness.machine.seeds import seeded
from harness.machine.side_by_side import SharedServer, run_side_by_side
from harness.programs.postgres import database
from harness.programs.temporal import TemporalServer

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery
from chronos_gitops.engine.temporal.errors import Unavailable
from chronos_gitops.jobs.model import JobSet


class Story:
    """A job for each ``on_skip``; ``step`` does something at random. ``longest``: hours that a step lets pass at most;
    ``away``: hours for which a killed runner is away."""

    longest = 30
    away: tuple[int, ...] = (0, 1, 5, 30, 100)

    def __init__(
        self, maker: EngineMaker, receiver: Receiver, chance: Random, clock: HandClock | FastClock | None = None
    ) -> None:
        self.chance = chance
        self.clock = HandClock(START) if clock is None else clock
        self.bench = Bench(maker, receiver, self.clock if isinstance(self.clock, HandClock) else RealClock(), Seen())
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
        for _ in range(self.chance.randint(1, self.longest)):
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
        self.clock.leap(HOUR * self.chance.choice(self.away))
        if self.chance.random() < 0.3:
            self.closed = [*self.closed[-3:], f"{self.clock.now() - DAY:%Y-%m-%d}"]
            self.jobs = self.made()
        self.engine = self.started()
        self.settle()

    def pause(self) -> None:
        name = self.chance.choice(NAMES)
        self.ask(lambda: self.engine.pause(name, reason="a random hand", by="test"))
        self.paused.add(name)

    def resume(self) -> None:
        for name in sorted(self.paused):
            self.ask(partial(self.engine.resume, name))
        self.paused.clear()
        self.settle()

    def ask(self, command: Callable[[], object]) -> None:
        command()

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


class TemporalStory(Story):
    """The same on a server that keeps the time: a day takes ten seconds, and the server is killed now and then. It has
    a namespace of its own, and shares the server with other stories."""

    longest = 10
    away = (0, 1, 5, 30)

    def __init__(self, shared: SharedServer, receiver: Receiver, chance: Random, *, outages: float) -> None:
        self.shared = shared
        self.outages = outages
        self.judged = 0
        clock = FastClock(START)
        self.scale = clock.scale
        with shared.step():
            url = shared.server.url(shared.server.namespace())
            super().__init__(on_fast_temporal(url, clock.scale), receiver, chance, clock)
            # On a busy machine jobs go on being applied after the call: what is due before is nobody's.
            eventually(lambda: all(self.engine.next_runs(name, 1) for name in NAMES), 600.0)
        self.since = clock.now()

    def step(self) -> None:
        if self.chance.random() < self.outages:
            self.lose_server()
            return
        with self.shared.step():
            super().step()

    def lose_server(self) -> None:
        with self.shared.outage():
            self.shared.server.stop(signal.SIGKILL)
            self.clock.leap(HOUR * self.chance.choice((0, 5, 30)))
            self.shared.server.start()
            eventually(self.is_connected, 600.0)

    def is_connected(self) -> bool:
        return self.is_answered(lambda: self.engine.executions(ExecutionQuery(limit=1)))

    def ask(self, command: Callable[[], object]) -> None:
        """Again, while a server under load or after a kill does not answer in time."""
        eventually(lambda: self.is_answered(command), 600.0)

    def is_answered(self, command: Callable[[], object]) -> bool:
        try:
            command()
        except Unavailable:
            return False
        return True

    def settle(self) -> None:
        """Nothing to wait for: time goes on while what is due is decided."""

    def rows(self) -> list[Execution]:
        found: list[Execution] = []
        self.ask(lambda: found.extend(self.engine.executions(EVERYTHING)))
        return as_told(self.scale, found)

    def end(self) -> None:
        with self.shared.step():
            self.resume()
        self.clock.turn(2 * HOUR)
        self.until = self.clock.now()
        with contextlib.suppress(AssertionError):  # then the verdict names what is missing
            eventually(self.is_done, 600.0)

    def is_done(self) -> bool:
        rows = self.rows()
        of_job = [(one.job, [row for row in rows if row.job == one.job.name]) for one in self.jobs]
        is_whole = not any(without_row(job, found, self.since, self.until - DAY) for job, found in of_job)
        return is_whole and all(row.status.is_final for row in rows if row.scheduled_time <= self.until)

    def judge(self) -> None:
        found = self.rows()
        judge(self.jobs, found, self.until, since=self.since, late=LATE)
        self.judged = len(found)


def run(maker: EngineMaker, chance: Random, steps: int) -> None:
    with Receiver() as receiver:
        run_story(Story(maker, receiver, chance), steps)


def run_story(story: Story, steps: int) -> None:
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


SOON_AGAIN = ('history.workflowTaskRetryMaxInterval="1s"',)
"""A server that gets little processor time loses workflow tasks on their way to a runner ("context deadline exceeded")
and waits 10 s for each; from the fourth loss in a row on it waits up to ten minutes more: days of a story."""


def run_on_temporal(folder: Path, *, stories: int, steps: int, at_once: int) -> None:
    seed = seeded(20261130).randrange(1 << 32)
    database = folder / "temporal.db"
    with TemporalServer(folder, database=database, dynamic=SOON_AGAIN) as server, Receiver() as receiver:
        shared = SharedServer(server)

        def story(chance: Random, steps: int) -> int:
            told = TemporalStory(shared, receiver, chance, outages=0.04 / at_once)
            run_story(told, steps)
            return told.judged

        verdicts = run_side_by_side(story, seed, stories=stories, steps=steps, at_once=at_once)
    assert [one for one in verdicts if one.error is not None] == []


@pytest.mark.timeout(600)
def test_laws_hold_on_sqlite() -> None:
    with sqlite_makers() as makers:
        run_stories(makers, 40, each=20)


@pytest.mark.timeout(600)
def test_laws_hold_on_postgresql(postgres_server: str) -> None:
    with postgres_makers(postgres_server) as makers:
        run_stories(makers, 20, each=20)


@pytest.mark.timeout(600)
def test_laws_hold_on_temporal(tmp_path: Path) -> None:
    """Takes half a minute of real time."""
    run_on_temporal(tmp_path, stories=2, steps=10, at_once=2)


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


@pytest.mark.full
@pytest.mark.timeout(36_000)
def test_laws_hold_on_temporal_for_ten_thousand_steps(tmp_path: Path) -> None:
    """Takes two hours of real time or more."""
    run_on_temporal(tmp_path, stories=200, steps=50, at_once=5)
