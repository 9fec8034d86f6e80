"""The installed program under libfaketime: its wall clock is stepped while it runs, elapsed time is not."""

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
from harness.processes.subprocess_runner import Runner
from harness.programs.faketime import SteppedClock
from harness.programs.postgres import Server

from chronos_gitops.cli.demo.receiver import Received, Receiver

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


def engine_detail(runner: Runner) -> str:
    health = runner.client.get(f"{runner.address}/health")
    return str(health.json()["checks"]["engine"]["detail"]) if health.status_code == 503 else ""


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


@pytest.mark.parametrize("ahead", [8 * 3600, 365 * 86400])
def test_a_clock_that_was_ahead_for_seconds_silences_nothing(
    repo: Path, data_folder: Path, clock: SteppedClock, ahead: int
) -> None:
    """Takes about fifteen seconds. Before, 0 of the times after it ran, with green health and a next run shown."""
    with Receiver() as receiver:
        write(repo, receiver.url(), schedule='"@every 2s"')
        with Runner(str(repo), data=data_folder, environ=clock.environ()) as runner:
            assert receiver.wait_for(2, 15)
            clock.step_to(ahead)
            assert receiver.wait_for(len(receiver.requests) + 2, 15)
            clock.step_to(0)
            until = monotonic() + 10
            while "the clock was ahead by" not in (detail := engine_detail(runner)):
                assert monotonic() < until, detail
                assert runner.client.get(f"{runner.address}/livez").status_code == 200
            count = len(receiver.requests)
            assert receiver.wait_for(count + 4, 20)
            shown = datetime.fromisoformat(runner.get("/jobs/every-second")["next_run"])
            assert abs((shown - datetime.now(UTC)).total_seconds()) < 10
            sent = [request.header("X-Chronos-Scheduled-Time") for request in receiver.requests]
            assert len(sent) == len(set(sent)), "no tick was sent twice"
            assert [line for line in runner.lines if "clock_was_ahead" in line][1:] == [], "it is logged once"
            assert runner.stop() == 0


def why(runner: Runner, at: datetime) -> dict[str, str]:
    """The answer to "why did it (not) run then", as the page and the command line have it."""
    answer: dict[str, str] = runner.get(f"/jobs/every-second/executions?at={at:%Y-%m-%dT%H:%M:%SZ}")
    return answer


@pytest.mark.timeout(240)
def test_why_a_time_did_not_run_names_the_outage_or_the_clock(
    repo: Path, data_folder: Path, clock: SteppedClock
) -> None:
    """Of a time within an outage that a kill -9 began, and of times while the clock was ahead and after it was set
    right. Takes about fifteen seconds."""
    with Receiver() as receiver:
        write(repo, receiver.url(), schedule='"@every 2s"', missed_run_policy="ignore")
        with Runner(str(repo), data=data_folder, environ=clock.environ()) as runner:
            assert receiver.wait_for(2, 15)
            runner.kill()
        clock.step_to(7200)
        with Runner(str(repo), data=data_folder, environ=clock.environ()) as runner:
            runner.until("/executions?status=skipped", lambda page: bool(page["items"]))
            down = why(runner, datetime.now(UTC) + timedelta(hours=1))
            assert (down["outcome"], down["reason"]) == ("skipped", "missed")
            assert (
                "was skipped: no runner was there to claim it, and its missed_run_policy and catchup_window"
                in (down["message"])
            )
            assert re.search(r"one record stands for [0-9,]+ scheduled times from ", down["message"])
            assert receiver.wait_for(len(receiver.requests) + 2, 15)

            clock.step_to(7200 + 8 * 3600)
            assert receiver.wait_for(len(receiver.requests) + 2, 15)
            clock.step_to(7200)
            assert receiver.wait_for(len(receiver.requests) + 4, 30)
            now = datetime.now(UTC) + timedelta(hours=2)
            ran, to_come = why(runner, now - timedelta(seconds=2)), why(runner, now + timedelta(hours=4))
            assert (ran["outcome"], ran["message"][:21]) == ("success", "It ran: the execution")
            assert to_come["outcome"] == "upcoming", to_come
            assert to_come["message"].endswith(" is still to come.")


@pytest.fixture
def database_clock() -> Iterator[SteppedClock]:
    """In a folder that the server's user may read."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield SteppedClock(Path(folder))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("ahead", [8 * 3600, 365 * 86400])
def test_a_database_whose_clock_was_ahead_for_seconds_silences_nothing(
    repo: Path, tmp_path: Path, database_clock: SteppedClock, ahead: int
) -> None:
    """A real PostgreSQL server, whose clock is that of its two runners. Takes half a minute."""
    with Receiver() as receiver, contextlib.ExitStack() as at_last:
        write(repo, receiver.url(), schedule='"@every 2s"')
        server = Server(environ=database_clock.environ())
        at_last.callback(server.close)
        environ = {"CHRONOS_ENGINE": server.url()}
        one, two = (
            at_last.enter_context(Runner(str(repo), data=tmp_path / name, environ=environ)) for name in ("one", "two")
        )
        assert receiver.wait_for(2, 30)
        database_clock.step_to(ahead)
        assert receiver.wait_for(lambda seen: is_ahead(seen.requests[-1]), 60)
        database_clock.step_to(0)
        until = monotonic() + 60
        while not any("the clock was ahead by" in engine_detail(runner) for runner in (one, two)):
            assert monotonic() < until
        count = len(receiver.requests)
        assert receiver.wait_for(lambda seen: sum(not is_ahead(each) for each in seen.requests[count:]) > 4, 60)
        for runner in (one, two):
            shown = datetime.fromisoformat(runner.get("/jobs/every-second")["next_run"])
            assert abs((shown - datetime.now(UTC)).total_seconds()) < 20
        sent = [request.header("X-Chronos-Scheduled-Time") for request in receiver.requests]
        assert len(sent) == len(set(sent)), "no tick was sent twice"


def is_ahead(request: Received) -> bool:
    """True if it was due in the future."""
    due = datetime.fromisoformat(request.header("X-Chronos-Scheduled-Time") or "")
    return due > request.arrived_at + timedelta(minutes=5)
