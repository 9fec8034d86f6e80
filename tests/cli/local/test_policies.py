"""Policies in ``validate`` and ``plan``, on a real repository."""

import json
import subprocess
from pathlib import Path

import pytest

from chronos_gitops.cli.main import main

JOB = """\
name: {name}
schedule: "0 2 * * *"
enabled: true
timeout: 1m
webhook: {{url: "https://api.example.com/{name}"}}
"""
POLICY = "select: {folder: jobs/pay}\nrules:\n  - {id: owner, tags: [owner]}\n"
SPACED = "rules:\n  - {id: pace, min_interval: 25h}\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two jobs in ``jobs/pay``, one in ``jobs/web``, and no policy yet."""
    root = tmp_path / "checkout"
    for path in ("pay/one-job", "pay/two-job", "web/web-job"):
        file = root / f"jobs/{path}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(JOB.format(name=file.stem))
    (root / "jobs/_policies").mkdir()
    subprocess.run(["git", "init", "-q", "--initial-branch", "main"], cwd=root, check=True)
    subprocess.run(["git", "add", "--all"], cwd=root, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "Begin"], cwd=root, check=True)
    monkeypatch.chdir(root)
    return root


def findings(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[tuple[str, str | None]]:
    main(["validate", *arguments, "--format", "json"])
    problems = json.loads(capsys.readouterr().out)["problems"]
    return [(problem["file"].rpartition("/")[2], problem["policy"]) for problem in problems]


@pytest.mark.parametrize("arguments", [[], ["jobs"], ["ABSOLUTE/jobs"], ["jobs/_policies/team.yaml"]])
def test_folder_of_a_policy_is_one_of_the_repository_however_files_are_named(
    checkout: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    (checkout / "jobs/_policies/team.yaml").write_text(POLICY)
    named = [argument.replace("ABSOLUTE", str(checkout)) for argument in arguments]
    assert findings(capsys, *named) == [("one-job.yaml", "team/owner"), ("two-job.yaml", "team/owner")]


def test_folder_holds_from_inside_the_jobs_folder(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "jobs/_policies/team.yaml").write_text(POLICY)
    monkeypatch.chdir(checkout / "jobs/pay")
    assert findings(capsys) == [("one-job.yaml", "team/owner"), ("two-job.yaml", "team/owner")]


def test_validate_judges_the_pace(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "jobs/_policies/team.yaml").write_text(SPACED)
    assert [policy for _, policy in findings(capsys)] == ["team/pace"] * 3


def test_plan_counts_the_jobs_that_a_policy_would_refuse(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "jobs/_policies/team.yaml").write_text(POLICY)
    (checkout / "jobs/pay/one-job.yaml").write_text(JOB.format(name="one-job").replace("0 2", "0 3"))
    (checkout / "jobs/web/web-job.yaml").write_text(JOB.format(name="web-job").replace("0 2", "0 4"))
    assert main(["plan", "--format", "json"]) == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert document["refused"] == [
        {"policy": "team/owner", "jobs": ["one-job", "two-job"], "new": ["one-job", "two-job"]}
    ]
    assert [change["job"] for change in document["changes"]] == ["web-job"]


@pytest.mark.parametrize("style", ["text", "markdown", "json"])
def test_plan_of_a_new_policy_is_a_change_in_every_format(
    checkout: Path, capsys: pytest.CaptureFixture[str], style: str
) -> None:
    (checkout / "jobs/_policies/team.yaml").write_text(POLICY)
    assert main(["plan", "--format", style, "--exit-code"]) == 1
    shown = capsys.readouterr().out
    if style == "json":
        assert [one["job"] for one in json.loads(shown)["invalid"]] == ["one-job", "two-job"]
    else:
        assert "no changes" not in shown
        assert ": 2 become invalid\n" in shown
        assert "2 jobs would be refused by team/owner\n" in shown.replace("- 2", "2")
        assert "one-job, two-job" in shown


def test_plan_counts_only_jobs_that_a_change_makes_invalid(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "jobs/_policies/team.yaml").write_text(POLICY)
    subprocess.run(["git", "add", "--all"], cwd=checkout, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "Refuse two jobs"], cwd=checkout, check=True)
    assert main(["plan", "--exit-code"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Plan HEAD..worktree: no changes\n")
    assert "2 jobs would be refused by team/owner; 2 of them are invalid already\n" in shown
    (checkout / "jobs/pay/one-job.yaml").rename(checkout / "jobs/pay/moved.yaml")
    assert main(["plan", "--exit-code"]) == 0, "it was invalid at its former place"
    (checkout / "jobs/pay/new-job.yaml").write_text(JOB.format(name="new-job"))
    assert main(["plan", "--exit-code"]) == 1
    assert "3 jobs would be refused by team/owner; 2 of them are invalid already\n" in capsys.readouterr().out
