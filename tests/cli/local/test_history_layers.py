"""``history`` and ``show JOB n --effective`` of jobs with layers."""

import json
from pathlib import Path

import pytest
from harness.repositories.layered_histories import import_commits
from harness.repositories.repository import Repository, job_text

from chronos_gitops.cli.main import main

STAGING, PRODUCTION = "jobs/_environments/staging.yaml", "jobs/_environments/production.yaml"


@pytest.fixture
def layered(tmp_path: Path) -> str:
    repository = Repository.init(tmp_path / "checkout")
    commits = [
        {"jobs/one.yaml": job_text("one"), STAGING: "timeout: 1s\n", PRODUCTION: ""},
        {STAGING: "timeout: 2s\n"},
        {PRODUCTION: "timeout: 3s\n"},
    ]
    import_commits(repository, commits)
    repository.git("reset", "--quiet", "--hard", "main")
    return str(repository.root)


def test_history_names_environments_and_counts_in_one(layered: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["history", "one", "--repo", layered, "--environment"]
    assert main(words[:-1]) == 0
    text = capsys.readouterr().out
    assert [line.split()[4:6] for line in text.splitlines()] == [
        ["CHANGE", "ENVIRONMENTS"],
        ["inherited", "production"],
        ["inherited", "staging"],
        ["created", "production,"],
    ]
    assert main([*words, "staging", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [(one["version"], one["environments"], one["files"], one["current"]) for one in answer["items"]] == [
        (2, ["staging"], [STAGING], True),
        (1, ["production", "staging"], ["jobs/one.yaml", PRODUCTION, STAGING], False),
    ]
    assert main([*words, "stagin"]) == 2


@pytest.mark.parametrize(("version", "timeout"), [("1", "1s"), ("2", "2s"), ("3", "2s")])
def test_show_effective_is_the_job_of_that_version(
    layered: str, version: str, timeout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["show", "one", version, "--effective", "--environment", "staging", "--repo", layered]
    assert main(words) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("timeout"))
    assert line.split() == ["timeout:", timeout, "#", f"{STAGING}:1"]
