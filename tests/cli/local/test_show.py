"""``show --effective`` on a checkout: the job that its file and the layers above it make."""

from pathlib import Path

import pytest
from harness.repositories.repository import Repository, job_text

from chronos_gitops.cli.main import main


@pytest.fixture
def checkout(tmp_path: Path) -> Repository:
    """The job one in two versions, and a layer that changed with the second."""
    repository = Repository.init(tmp_path / "checkout")
    repository.write("jobs/_defaults.yaml", "jitter: 7s\n")
    repository.write_job("one")
    repository.commit("Add one")
    repository.write("jobs/_defaults.yaml", "# Less.\njitter: 3s\n")
    repository.write_job("one", schedule="30 3 * * *")
    repository.commit("Run one later")
    return repository


def effective(checkout: Repository, *arguments: str) -> int:
    return main(["show", "one", *arguments, "--effective", "--repo", str(checkout.root)])


def line(shown: str, key: str) -> list[str]:
    return next(one.split() for one in shown.splitlines() if one.startswith(f"{key}:"))


@pytest.mark.parametrize(("reference", "jitter", "number"), [((), "3s", 2), (("2",), "3s", 2), (("1",), "7s", 1)])
def test_a_version_has_the_layers_of_its_commit(
    checkout: Repository, capsys: pytest.CaptureFixture[str], reference: tuple[str, ...], jitter: str, number: int
) -> None:
    assert effective(checkout, *reference) == 0
    assert line(capsys.readouterr().out, "jitter") == ["jitter:", jitter, "#", f"jobs/_defaults.yaml:{number}"]


def test_without_a_version_it_is_what_the_files_on_disk_make(
    checkout: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.write("jobs/_defaults.yaml", "jitter: 9s\n")
    assert effective(checkout) == 0
    assert line(capsys.readouterr().out, "jitter")[1] == "9s"
    bare = checkout.bare(tmp_path / "bare")
    assert effective(bare) == 0
    assert line(capsys.readouterr().out, "jitter")[1] == "3s"


def test_an_environment_has_to_be_named_where_some_are_declared(
    checkout: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.write("jobs/_environments/staging.yaml", "timezone: Asia/Tokyo\n")
    checkout.write("jobs/_environments/production.yaml", "")
    assert effective(checkout) == 2
    assert "--environment production or staging" in capsys.readouterr().err
    assert effective(checkout, "--environment", "prod") == 2
    assert '"prod" is not a declared environment' in capsys.readouterr().err
    assert effective(checkout, "--environment", "staging") == 0
    shown = capsys.readouterr().out
    assert line(shown, "timezone") == ["timezone:", "Asia/Tokyo", "#", "jobs/_environments/staging.yaml:1"]
    assert effective(checkout, "--environment", "production") == 0
    assert line(capsys.readouterr().out, "timezone") == ["timezone:", "UTC", "#", "built", "in"]
    assert main(["show", "one", "--environment", "staging", "--repo", str(checkout.root)]) == 2
    assert "--effective" in capsys.readouterr().err


def test_the_output_takes_the_place_of_file_and_layers(
    checkout: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert effective(checkout) == 0
    shown = capsys.readouterr().out
    alone = Repository.init(tmp_path / "alone")
    alone.write("jobs/one.yaml", shown)
    assert effective(alone) == 0
    again = capsys.readouterr().out
    assert [one.split("  #")[0] for one in again.splitlines()] == [one.split("  #")[0] for one in shown.splitlines()]
    assert main(["validate", str(alone.root / "jobs")]) == 0


def test_a_job_that_cannot_be_made_says_where_its_error_is(
    checkout: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.write("jobs/_defaults.yaml", "jitter: soon\n")
    assert effective(checkout) == 1
    assert "jobs/_defaults.yaml:1:9" in capsys.readouterr().err
    checkout.remove("jobs/one.yaml")
    checkout.write("jobs/two.yaml", job_text("two"))
    assert effective(checkout) == 1
    assert 'there is no job "one"' in capsys.readouterr().err


def test_times_are_shown_for_the_next_run(checkout: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    """The next run of this schedule is always on the first of a year."""
    text = job_text("one", schedule="0 2 1 1 *").replace("/one", "/${var:day}")
    checkout.write("jobs/one.yaml", text + "variables: {day: {time: scheduled, format: '%d.%m.'}}\n")
    assert effective(checkout) == 0
    [day] = [one for one in capsys.readouterr().out.splitlines() if one.startswith("  day:")]
    assert day.split("#")[1].strip() == "jobs/one.yaml:6, 01.01. in the next run"
    assert main(["validate", str(checkout.root / "jobs")]) == 0
