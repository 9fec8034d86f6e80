"""``rollback --server`` and ``undo --server``: the runner makes the commit."""

import json
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import git

from chronos_gitops.cli.main import main


@pytest.fixture
def edit(jobs_repository: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A commit that moves the backup to four o'clock, made outside of the folder that the commands run in."""
    file = jobs_repository / "jobs/daily-backup.yaml"
    file.write_text(file.read_text().replace("0 2 * * *", "0 4 * * *"))
    git(jobs_repository, "commit", "--quiet", "--all", "--message", "Back up at four")
    assert main(["sync", "--wait", "--server", server]) == 0
    monkeypatch.chdir("/")
    return git(jobs_repository, "rev-parse", "HEAD").strip()


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    capsys.readouterr()
    assert main([*words, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_runner_undoes_and_rolls_back(
    capsys: pytest.CaptureFixture[str], server: str, edit: str, jobs_repository: Path
) -> None:
    where = ("--server", server)
    assert main(["undo", edit[:12], "--dry-run", *where]) == 0
    plan = capsys.readouterr().out
    assert '+schedule: "0 2 * * *"' in plan
    assert "The commit would say:" in plan
    assert git(jobs_repository, "rev-parse", "HEAD").strip() == edit

    undone = asked(capsys, "undo", edit, "--reason", "the night was better", *where)
    assert git(jobs_repository, "rev-parse", "HEAD").strip() == undone["commit"]
    assert "Chronos-Reason: the night was better" in git(jobs_repository, "log", "-1", "--format=%b")
    assert main(["undo", edit, *where]) == 0
    assert capsys.readouterr().out == f"what commit {edit[:12]} changed is what it was: nothing to do\n"

    assert main(["rollback", "daily-backup", edit[:10], "--reason", "four it is", *where]) == 0
    newest = git(jobs_repository, "rev-parse", "HEAD").strip()
    assert capsys.readouterr().out == f"commit {newest[:12]} reverts daily-backup; the runner applies it\n"
    assert git(jobs_repository, "log", "-1", "--format=%s").startswith("Roll back daily-backup to version")


def test_a_refusal_is_the_runners_own_sentence(capsys: pytest.CaptureFixture[str], server: str) -> None:
    assert main(["rollback", "daily-backup", "99", "--server", server]) == 1
    assert capsys.readouterr().err.startswith(
        'error: job "daily-backup" has no version "99"\nhint: it has versions 1 to'
    )
