"""``history --against``: how the executions of each version ended, from a real runner."""

import json
from pathlib import Path

import pytest

from chronos_gitops.cli.main import main


def test_history_shows_what_the_runner_counted(
    server: str, jobs_repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["history", "weekly-report", "--repo", str(jobs_repository), "--against", server]
    assert main([*arguments, "--format", "json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert items
    assert all(item["executions"] is None or item["executions"]["complete"] for item in items)
    assert main(arguments) == 0
    header = capsys.readouterr().out.splitlines()[0]
    assert header.split() == ["VERSION", "COMMIT", "DATE", "AUTHOR", "CHANGE", "RUNS", "MESSAGE"]


def test_a_runner_that_is_away_is_an_error(jobs_repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    away = "http://127.0.0.1:9"
    assert main(["history", "weekly-report", "--repo", str(jobs_repository), "--against", away]) == 1
    assert "no runner answers at http://127.0.0.1:9" in capsys.readouterr().err
