"""Three runners, one PostgreSQL, and a random hand that kills, freezes and restarts all of them: no tick is lost."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
import yaml
from harness.engine_harness import eventually
from harness.machine.seeds import seeded
from harness.processes.replicas import Sink
from harness.processes.subprocess_runner import Runner
from harness.programs.postgres import Server
from harness.repositories.repository import Repository

SECOND = timedelta(seconds=1)
JOBS = {
    "every-second": {"concurrency": "allow", "missed_run_policy": "execute_all"},
    "slow-one": {"concurrency": "forbid", "missed_run_policy": "execute_all"},
    "newest-only": {"concurrency": "replace", "missed_run_policy": "execute_one"},
}
SLOWNESS = {"every-second": "/0.1", "slow-one": "/0.4", "newest-only": "/1.5"}


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    with sink.server:
        yield sink


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


class Fleet:
    """The runners and what happens to them; ``disturbed`` counts what may have doubled a request."""

    def __init__(self, folder: Path, server: Server, sink: Sink) -> None:
        self.server = server
        self.sink = sink
        self._folder = folder
        self._checkout = Repository.init(folder / "checkout")
        for name, fields in JOBS.items():
            webhook = {"url": sink.url(SLOWNESS[name]), "timeout": "10s"}
            document = {"name": name, "schedule": "* * * * * *", "enabled": True, "webhook": webhook, **fields}
            self._checkout.write(f"jobs/{name}.yaml", yaml.safe_dump(document))
        self._checkout.commit("Jobs")
        self._bare = self._checkout.bare(folder / "bare.git")
        self.runners = [self.launch(number) for number in range(3)]

    def launch(self, number: int) -> Runner:
        environ = {"CHRONOS_ENGINE": self.server.url()}
        return Runner(str(self._bare.root), data=self._folder / f"data-{number}", environ=environ)

    def kill(self, number: int, _seconds: float) -> None:
        self.runners[number].kill()
        self.runners[number].client.close()
        self.runners[number] = self.launch(number)

    def freeze(self, number: int, seconds: float) -> None:
        pid = self.runners[number].process.pid
        os.kill(pid, signal.SIGSTOP)
        threading.Event().wait(seconds)
        os.kill(pid, signal.SIGCONT)

    def crash_the_database(self, _number: int, seconds: float) -> None:
        self.server.stop(signal.SIGQUIT)
        threading.Event().wait(seconds / 4)
        self.server.start()

    def drain(self, number: int, _seconds: float) -> None:
        assert self.runners[number].stop() == 0
        self.runners[number].client.close()
        self.runners[number] = self.launch(number)

    def settle(self) -> list[dict[str, Any]]:
        """Every job is disabled, and then everything ends."""
        for name in JOBS:
            path = f"jobs/{name}.yaml"
            text = (self._checkout.root / path).read_text()
            self._checkout.write(path, text.replace("enabled: true", "enabled: false"))
        head = self._checkout.commit("No jobs any more")
        self._checkout.push("main")
        for runner in self.runners:
            runner.until("/sync", lambda sync: sync["revision"]["applied"] == head, timeout=30)
        with psycopg.connect(self.server.url(), autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
            unfinished = "SELECT 1 FROM executions WHERE status IN ('pending', 'running')"
            eventually(lambda: connection.execute(unfinished).fetchone() is None, timeout=60)
            return connection.execute("SELECT * FROM executions WHERE tick IS NOT NULL").fetchall()

    def close(self) -> None:
        for runner in self.runners:
            if runner.process.poll() is None:
                os.kill(runner.process.pid, signal.SIGCONT)
                runner.stop()
            runner.client.close()


def ticks(rows: list[dict[str, Any]], job: str) -> list[int]:
    """Every tick that a row stands for, in seconds."""
    found = []
    for row in rows:
        if row["job"] == job:
            first = row["scheduled_at"] if row["range_start"] is None else row["range_start"]
            found += range(first // 1000, row["scheduled_at"] // 1000 + 1)
    return sorted(found)


def suffer(fleet: Fleet, rounds: int, random: Random) -> Counter[str]:
    faults: list[Callable[[int, float], None]] = [fleet.kill, fleet.freeze, fleet.crash_the_database, fleet.drain]
    happened: Counter[str] = Counter()
    for number in range(rounds):
        fault = faults[number % len(faults)] if number < len(faults) else random.choice(faults)
        threading.Event().wait(random.uniform(0.2, 1.5))
        fault(random.randrange(3), random.uniform(1.0, 9.0))
        happened[fault.__name__] += 1
    return happened


def judge(fleet: Fleet, rows: list[dict[str, Any]], happened: Counter[str]) -> None:
    for job in JOBS:
        covered = ticks(rows, job)
        assert covered == list(range(covered[0], covered[-1] + 1)), f"{job}: one row for every tick"
    sent = Counter(visit.execution for visit in fleet.sink.visits)
    known = {row["id"] for row in rows}
    assert sent.keys() <= known, "nothing was sent without a row"
    ran = [row for row in rows if row["status"] == "success"]
    assert {row["id"] for row in ran} <= sent.keys()
    assert max(sent.values()) <= 1 + sum(happened.values())
    twice = sum(count - 1 for count in sent.values())
    print(f"{dict(happened)}: {len(rows)} rows, {len(ran)} ran, {twice} requests sent again")
    assert fleet.sink.most_at_once("newest-only") <= 1 + happened["kill"] + happened["freeze"]


def programme(fleet: Fleet, rounds: int) -> None:
    eventually(lambda: len(fleet.sink.visits) > 3)
    began = datetime.now().astimezone()
    happened = suffer(fleet, rounds, seeded(20261125))
    rows = fleet.settle()
    judge(fleet, rows, happened)
    assert len(ticks(rows, "every-second")) >= (datetime.now().astimezone() - began) / SECOND - 15


@pytest.fixture
def fleet(tmp_path: Path, server: Server, sink: Sink) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path, server, sink)
    yield fleet
    fleet.close()


@pytest.mark.full  # the normal run has each fault by itself: test_faults_replicas, test_replicas
@pytest.mark.timeout(900)
@pytest.mark.parametrize("rounds", [4, 40])
def test_faults_of_every_kind_lose_and_double_no_tick(fleet: Fleet, rounds: int) -> None:
    """Takes half a minute for four, some minutes for forty: real processes, a real database, leases that run out."""
    programme(fleet, rounds)
