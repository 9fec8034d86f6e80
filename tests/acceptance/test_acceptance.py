"""The main job, end to end: a commit becomes a webhook, and a rollback becomes a commit."""

import json
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from harness.processes.subprocess_runner import Runner, run

from chronos_gitops.cli.demo.receiver import Receiver


def git(repo: Path, *arguments: str) -> str:
    found = subprocess.run(["git", "-C", str(repo), *arguments], check=True, capture_output=True, text=True)
    return found.stdout


def write(repo: Path, url: str, **fields: str) -> None:
    lines = [f"{key}: {value}" for key, value in {"schedule": '"@every 1s"', "enabled": "true", **fields}.items()]
    text = "\n".join(["name: hourly-metrics", *lines, "webhook:", f"  url: {url}", ""])
    (repo / "jobs").mkdir(exist_ok=True)
    (repo / "jobs" / "hourly-metrics.yaml").write_text(text)


def commit(repo: Path, message: str) -> str:
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", message)
    return git(repo, "rev-parse", "HEAD").strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = tmp_path / "repo"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    return repo


def test_each_decision_is_a_line_of_the_log(tmp_path: Path, repo: Path, data_folder: Path) -> None:
    write(repo, "http://127.0.0.1:1/first", schedule='"@yearly"')
    first = commit(repo, "Add hourly-metrics")
    with Runner(str(repo), "--follow", "branch", "--log-format", "json", data=data_folder) as runner:
        write(repo, "http://127.0.0.1:1/broken", schedule='"61 * * * *"')
        broken = commit(repo, "Break the schedule")
        runner.until("/sync", lambda sync: sync["state"] == "degraded")
        rolled = runner.client.post("/jobs/hourly-metrics/rollback/1").json()["commit"]
        paused = runner.client.post("/jobs/hourly-metrics/pause", json={"reason": "maintenance"})
        refused = runner.client.post("/jobs/hourly-metrics/rollback/99")
        foreign = runner.client.post("/sync", headers={"Origin": "https://evil.example"})
        assert (paused.status_code, refused.status_code, foreign.status_code) == (200, 404, 403)
        assert runner.stop() == 0
    lines = [json.loads(line) for line in runner.lines if line.startswith("{")]
    found = {(line["event"], line.get("job"), (line.get("commit") or "")[:8]) for line in lines}
    assert {
        ("commit_applied", None, first[:8]),
        ("job_quarantined", "hourly-metrics", broken[:8]),
        ("commit_applied", None, rolled[:8]),
        ("job_rolled_back", "hourly-metrics", rolled[:8]),
        ("job_paused", "hourly-metrics", ""),
        ("call_refused", "hourly-metrics", ""),
        ("call_refused", None, ""),
    } <= found, lines


@pytest.mark.timeout(90)
@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_a_commit_becomes_a_webhook_and_a_rollback_becomes_a_commit(
    tmp_path: Path, repo: Path, mode: str, data_folder: Path
) -> None:
    """Takes some seconds: real schedules, a real runner, a real restart."""
    with Receiver() as receiver:
        write(repo, receiver.url("/first"))
        first = commit(repo, "Add hourly-metrics")
        with Runner(str(repo), "--follow", mode, data=data_folder) as runner:
            assert receiver.wait_for(lambda r: any(each.path == "/first" for each in r.requests), 15)
            job = runner.get("/jobs/hourly-metrics")
            assert (job["version"], job["commit"], job["state"], job["draft"]) == (1, first, "enabled", False)

            write(repo, receiver.url("/second"))
            second = commit(repo, "Send the metrics elsewhere")
            assert receiver.wait_for(lambda r: any(each.path == "/second" for each in r.requests), 15)
            runner.until("/jobs/hourly-metrics", lambda job: job["commit"] == second and job["version"] == 2)

            write(repo, receiver.url("/broken"), schedule='"61 * * * *"')
            commit(repo, "Break the schedule")
            runner.until("/sync", lambda sync: sync["state"] == "degraded" and sync["problems"])
            count = len(receiver.requests)
            assert receiver.wait_for(count + 2, 15), "the last good version must go on"
            assert not any(each.path == "/broken" for each in receiver.requests)

            answer = runner.client.post("/jobs/hourly-metrics/rollback/1")
            assert answer.status_code == 201, answer.text
            rolled = answer.json()
            assert (rolled["restored_version"], rolled["changed"]) == (1, True)
            message = git(repo, "log", "-1", "--format=%B", "main")
            assert message.startswith("Roll back hourly-metrics to version 1\n")
            assert f"Chronos-Restored-Commit: {first}" in message
            assert git(repo, "rev-parse", "main").strip() == rolled["commit"]
            job = runner.until("/jobs/hourly-metrics", lambda job: job["commit"] == rolled["commit"])
            assert job["version"] == rolled["version"] == 4
            assert job["webhook"]["url"] == receiver.url("/first")

            assert runner.stop() == 0
        every = [each.header("X-Chronos-Execution-ID") for each in receiver.requests]
        assert len(every) == len(set(every)), "each tick was delivered once"


@pytest.mark.timeout(60)
def test_kill_9_loses_no_tick_and_repeats_none(repo: Path, data_folder: Path) -> None:
    """Takes some seconds: it waits for real ticks before and after the kill."""
    with Receiver() as receiver:
        write(repo, receiver.url(), missed_run_policy="execute_all")
        commit(repo, "Add hourly-metrics")
        with Runner(str(repo), data=data_folder) as runner:
            assert receiver.wait_for(2, 15)
            runner.kill()
        count = len(receiver.requests)
        with Runner(str(repo), data=data_folder) as runner:
            assert receiver.wait_for(count + 3, 15)
            rows = runner.get("/jobs/hourly-metrics/executions?limit=1000")["items"]
            assert runner.stop() == 0
        ticks = sorted(row["scheduled_time"] for row in rows)
        assert len(ticks) == len(set(ticks))
        seconds = [int(tick[-3:-1]) for tick in ticks]
        assert all((later - earlier) % 60 == 1 for earlier, later in pairwise(seconds)), ticks


@pytest.mark.timeout(60)
def test_a_second_runner_on_the_same_data_folder_refuses_to_start(repo: Path, data_folder: Path) -> None:
    with Receiver() as receiver:
        write(repo, receiver.url())
        commit(repo, "Add hourly-metrics")
        with Runner(str(repo), data=data_folder):
            second = run("run", str(repo), "--listen", "127.0.0.1:0", "--data", str(data_folder), cwd=repo)
        assert second.returncode == 1
        assert "another runner" in second.stderr
        assert "Traceback" not in second.stderr
