"""SIGTERM again and again, at random moments: nothing is claimed after it, it exits 0, and what waits goes on later."""

import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from harness.machine.seeds import seeded
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository

from chronos_gitops.cli.demo.receiver import Receiver

CLAIMS_END = 0.1
"""Seconds after the signal; CONTRACT 5 and the fault programme."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("loops", [4, pytest.param(100, marks=pytest.mark.full)])
def test_sigterm_ends_claiming_at_once_and_loses_nothing(tmp_path: Path, data_folder: Path, loops: int) -> None:
    """Twenty ticks a second, and a job that fails and waits for its retry; about a second and a half for each loop."""
    chance = seeded(20261125)
    late: list[float] = []
    with Receiver() as receiver:
        repository = Repository.init(tmp_path / "checkout")
        for number in range(10):
            write(repository, f"often-{number}", "@every 500ms", receiver.url("/ok"))
        write(repository, "fails-again", "@every 1s", receiver.url("/status/503"))
        repository.commit()
        for _ in range(loops):
            runner = Runner(str(repository.root), data=data_folder)
            threading.Event().wait(chance.uniform(0, 0.7))
            asked_at = time.time()
            runner.process.send_signal(signal.SIGTERM)
            assert runner.wait() == 0
            runner.client.close()
            late.append(last_claim(data_folder) - asked_at)
        with Runner(str(repository.root), data=data_folder) as runner:
            path = "/executions?status=running&limit=1000"
            runner.until("/jobs/often-0", lambda job: job["last_execution"]["status"] == "success")
            runner.until(path, lambda found: all(row["job"] == "fails-again" for row in found["items"]))
    print(f"{loops} SIGTERMs: the last claim came {max(late) * 1000:.0f} ms after the signal at most")
    assert max(late) < CLAIMS_END
    assert rows_without_end(data_folder) == []


def test_sigterm_ends_a_runner_whose_pass_over_git_hangs_within_the_drain(tmp_path: Path, data_folder: Path) -> None:
    """About 5 s. The second pass never ends: claims stop at once, and a drain of 2 s is not made longer by it."""
    with Receiver() as receiver:
        repository = Repository.init(tmp_path / "checkout")
        write(repository, "often", "@every 500ms", receiver.url("/ok"))
        repository.commit()
        environ = {"CHRONOS_FAILPOINT": "before-swap:hang@2", "CHRONOS_DRAIN": "2s"}
        runner = Runner(str(repository.root), data=data_folder, environ=environ)
        runner.until("/jobs/often", lambda job: job["last_execution"] is not None)
        write(repository, "second", "@every 500ms", receiver.url("/ok"))
        threading.Event().wait(1.5)  # by then the save was noticed, and its pass hangs
        assert runner.client.get("/jobs/second").status_code == 404
        asked_at = time.time()
        runner.process.send_signal(signal.SIGTERM)
        assert runner.wait() == 0
        took = time.time() - asked_at
        runner.client.close()
    assert took < 5, f"{took:.1f} s"
    assert last_claim(data_folder) - asked_at < CLAIMS_END


def last_claim(data: Path) -> float:
    """Seconds since 1970."""
    [(newest,)] = read(data, "SELECT max(created_at) FROM executions")
    return float(newest or 0) / 1000


def rows_without_end(data: Path) -> list[tuple[object, ...]]:
    """Executions that did not end although they could: only the job that waits for its retry may be under way."""
    return read(data, "SELECT id, job FROM executions WHERE status IN ('pending', 'running') AND job <> 'fails-again'")


def read(data: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"{(data / 'ledger.db').as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def write(repository: Repository, name: str, schedule: str, url: str) -> None:
    lines = [f"name: {name}", f'schedule: "{schedule}"', "enabled: true", "webhook:", f"  url: {url}"]
    lines += ["missed_run_policy: ignore", "retry_policy: {max_attempts: 3, initial_interval: 2s}"]
    repository.write(f"jobs/{name}.yaml", "\n".join(lines) + "\n")
