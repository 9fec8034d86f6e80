"""``replay`` against a real runner: the list, the question, its progress and its end."""

import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli.conftest import git
from harness.engine_harness import eventually

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.cli.main import main

REASON = ("--reason", "the target was down")
JOB = """\
name: each-second
schedule: "* * * * * *"
enabled: {enabled}
webhook:
  url: {url}
retry_policy:
  max_attempts: 1
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _asks_the_server(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRONOS_SERVER", server)


@pytest.fixture(scope="module")
def failed(server: str, jobs_repository: Path, receiver: Receiver) -> list[str]:
    """Scheduled times that failed, oldest first; by now the job is disabled, and its target is up."""

    def commit(enabled: str, url: str) -> None:
        (jobs_repository / "jobs/each-second.yaml").write_text(JOB.format(enabled=enabled, url=url))
        git(jobs_repository, "add", "--all")
        git(jobs_repository, "commit", "--quiet", "--message", "Change the job")
        httpx.post(f"{server}/api/v1/sync", trust_env=False).raise_for_status()

    def rows(query: str) -> list[dict[str, Any]]:
        found = httpx.get(f"{server}/api/v1/jobs/each-second/executions?{query}", trust_env=False).json()
        items: list[dict[str, Any]] = found["items"]
        return items

    commit("true", receiver.url("/status/503"))
    eventually(lambda: len(rows("status=failed")) >= 3, 60)
    commit("false", receiver.url("/ok"))
    job = f"{server}/api/v1/jobs/each-second"
    eventually(lambda: httpx.get(job, trust_env=False).json()["state"] == "disabled", 60)
    eventually(lambda: not rows("status=running") and not rows("status=pending"), 60)
    return sorted(row["scheduled_time"] for row in rows("status=failed"))[:3]


def span(failed: list[str], count: int = 3) -> tuple[str, ...]:
    until = datetime.fromisoformat(failed[count - 1]) + timedelta(seconds=1)
    return ("replay", "each-second", "--from", failed[0], "--until", until.isoformat(), *REASON)


def asked(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    assert main([*arguments, "--format", "json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_dry_run_lists_and_runs_nothing(capsys: pytest.CaptureFixture[str], failed: list[str]) -> None:
    planned = asked(capsys, *span(failed), "--dry-run")
    assert [(item["scheduled_time"], item["becomes"]) for item in planned["items"]] == [(one, "run") for one in failed]
    assert planned["id"] is None
    assert main([*span(failed), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[0].split() == ["SCHEDULED", "NOW", "BECOMES", "WHY"]
    assert "3 of 3 run" in told


def test_what_would_run_nothing_is_3(capsys: pytest.CaptureFixture[str], failed: list[str]) -> None:
    assert asked(capsys, *span(failed), "--only", "cancelled", "--yes", code=3)["id"] is None
    assert main(["replay", "each-second", "--from", "2020-01-01", "--until", "2020-01-02", *REASON]) == 3
    assert "nothing was due in this range" in capsys.readouterr().out


def test_nobody_is_asked_where_nobody_is(capsys: pytest.CaptureFixture[str], failed: list[str]) -> None:
    assert main(list(span(failed))) == 2
    assert "--yes" in capsys.readouterr().err


def test_asks_begins_shows_and_cancels(
    capsys: pytest.CaptureFixture[str], failed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert main(list(span(failed))) == 130
    refused = capsys.readouterr().err
    assert "Run 3 again?" in refused
    assert failed[2] in refused
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert main([*span(failed), "--pace", "1h"]) == 0
    begun = capsys.readouterr().out
    assert "3 scheduled times run again" in begun
    replay = begun.split()[-1]
    assert main([*span(failed), "--yes"]) == 1
    assert "under way" in capsys.readouterr().err
    eventually(lambda: asked(capsys, "replay", "--status", replay)["items"][0]["status"] == "success", 30)
    assert main(["replay", "--status", replay]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"replay {replay} of each-second is running: 1 of 3 begun"
    assert [line.split()[1] for line in lines[3:]] == ["success", "waits", "waits"]
    assert asked(capsys, "replay", "--cancel", replay)["state"] == "cancelled"
    assert main(["replay", "--cancel", replay]) == 0
    assert "is cancelled: 1 of 3 begun" in capsys.readouterr().out


def test_runs_what_succeeded_only_again(capsys: pytest.CaptureFixture[str], failed: list[str]) -> None:
    first = asked(capsys, *span(failed, 1), "--again", "--yes")
    eventually(lambda: asked(capsys, "replay", "--status", first["id"])["state"] == "done", 30)
    left = asked(capsys, *span(failed, 1), "--dry-run", code=3)
    assert [(item["now"], item["becomes"]) for item in left["items"]] == [("success", "leave")]
    second = asked(capsys, *span(failed, 1), "--again", "--new-key", "--only", "failed,skipped", "--yes")
    eventually(lambda: asked(capsys, "replay", "--status", second["id"])["state"] == "done", 30)
    [item] = asked(capsys, "replay", "--status", second["id"])["items"]
    assert item["idempotency_key"] is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("each-second",),
        ("each-second", "--from", "2026-01-01", "--until", "2026-01-02"),
        ("--from", "2026-01-01", "--until", "2026-01-02", *REASON),
        ("each-second", "--status", "one"),
        ("--status", "one", "--cancel", "one"),
        ("each-second", "--from", "yesterday", "--until", "2026-01-02", *REASON),
    ],
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert main(["replay", *arguments]) == 2
    assert capsys.readouterr().err


def test_errors_of_the_runner(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--status", "nothing"]) == 1
    assert 'there is no replay "nothing"' in capsys.readouterr().err
    assert main(["replay", "no-such-job", "--from", "2026-01-01", "--until", "2026-01-02", *REASON, "--yes"]) == 1
    assert "no-such-job" in capsys.readouterr().err
    assert main(["replay", "daily-backup", "--from", "2026-01-02", "--until", "2026-01-01", *REASON, "--yes"]) == 1
    assert '"from" is not before "until"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        ([], "JOB, --from, --until, --reason"),
        (["daily-backup", "--from", "2026-03-07", "--until", "2026-03-08"], "--reason"),
        (["daily-backup", "--reason", "x", "--until", "2026-03-08"], "--from"),
    ],
)
def test_a_replay_names_what_is_still_needed(
    capsys: pytest.CaptureFixture[str], arguments: list[str], absent: str
) -> None:
    assert main(["replay", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"error: a replay needs {absent} as well\n")
