"""``undo COMMIT``: what one commit changed goes back, from the command line."""

import json

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
