"""The installed program under libfaketime: its wall clock is stepped while it runs, elapsed time is not."""

import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from support.faketime import SteppedClock
from support.program import Runner

from chronos_gitops.demo.receiver import Receiver

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def clock(tmp_path: Path) -> SteppedClock:
    return SteppedClock(tmp_path)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    (repo / "jobs").mkdir()
    return repo


def ticks(runner: Runner) -> list[datetime]:
    rows = runner.get("/executions?limit=1000")["items"]
    return sorted(datetime.fromisoformat(row["scheduled_time"]) for row in rows)


def write(repo: Path, url: str, **fields: str) -> None:
    given = {"name": "every-second", "schedule": '"@every 1s"', "enabled": "true", "concurrency": "allow", **fields}
    lines = [f"{key}: {value}\n" for key, value in given.items()]
    (repo / "jobs" / "every-second.yaml").write_text(f"{''.join(lines)}webhook:\n  url: {url}\n")


def test_a_forward_step_is_downtime_and_a_backward_step_repeats_nothing(
    repo: Path, data_folder: Path, clock: SteppedClock
) -> None:
    """Takes about ten seconds: a real clock has to tick between the steps."""
    with Receiver() as receiver:
        write(repo, receiver.url(), missed_run_policy="ignore")
        with Runner(str(repo), data=data_folder, environ=clock.environ()) as runner:
            assert receiver.wait_for(2, 15)
            clock.step_to(7200)
            rows = runner.until("/executions?status=skipped", lambda page: bool(page["items"]))["items"]
            assert [row["reason"] for row in rows] == ["missed"]
            assert rows[0]["count"] > 7000
            count = len(receiver.requests)
            assert receiver.wait_for(count + 2, 15), "it goes on at the new time"
            latest = ticks(runner)[-1]

            clock.step_to(7195)
            count = len(receiver.requests)
            assert receiver.wait_for(count + 2, 20), "it goes on once the old time is reached again"
            assert ticks(runner)[-1] > latest
            sent = [request.header("X-Chronos-Scheduled-Time") for request in receiver.requests]
            assert len(sent) == len(set(sent)), "no tick was sent twice"
            assert runner.stop() == 0
