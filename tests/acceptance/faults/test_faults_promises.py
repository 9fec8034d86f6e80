"""The guard and gates with two runners of the installed program, which are killed at each step of a decision."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.engine_harness import eventually
from harness.processes.subprocess_runner import Runner
from harness.programs.temporal import TemporalServer
from harness.repositories.repository import Repository

from chronos_gitops.cli.demo.receiver import Receiver

PATIENCE = 60.0
"""Twice a lease, or a heartbeat of Temporal, and as much again on a slow machine."""
GATE = {"job": "nightly-extract", "success_within": "1h", "wait": "30m"}


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    with TemporalServer(tmp_path_factory.mktemp("temporal")) as server:
        yield server


@pytest.fixture(params=["postgres", pytest.param("temporal", marks=pytest.mark.full)])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    server = request.getfixturevalue("temporal")
    return str(server.url(server.namespace()))


class Fleet:
    """A repository, its target, a channel, and runners ``one`` and ``two``. On Temporal only ``one`` has the channel,
    because runners share no database there."""

    def __init__(self, folder: Path, engine: str, target: Receiver, hook: Receiver) -> None:
        self.target, self.hook = target, hook
        self._engine, self._folder = engine, folder
        self.checkout = Repository.init(folder / "checkout")
        self._settings = folder / "chronos.toml"
        self._settings.write_text(f'[[notify]]\nname = "ops"\ntype = "webhook"\nurl = "{hook.url("/ok")}"\n')
        self.runners: dict[str, Runner] = {}

    @property
    def is_shared(self) -> bool:
        return self._engine.startswith("postgresql")

    def commit(self, message: str, *jobs: dict[str, Any]) -> str:
        for job in jobs:
            self.checkout.write(f"jobs/{job['name']}.yaml", yaml.safe_dump(job))
        return self.checkout.commit(message)

    def job(self, name: str, path: str, schedule: str = "@yearly", **fields: Any) -> dict[str, Any]:
        webhook, attempts = {"url": self.target.url(path)}, {"max_attempts": 1}
        document = {"name": name, "schedule": schedule, "enabled": True, "webhook": webhook, "retry_policy": attempts}
        return document | fields

    def start(self, name: str, failpoint: str = "") -> Runner:
        environ = {"CHRONOS_ENGINE": self._engine, "CHRONOS_FAILPOINT": failpoint}
        if self.is_shared or name == "one":
            environ["CHRONOS_CONFIG"] = str(self._settings)
        arguments = (str(self.checkout.root), "--follow", "branch")
        self.runners[name] = Runner(*arguments, data=self._folder / name, environ=environ)
        return self.runners[name]

    def killed(self, name: str) -> None:
        runner = self.runners.pop(name)
        assert runner.wait() == -9
        runner.client.close()

    def kill(self, name: str) -> None:
        self.runners[name].kill()
        self.killed(name)

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.hook.requests]

    def sent(self, word: str) -> list[str | None]:
        """The executions whose requests have the word in their path."""
        return [request.execution_id for request in self.target.requests if word in request.path]

    def close(self) -> None:
        for runner in self.runners.values():
            if runner.process.poll() is None:
                runner.stop()
            runner.client.close()


@pytest.fixture
def fleet(tmp_path: Path, engine: str) -> Iterator[Fleet]:
    with Receiver() as target, Receiver() as hook:
        fleet = Fleet(tmp_path, engine, target, hook)
        yield fleet
        fleet.close()


def rows(runner: Runner, job: str) -> list[dict[str, Any]]:
    return list(runner.get(f"/jobs/{job}/executions?limit=1000")["items"])


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "point", ["after-guard-decision", pytest.param("after-guard-pause", marks=pytest.mark.full), "before-notice"]
)
def test_a_version_is_stopped_and_told_once_when_both_runners_are_killed_while_they_stop_it(
    fleet: Fleet, point: str
) -> None:
    """Half a minute: real processes, each second a scheduled time."""

    def backup(path: str, **fields: Any) -> dict[str, Any]:
        return fleet.job("daily-backup", path, "@every 1s", guard={"executions": 3}, missed_run_policy="ignore")

    fleet.commit("A backup", backup("/ok?v=1"))
    # Only runners with a channel reach before-notice.
    dying = [name for name in ("one", "two") if point != "before-notice" or fleet.is_shared or name == "one"]
    for name in ("one", "two"):
        fleet.start(name, f"{point}:kill" if name in dying else "")
    eventually(lambda: fleet.sent("v=1"), PATIENCE)
    bad = fleet.commit("Move the backup", backup("/status/503?v=2"))
    # A runner that has seen the other one's decision or pause does not make its own, and lives.
    eventually(lambda: any(fleet.runners[name].process.poll() is not None for name in dying), PATIENCE)
    for name in [name for name in dying if fleet.runners[name].process.poll() is not None]:
        fleet.killed(name)
    for name in list(fleet.runners):
        fleet.kill(name)
    one, two = fleet.start("one"), fleet.start("two")
    for runner in (one, two):
        job = runner.until("/jobs/daily-backup", lambda job: (job["pause"] or {}).get("by") == "guard", PATIENCE)
        why = f"version 2 ({bad[:8]}) failed its first 3 runs; version 1 had succeeded"
        assert (job["pause"]["version"], job["pause"]["until"], job["pause"]["reason"]) == (2, None, why)
    eventually(lambda: [message for message in fleet.told() if message["type"] == "job.paused"], PATIENCE)
    fleet.commit("Back again", backup("/ok?v=3"))
    eventually(lambda: len(fleet.sent("v=3")) >= 2, PATIENCE)
    for runner in (one, two):
        runner.until("/jobs/daily-backup", lambda job: job["pause"] is None, PATIENCE)
    paused = [message for message in fleet.told() if message["type"] == "job.paused"]
    assert len(paused) == 1
    given_up = [row for row in rows(two, "daily-backup") if row["reason"] == "missed"]
    assert {row["status"] for row in given_up} <= {"skipped"}, "a quick restart misses none"
    assert max(Counter(fleet.sent("v=3")).values()) == 1


@pytest.mark.full
@pytest.mark.timeout(300)
def test_a_version_that_was_resumed_is_not_stopped_again_by_another_runner(fleet: Fleet) -> None:
    """Half a minute: real processes, each second a scheduled time."""

    def backup(path: str) -> dict[str, Any]:
        return fleet.job("daily-backup", path, "@every 1s", guard={"executions": 3}, missed_run_policy="ignore")

    fleet.commit("A backup", backup("/ok?v=1"))
    fleet.start("one")
    two = fleet.start("two")
    eventually(lambda: fleet.sent("v=1"), PATIENCE)
    fleet.commit("Move the backup", backup("/status/503?v=2"))
    two.until("/jobs/daily-backup", lambda job: (job["pause"] or {}).get("by") == "guard", PATIENCE)
    before = len(fleet.sent("v=2"))
    assert two.client.post("/jobs/daily-backup/resume").status_code == 200
    eventually(lambda: len(fleet.sent("v=2")) >= before + 4, PATIENCE)
    fleet.kill("one")
    again = fleet.start("one")
    before = len(fleet.sent("v=2"))
    eventually(lambda: len(fleet.sent("v=2")) >= before + 4, PATIENCE)
    assert again.get("/jobs/daily-backup")["pause"] is None
    assert [message["type"] for message in fleet.told()].count("job.paused") == 1


def waiting(runner: Runner) -> dict[str, Any]:
    def holds(page: dict[str, Any]) -> bool:
        return any(row["waiting_for"] == "requires" for row in page["items"])

    page = runner.until("/jobs/daily-report/executions?limit=1000", holds, PATIENCE)
    return dict(next(row for row in page["items"] if row["waiting_for"] == "requires"))


def final(runner: Runner, execution: str) -> dict[str, Any]:
    ends = ("success", "failed", "skipped", "cancelled")
    return dict(runner.until(f"/executions/{execution}", lambda row: row["status"] in ends, PATIENCE))


@pytest.mark.timeout(300)
def test_what_waits_at_its_gate_with_a_killed_runner_starts_with_the_other_one(fleet: Fleet) -> None:
    """Half a minute: a lease, or a heartbeat, has to run out."""
    report = fleet.job("daily-report", "/ok?report", "@every 1s", requires=GATE)
    fleet.commit("Two jobs", report, fleet.job("nightly-extract", "/ok"))
    one = fleet.start("one")
    waits = waiting(one)
    two = fleet.start("two")
    fleet.kill("one")
    opened_by = two.client.post("/jobs/nightly-extract/trigger").json()["id"]
    row = final(two, waits["id"])
    assert (row["status"], row["requires"]) == (
        "success",
        {"job": "nightly-extract", "met": True, "execution": opened_by},
    )
    assert fleet.sent("report").count(waits["id"]) == 1


@pytest.mark.timeout(300)
def test_a_gate_that_a_killed_runner_found_open_is_not_decided_again(fleet: Fleet) -> None:
    """Half a minute: a lease, or a heartbeat, has to run out."""
    report = fleet.job("daily-report", "/ok?report", "@every 1s", requires=GATE)
    extract = fleet.job("nightly-extract", "/ok")
    fleet.commit("A job", extract)
    one = fleet.start("one", "before-send:kill@2")
    opened_by = one.client.post("/jobs/nightly-extract/trigger").json()["id"]
    assert final(one, opened_by)["status"] == "success"
    fleet.commit("Another job", report)
    fleet.killed("one")
    two = fleet.start("two")
    newer = two.client.post("/jobs/nightly-extract/trigger").json()["id"]
    assert final(two, newer)["status"] == "success"
    eventually(lambda: fleet.sent("report"), PATIENCE)
    first = min(rows(two, "daily-report"), key=lambda row: row["scheduled_time"])
    row = final(two, first["id"])
    assert row["status"] == "success"
    assert row["requires"]["execution"] == opened_by


@pytest.mark.timeout(300)
@pytest.mark.parametrize("otherwise", ["skip", pytest.param("run", marks=pytest.mark.full)])
def test_the_end_of_a_wait_is_that_of_the_row_whichever_runner_is_alive(fleet: Fleet, otherwise: str) -> None:
    """Half a minute: a lease, or a heartbeat, has to run out."""
    gate = GATE | {"wait": "4s", "otherwise": otherwise}
    report = fleet.job("daily-report", "/ok?report", "@every 1s", requires=gate)
    fleet.commit("Two jobs", report, fleet.job("nightly-extract", "/status/400"))
    one = fleet.start("one")
    waits = waiting(one)
    two = fleet.start("two")
    fleet.kill("one")
    row = final(two, waits["id"])
    expected = ("success", None) if otherwise == "run" else ("skipped", "requires")
    assert (row["status"], row["reason"]) == expected
    assert row["requires"] == {"job": "nightly-extract", "met": False, "execution": None}
    assert fleet.sent("report").count(waits["id"]) == (1 if otherwise == "run" else 0)
