"""A replay whose runner is killed with kill -9 in the middle of an item: each scheduled time runs again exactly once.

By the clock on the wall, so each test takes some seconds.
"""

import json
import subprocess
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.processes.subprocess_runner import Runner

from chronos_gitops.cli.demo.receiver import Receiver

JOB = "/jobs/nightly-report"
ITEMS = 4


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    (folder / "jobs").mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    return folder


def write(repo: Path, url: str, **fields: Any) -> None:
    document = {"name": "nightly-report", "schedule": "* * * * * *", "retry_policy": {"max_attempts": 1}, **fields}
    document |= {"webhook": {"url": url}, "timeout": "2m"}
    (repo / "jobs" / "nightly-report.yaml").write_text(json.dumps(document, indent=1))
    subprocess.run(["git", "-C", str(repo), "add", "-A"], check=True)
    subprocess.run(["git", "-C", str(repo), "commit", "-q", "-m", "Change the report"], check=True)


def failed_rows(runner: Runner) -> list[dict[str, Any]]:
    """The oldest ones of a job whose target is down."""
    path = f"{JOB}/executions?status=failed"
    found = runner.until(path, lambda page: len(page["items"]) >= ITEMS, 60)["items"]
    return sorted(found, key=lambda row: str(row["scheduled_time"]))[:ITEMS]


@pytest.mark.timeout(300)
def test_kill_9_in_an_item_repeats_none_and_leaves_none_out(
    repo: Path, tmp_path: Path, receiver: Receiver, engine: str
) -> None:
    """On its own engine the same runner starts again; of two that share one the other goes on."""
    words = (str(repo), "--engine", engine)
    is_shared = engine != "sqlite"
    with ExitStack() as stack:
        write(repo, receiver.url("/status/503"), enabled=True)
        first = stack.enter_context(Runner(*words, data=tmp_path / "a"))
        rows = failed_rows(first)
        write(repo, receiver.url("/hold/answer"), enabled=False)
        assert first.client.post("/sync").is_success
        first.until(JOB, lambda job: job["state"] == "disabled", 60)
        first.until(f"{JOB}/executions?status=running", lambda page: not page["items"], 60)
        receiver.clear()
        since, until = rows[0]["scheduled_time"], rows[-1]["scheduled_time"]
        body = {"from": since, "until": _after(until), "reason": "the target was down"}
        begun = first.client.post(f"{JOB}/replays", json=body)
        assert begun.status_code == 202, begun.text
        planned = [item["execution"] for item in begun.json()["items"] if item["becomes"] == "run"]
        assert receiver.wait_for(1, 30)
        others = [stack.enter_context(Runner(*words, data=tmp_path / "b"))] if is_shared else []
        first.kill()
        second = others[0] if is_shared else stack.enter_context(Runner(*words, data=tmp_path / "a"))
        assert receiver.wait_for(2, 120)  # the request that was cut off, again
        receiver.release("answer")
        path = f"/replays/{begun.json()['id']}"
        done = second.until(path, lambda replay: replay["state"] == "done", 120)
        done = second.until(path, lambda replay: {item["status"] for item in replay["items"]} == {"success"}, 30)
        assert [item["replay_of"] for item in done["items"]] == planned
        again = second.until(
            f"{JOB}/executions?trigger=replay", lambda page: all(row["status"] == "success" for row in page["items"])
        )["items"]
        assert Counter(row["replay_of"] for row in again) == Counter(planned)
        keys = [request.header("Idempotency-Key") for request in receiver.requests]
        assert keys == [planned[0], *planned]
        assert receiver.requests[0].execution_id == receiver.requests[1].execution_id
        [end] = [entry for entry in second.get("/audit")["items"] if entry["action"] == "replay_end"]
        assert end["target"] == f"{done['id']}: done, {len(planned)} items started"


def _after(instant: str) -> str:
    return (datetime.fromisoformat(instant) + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
