"""``preflight`` against a real runner: what it prints, and its exit codes."""

import json
from pathlib import Path

import pytest

from chronos_gitops.cli.main import main

KEYED = """\
name: keyed
schedule: "0 3 * * *"
enabled: true
webhook: {url: "http://127.0.0.1:9/", headers: {X-Key: "${secret:key}"}}
"""


@pytest.fixture(scope="module")
def jobs_repository(jobs_repository: Path) -> Path:
    """With a job whose secret has no value."""
    (jobs_repository / "jobs/keyed.yaml").write_text(KEYED)
    return jobs_repository


@pytest.fixture(autouse=True)
def _asks_the_server(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRONOS_SERVER", server)


def test_failures_and_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "--within", "24h"]) == 1
    header, row, _, summary = capsys.readouterr().out.splitlines()
    assert header.split() == ["JOB", "SCHEDULED", "CHECK", "RESULT", "DETAIL"]
    assert row.split()[:1] + row.split()[2:4] == ["keyed", "secret", "fail"]
    assert row.endswith("${secret:key} has no value (set CHRONOS_SECRET_KEY)")
    assert summary.split(" of ")[1] in ("2 jobs pass", "3 jobs pass")  # the weekly one is due on Saturdays


def test_jobs_that_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "daily-backup"]) == 0
    assert capsys.readouterr().out == "1 of 1 job passes\n"


def test_json_has_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "keyed", "--format", "json"]) == 1
    items = json.loads(capsys.readouterr().out)["items"]
    assert [item["result"] for item in items] == ["fail", "not_run", "not_run", "not_run"]


def test_no_job_is_due(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "yearly-review", "--within", "1m"]) == 3
    assert capsys.readouterr().out == "no job is due within 1m\n"


@pytest.mark.parametrize("within", ["30s", "169h", "soon"])
def test_a_window_that_cannot_be(within: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "--within", within]) == 2
    assert f'"{within}" is not a duration from 1m to 168h' in capsys.readouterr().err


def test_an_unknown_job_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "daily-backup", "nightly-bakcup"]) == 2
    assert 'there is no job "nightly-bakcup"' in capsys.readouterr().err.replace("There", "there")
