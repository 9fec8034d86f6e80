"""``undo COMMIT``: what one commit changed goes back, from the command line."""

import json
from pathlib import Path

import pytest
from harness.repositories.repository import Repository

from chronos_gitops.cli.main import main

TOP = "jobs/_defaults.yaml"


@pytest.fixture
def made(repository: Repository) -> str:
    """A commit that changed a layer and a job."""
    repository.write(TOP, "timeout: 1m\n")
    repository.commit("One minute")
    repository.write(TOP, "timeout: 2m\n")
    repository.write_job("one", schedule="@hourly")
    return repository.commit("Two minutes")


def test_a_dry_run_shows_the_commit_and_writes_nothing(
    repository: Repository, made: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["undo", made[:10], "--repo", str(repository.root), "--dry-run"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "-timeout: 2m\n+timeout: 1m\n" in text
    assert f"It would undo {made[:12]}: 2 jobs; files: {TOP}" in text
    assert main([*words, "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["layers"], [one["job"] for one in answer["jobs"]]) == ([TOP], ["one", "two"])
    assert (answer["changed"], answer["commit"], repository.head()) == (True, None, made)


@pytest.mark.parametrize("name", ["HEAD", "HEAD~0", "main", "@"])
def test_a_commit_has_names_besides_its_digits(
    repository: Repository, made: str, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["undo", name, "--repo", str(repository.root), "--dry-run"]) == 0
    assert f"It would undo {made[:12]}: 2 jobs" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["nowhere", "--output=x"])
def test_a_name_of_no_commit_is_refused(repository: Repository, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["undo", "--repo", str(repository.root), "--", name]) == 1
    assert f'no commit "{name}" of the followed branch' in capsys.readouterr().err


def test_the_files_go_back_in_one_commit_and_a_second_undo_has_nothing_to_do(
    repository: Repository, made: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["undo", made, "--repo", str(repository.root), "--reason", "too slow"]
    assert main(words) == 0
    assert capsys.readouterr().out == f"commit {repository.head()[:12]} undoes {made[:12]}: 2 jobs; files: {TOP}\n"
    assert repository.git("rev-parse", "HEAD^{tree}") == repository.git("rev-parse", f"{made}~1^{{tree}}")
    assert "Chronos-Reason: too slow" in repository.git("log", "-1", "--format=%B")
    assert (repository.root / TOP).read_text() == "timeout: 1m\n"
    assert main(words) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_a_file_that_changed_since_refuses_all_of_it(
    repository: Repository, made: str, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.write_job("one", schedule="@daily")
    head = repository.commit("Again")
    assert main(["undo", made, "--repo", str(repository.root)]) == 1
    assert "changed again since that commit: one" in capsys.readouterr().err
    assert repository.head() == head


@pytest.mark.parametrize("words", [["undo", "HEAD"], ["rollback", "one", "1"]])
def test_a_commit_made_in_a_clone_says_how_to_push_it(
    repository: Repository, made: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    clone = repository.clone(tmp_path / "clone")
    asked = [*words, "--repo", str(clone.root)]
    assert main(asked) == 0
    assert capsys.readouterr().out.endswith("\nIt is not pushed yet. Push it: git push\n")
    clone.git("reset", "--quiet", "--hard", made)
    assert main([*asked, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["push"] == "git push"
    clone.git("checkout", "--quiet", "-b", "night", made)
    assert main(asked) == 0
    assert "Push it: git push origin night" in capsys.readouterr().out
    clone.git("checkout", "--quiet", "main")
    clone.git("reset", "--quiet", "--hard", made)
    assert main([*asked[:-2], "--dry-run", *asked[-2:]]) == 0
    assert "Push it" not in capsys.readouterr().out, "nothing was made"


@pytest.mark.parametrize(
    "words", [["undo", "HEAD"], ["rollback", "one", "1"], ["history", "one"], ["show", "one"], ["plan"]]
)
def test_outside_of_a_repository_the_way_out_is_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path} is not in a git repository\nhint: run the command in a checkout, or name one with --repo\n"
    )
