"""Layers under a real runner on each engine (LAYERS section 14, 8 to 12), also one that kill -9 ends in a reload.

By the clock on the wall, so each test takes some seconds.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness.machine.seeds import seeded
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository

from chronos_gitops.cli.demo.receiver import Receiver

SECOND = "* * * * * *"
Start = Callable[..., Runner]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.init(tmp_path / "repo")


@pytest.fixture
def start(repository: Repository, tmp_path: Path, engine: str) -> Iterator[Start]:
    """Starts the runner of this repository, again on the same state after the one before has ended."""
    started: list[Runner] = []

    def begin(*words: str) -> Runner:
        given = (str(repository.root), "--engine", engine, *words)
        started.append(Runner(*given, data=tmp_path / "data"))
        return started[-1]

    yield begin
    for one in started:
        with one:
            pass


def job(name: str, schedule: str = "@yearly", **fields: Any) -> str:
    return json.dumps({"name": name, "schedule": schedule, **fields}, indent=1)


def commit(repository: Repository, message: str, **files: str) -> None:
    for path, text in files.items():
        repository.write(f"jobs/{path.replace('__', '/')}.yaml", text)
    repository.commit(message)


@pytest.mark.timeout(180)
def test_zone_of_a_layer_that_makes_a_time_past_fires_nothing(
    repository: Repository, receiver: Receiver, start: Start
) -> None:
    """The wall time of the job is ahead in the zone before, and half an hour ago in the one after."""
    now = datetime.now(UTC)
    due = now + timedelta(hours=2, minutes=30)
    commit(
        repository,
        "Add a job",
        _defaults="timezone: UTC\nenabled: true\n",
        daily=job("daily", f"{due.minute} {due.hour} * * *", webhook={"url": receiver.url()}),
        often=job("often", SECOND, webhook={"url": receiver.url("/ok/often")}),
    )
    with start() as runner:
        expected = due.replace(second=0, microsecond=0)
        assert runner.get("/jobs/daily")["next_run"] == f"{expected:%Y-%m-%dT%H:%M:%SZ}"
        commit(repository, "Move east", _defaults="timezone: Etc/GMT-3\nenabled: true\n")
        assert runner.client.post("/sync").is_success
        moved = expected + timedelta(hours=21)
        runner.until("/jobs/daily", lambda one: one["next_run"] == f"{moved:%Y-%m-%dT%H:%M:%SZ}")
        seen = len(receiver.requests)
        assert receiver.wait_for(seen + 3, 30), "the other job runs on"
        assert runner.get("/executions?job=daily")["items"] == []


@pytest.mark.timeout(180)
def test_layer_that_disables_all_jobs_is_held_and_none_runs_once_it_is_approved(
    repository: Repository, receiver: Receiver, start: Start
) -> None:
    files = {f"job{number}": job(f"job-{number}", SECOND, webhook={"url": receiver.url()}) for number in range(10)}
    commit(repository, "Ten jobs", _defaults="enabled: true\n", **files)
    with start() as runner:
        commit(repository, "Disable them", _defaults="enabled: false\n")
        assert runner.client.post("/sync").is_success
        held = runner.until("/sync", lambda sync: sync["held"] is not None)["held"]
        assert sorted(held["disabled"]) == sorted(f"job-{number}" for number in range(10))
        seen = len(receiver.requests)
        assert receiver.wait_for(seen + 20, 30), "all run on while it is held"
        assert runner.client.post("/sync/approve", json={"checksum": held["checksum"]}).is_success
        runner.until("/jobs", lambda jobs: not any(one["enabled"] for one in jobs["items"]), 60)
        runner.until("/executions?status=running", lambda rows: rows["items"] == [], 60)
        runner.until("/executions?status=pending", lambda rows: rows["items"] == [], 60)
        after = len(receiver.requests)
        assert not receiver.wait_for(after + 1, 3), "nothing is sent for three scheduled times"


@pytest.mark.timeout(180)
def test_environments_that_are_gone_stop_nothing_also_after_a_restart(
    repository: Repository, receiver: Receiver, start: Start
) -> None:
    commit(
        repository,
        "Two environments",
        _environments__staging=f"variables: {{api: '{receiver.url('/ok/staging')}'}}\n",
        _environments__production=f"variables: {{api: '{receiver.url('/ok/production')}'}}\n",
        often=job("often", SECOND, enabled=True, webhook={"url": "${var:api}"}),
    )
    with start("--environment", "staging") as runner:
        assert receiver.wait_for(1, 30)
        repository.git("rm", "-rq", "jobs/_environments")
        repository.commit("Remove them")
        assert runner.client.post("/sync").is_success
        runner.until("/sync", lambda sync: sync["reason"] == "UnknownEnvironment")
    with start("--environment", "staging") as runner:
        runner.until("/sync", lambda sync: sync["reason"] == "UnknownEnvironment")
        seen = len(receiver.requests)
        assert receiver.wait_for(seen + 2, 30)
    assert {one.path for one in receiver.requests} == {"/ok/staging"}


@pytest.mark.timeout(240)
def test_inputs_of_a_trigger_cannot_redirect_it_and_survive_kill_9(
    repository: Repository, receiver: Receiver, start: Start
) -> None:
    inputs = {
        "host": {"value": f"127.0.0.1:{receiver.port}", "trigger": True},
        "tenant": {"value": "nobody", "trigger": True},
    }
    webhook = {"url": "http://${var:host}/hold/${var:tenant}"}
    commit(
        repository,
        "Add a job",
        _defaults="enabled: true\ntimeout: 1m\n",
        report=job("report", webhook=webhook, variables=inputs),
    )
    with start() as runner:
        refused = runner.client.post("/jobs/report/trigger", json={"variables": {"host": "127.0.0.1:1"}})
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/variable-locked")
        assert runner.get("/executions")["items"] == []
        given = runner.client.post("/jobs/report/trigger", json={"variables": {"tenant": "acme"}})
        assert given.status_code == 202, given.text
        assert receiver.wait_for(1, 30)
        runner.kill()
    receiver.release("acme")
    commit(repository, "Change the layer", _defaults="enabled: true\ntimeout: 2m\n")
    with start() as runner:
        path = f"/executions/{given.json()['id']}"
        row = runner.until(path, lambda one: one["status"] == "success", 120)
    assert row["variables"] == {"tenant": "acme"}
    assert {one.path for one in receiver.requests} == {"/hold/acme"}
    assert len(receiver.requests) >= 2


@pytest.mark.timeout(600)
def test_kill_9_in_the_reload_of_a_layer_fires_no_half_changed_set(
    repository: Repository, receiver: Receiver, start: Start, engine: str
) -> None:
    """The layer gives each job its path and a header of one generation. Every request has both of one; where the
    engine claims all jobs of an instant at once, all requests of one scheduled time are of one generation."""
    chance, is_at_once = seeded(20261129), not engine.startswith("temporal")
    count = 12 if is_at_once else 3

    def layer(generation: int) -> str:
        headers = f"{{X-Generation: '{generation}'}}"
        variables = f"{{path: '{receiver.url(f'/ok/{generation}')}'}}"
        return f"enabled: true\ncatchup_window: 1m\nvariables: {variables}\nwebhook: {{headers: {headers}}}\n"

    jobs = {f"job{at}": job(f"job-{at}", SECOND, webhook={"url": "${var:path}"}) for at in range(count)}
    commit(repository, "Generation 0", _defaults=layer(0), **jobs)
    for generation in range(1, 4):
        with start() as runner:
            seen = len(receiver.requests)
            assert receiver.wait_for(seen + count, 120)
            commit(repository, f"Generation {generation}", _defaults=layer(generation))
            with suppress(httpx.TimeoutException):  # the runner dies while it reloads, or just after
                runner.client.post("/sync", timeout=chance.uniform(0.001, 0.15))
            runner.kill()
    with start() as runner:
        assert receiver.wait_for(lambda one: sum(r.path == "/ok/3" for r in one.requests) >= 2 * count, 150)
        names = {one.execution_id: one for one in receiver.requests}
        rows = runner.get("/executions?limit=500")["items"]
    by_time: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        sent = names.get(row["id"])
        if sent is not None:
            by_time[row["scheduled_time"]].add(sent.path)
    assert all(one.path == f"/ok/{one.header('X-Generation')}" for one in receiver.requests)
    if is_at_once:
        assert {len(paths) for paths in by_time.values()} == {1}, by_time
    assert by_time
