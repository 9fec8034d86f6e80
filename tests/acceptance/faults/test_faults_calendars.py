"""kill -9 of runners whose jobs have calendars, alone and as two replicas: no scheduled time is lost, none runs twice,
and each that a calendar held has a row with its file, line and commit."""

import contextlib
import multiprocessing
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from harness.clock import HandClock
from harness.engine_harness import Bench, Seen
from harness.machine.calendar_jobs import DAY, EVERYTHING, PATH, START, job_set, judge
from harness.machine.seeds import seeded
from harness.processes import calendar_runner

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.model import Execution, Reason

POINTS = ("before-claim-commit", "after-claim", "before-send", "after-send", "before-record")
MOMENT = timedelta(seconds=20)
HALF_HOUR = timedelta(minutes=30)


class Life:
    """One process of a runner."""

    def __init__(self, store: str, place: str, now: datetime) -> None:
        context = multiprocessing.get_context("forkserver")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=calendar_runner.live, args=(store, place, now, theirs))
        self._process.start()
        theirs.close()

    def ask(self, command: str, argument: Any = None) -> None:
        with contextlib.suppress(BrokenPipeError):  # killed since its last answer, as the next one tells
            self._pipe.send((command, argument))

    def answers(self) -> bool:
        """False if it was killed instead."""
        try:
            assert self._pipe.poll(120), "it neither died nor said anything"
            self._pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join(10)
            assert self._process.exitcode == -9
            return False
        return True

    def kill(self) -> None:
        self._process.kill()
        self._process.join(10)


class Programme:
    """Replicas whose clocks show the same; edits, kills, restarts. A dead one comes back after some hours."""

    def __init__(self, store: str, chance: Random, replicas: int) -> None:
        self.store, self.chance = store, chance
        self.now, self.closed, self.commits = START, ["SAT"], 1
        self.places = [f"place-{number}" for number in range(replicas)]
        self.lives: dict[str, Life] = {}
        self.kills = 0

    def run(self, days: int) -> None:
        end = self.now + days * DAY
        while self.now < end:
            for place in self.places:
                if place not in self.lives and (not self.lives or self.chance.random() < 0.2):
                    self._start(place)
            if self.chance.random() < 0.05:
                self._edit()
            self._arm()
            self._pass_half_hour()
        self._finish()

    def run_until_killed(self, failpoint: str) -> None:
        """The first place dies there, and then everything ends."""
        for place in self.places:
            self._start(place)
        self._ask(self.places[:1], "arm", f"{failpoint}:kill@1")
        while not self.kills:
            self._pass_half_hour()
        self._finish()

    def _pass_half_hour(self) -> None:
        """Scheduled times lie on half hours."""
        self._all("advance", HALF_HOUR - MOMENT / 2 - (self.now - START) % HALF_HOUR)
        self._all("advance", MOMENT)

    def _start(self, place: str) -> None:
        self.lives[place] = Life(self.store, place, self.now)
        self._ask([place], "apply", (self.closed, self.commits))

    def _edit(self) -> None:
        days = [f"{self.now + DAY * self.chance.randint(-3, 9):%Y-%m-%d}" for _ in range(3)]
        self.closed = [*self.chance.sample(["SAT", "SUN", "03-17"], self.chance.randint(0, 2)), *days]
        self.commits += 1
        self._all("apply", (self.closed, self.commits))

    def _arm(self) -> None:
        if self.lives and self.chance.random() < 0.15:
            victim = self.chance.choice(sorted(self.lives))
            self._ask([victim], "arm", f"{self.chance.choice(POINTS)}:kill@{self.chance.randint(1, 3)}")

    def _all(self, command: str, argument: Any = None) -> None:
        self._ask(sorted(self.lives), command, argument)
        if command == "advance":
            self.now += argument

    def _ask(self, places: list[str], command: str, argument: Any = None) -> None:
        for place in places:
            self.lives[place].ask(command, argument)
        for place in places:
            if not self.lives[place].answers():
                del self.lives[place]
                self.kills += 1

    def _finish(self) -> None:
        while True:
            for place in self.places:
                if place not in self.lives:
                    self._start(place)
            self._all("arm", "")
            self._all("settle")
            if len(self.lives) == len(self.places):
                break
        self._all("end")

    def close(self) -> None:
        for life in self.lives.values():
            life.kill()


def judge_ledger(store: str, programme: Programme) -> list[Execution]:
    with Receiver() as receiver:
        bench = Bench(calendar_runner.maker(store, "judge"), receiver, HandClock(programme.now), Seen())
        engine = bench.build()
        engine.start()
        bench.adopt(engine)
        try:
            rows = list(engine.executions(EVERYTHING))
            jobs = job_set(bench, programme.closed, programme.commits)
        finally:
            bench.stop_all()
    judge(jobs, rows, programme.now)
    held = [row for row in rows if row.reason == Reason.CALENDAR]
    for row in held:
        if row.calendar is None:  # its entry is gone by now: it ran early, or is moved on
            assert row.moved_to is not None or row.message, row
            continue
        assert (row.calendar.name, row.calendar.path) == ("fr", PATH)
        assert row.calendar.line >= 2
        assert len(row.calendar.commit or "") == 40
    return held


@pytest.fixture
def programmes() -> Iterator[list[Programme]]:
    made: list[Programme] = []
    yield made
    for one in made:
        one.close()


def run(store: str, programmes: list[Programme], *, days: int, replicas: int, kills: int) -> None:
    programme = Programme(store, seeded(20261129), replicas)
    programmes.append(programme)
    programme.run(days)
    held = judge_ledger(store, programme)
    print(f"{programme.kills} kills in {days} days, {programme.commits} edits, {len(held)} held rows")
    assert programme.kills >= kills
    assert any(row.moved_to is not None for row in held)


@pytest.mark.timeout(900)
def test_kills_lose_and_double_nothing_that_calendars_hold_or_move(tmp_path: Path, programmes: list[Programme]) -> None:
    run(str(tmp_path / "ledger.db"), programmes, days=10, replicas=1, kills=3)


@pytest.mark.timeout(900)
def test_kills_of_two_replicas_lose_and_double_nothing(postgres_url: str, programmes: list[Programme]) -> None:
    run(postgres_url, programmes, days=10, replicas=2, kills=3)


@pytest.mark.timeout(300)
def test_a_kill_at_the_very_end_loses_nothing(postgres_url: str, programmes: list[Programme]) -> None:
    """Requests of the dead runner are sent again, to its receiver that died with it, until no attempt is left."""
    programme = Programme(postgres_url, seeded(20261130), 2)
    programmes.append(programme)
    programme.run_until_killed("after-send")
    judge_ledger(postgres_url, programme)
    assert programme.kills == 1


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_two_replicas_for_a_hundred_days(postgres_url: str, programmes: list[Programme]) -> None:
    run(postgres_url, programmes, days=100, replicas=2, kills=30)
