"""``history``, ``show`` and ``rollback`` on a checkout, without a runner."""

import json
from pathlib import Path

import pytest
from harness.repositories.repository import Repository, job_text

from chronos_gitops.cli.main import main

NIGHTLY = "30 3 * * *"


@pytest.fixture
def checkout(tmp_path: Path) -> Repository:
    """The job one in two versions."""
    repository = Repository.init(tmp_path / "checkout")
    repository.write_job("one")
    repository.commit("Add one")
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit("Run one later\n\nThe backup takes longer now.")
    return repository


def run(checkout: Repository, command: str, *arguments: str) -> int:
    return main([command, *arguments, "--repo", str(checkout.root)])


def test_history_lists_versions_newest_first(checkout: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(checkout, "history", "one") == 0
    header, newest, oldest = capsys.readouterr().out.splitlines()
    assert header.split() == ["VERSION", "COMMIT", "DATE", "AUTHOR", "CHANGE", "MESSAGE"]
    assert newest.split()[:2] == ["2", checkout.head()[:12]]
    assert newest.endswith("Run one later")
    assert oldest.startswith("1 ")


def test_history_as_json_carries_what_the_api_carries(checkout: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(checkout, "history", "one", "--format", "json") == 0
    newest, oldest = json.loads(capsys.readouterr().out)["items"]
    assert (newest["version"], newest["commit"], newest["current"]) == (2, checkout.head(), True)
    assert newest["message"] == "Run one later\n\nThe backup takes longer now."
    assert (oldest["change"], oldest["current"], oldest["path"]) == ("created", False, "jobs/one.yaml")
    assert (oldest["author"], oldest["author_email"]) == ("Test Author", "author@example.com")


def test_a_commit_message_does_not_command_the_terminal(
    checkout: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.write_job("one")
    checkout.commit("\x1b[2J\x1b]0;owned\x07")
    assert run(checkout, "history", "one") == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(("reference", "schedule"), [((), NIGHTLY), (("1",), "0 2 * * *"), (("2",), NIGHTLY)])
def test_show_prints_the_file_as_it_was(
    checkout: Repository, capsysbinary: pytest.CaptureFixture[bytes], reference: tuple[str, ...], schedule: str
) -> None:
    assert run(checkout, "show", "one", *reference) == 0
    assert capsysbinary.readouterr().out == job_text("one", schedule=schedule).encode()


def test_show_of_a_deleted_job_says_where_it_still_is(checkout: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.write_job("two")
    checkout.remove("jobs/one.yaml")
    checkout.commit("Away")
    assert run(checkout, "show", "one") == 1
    assert "chronos-gitops show one 2" in capsys.readouterr().err
    assert run(checkout, "show", "one", "2") == 0


@pytest.mark.parametrize("command", ["history", "show"])
def test_an_unknown_job_gets_the_nearest_name(
    checkout: Repository, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    checkout.write_job("daily-backup")
    checkout.commit()
    assert run(checkout, command, "daily-bakcup") == 1
    assert 'did you mean "daily-backup"?' in capsys.readouterr().err


def test_an_unknown_version_names_those_there_are(checkout: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(checkout, "show", "one", "7") == 1
    assert "it has versions 1 to 2" in capsys.readouterr().err


def test_rollback_commits_as_the_person_at_the_keyboard(
    checkout: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(checkout, "rollback", "one", "1", "--reason", "too late") == 0
    assert f"commit {checkout.head()[:12]} is its version 3" in capsys.readouterr().out
    assert checkout.git("log", "-1", "--format=%an <%ae>") == "Test Author <author@example.com>"
    assert "Chronos-Reason: too late" in checkout.git("log", "-1", "--format=%B").splitlines()
    assert (checkout.root / "jobs/one.yaml").read_text() == job_text("one")
    assert checkout.git("status", "--porcelain") == ""


def test_a_dry_run_shows_the_change_and_writes_nothing(
    checkout: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    before = checkout.head()
    assert run(checkout, "rollback", "one", "1", "--dry-run") == 0
    out = capsys.readouterr().out
    assert '+schedule: "0 2 * * *"' in out
    assert "    Roll back one to version 1" in out
    assert checkout.head() == before


def test_rollback_as_json(checkout: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(checkout, "rollback", "one", "1", "--dry-run", "--format", "json") == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["changed"], planned["commit"], planned["dry_run"]) == (True, None, True)
    assert run(checkout, "rollback", "one", "1", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "job": "one",
        "version": 3,
        "restored_version": 1,
        "warnings": [],
        "commit": checkout.head(),
        "changed": True,
        "written_out": [],
        "rewritten": [],
    }


def test_the_same_content_is_no_commit(checkout: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    before = checkout.head()
    assert run(checkout, "rollback", "one", "2") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert checkout.head() == before


def test_a_dirty_file_is_refused(checkout: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.write("jobs/one.yaml", "mine")
    assert run(checkout, "rollback", "one", "1") == 1
    assert "jobs/one.yaml has uncommitted changes" in capsys.readouterr().err
    assert (checkout.root / "jobs/one.yaml").read_text() == "mine"


def test_an_invalid_version_is_refused_with_its_findings(
    checkout: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.write("jobs/one.yaml", "name: one\nschedule: whenever\n")
    checkout.commit("Broken")
    checkout.write_job("one")
    checkout.commit("Mended")
    assert run(checkout, "rollback", "one", "3") == 1
    err = capsys.readouterr().err
    assert "jobs/one.yaml:2:" in err
    assert "does not pass today's validation" in err


def test_a_bare_repository_has_a_history_and_nothing_to_roll_back_in(
    checkout: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = checkout.bare(tmp_path / "server.git")
    assert run(bare, "history", "one") == 0
    assert run(bare, "rollback", "one", "1") == 2
    assert "ask a runner" in capsys.readouterr().err


@pytest.mark.parametrize("command", [("history", "one"), ("show", "one"), ("rollback", "one", "1")])
def test_outside_a_repository_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    assert main([*command, "--repo", str(tmp_path)]) == 2
    assert "not in a git repository" in capsys.readouterr().err


FR = "closed:\n  - {date: 12-25, reason: Christmas}\n"


@pytest.fixture
def with_calendar(tmp_path: Path) -> Repository:
    """A job, its calendar, an edit that moves a run, and one of a comment."""
    repository = Repository.init(tmp_path / "calendars")
    repository.write("jobs/_calendars/fr.yaml", FR)
    repository.write("jobs/one.yaml", job_text("one") + "skip: [fr]\n")
    repository.commit("Add one")
    repository.write("jobs/_calendars/fr.yaml", FR + "  - {date: 12-26, reason: Boxing day}\n")
    repository.commit("Close Boxing day")
    repository.write("jobs/_calendars/fr.yaml", "# reviewed\n" + FR + "  - {date: 12-26, reason: Boxing day}\n")
    repository.commit("Review the holidays")
    return repository


def test_history_of_a_calendar(with_calendar: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(with_calendar, "history", "--calendar", "fr") == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["VERSION", "COMMIT", "DATE", "AUTHOR", "CHANGE", "ENTRIES", "MESSAGE"]
    assert [row.split()[0] for row in rows] == ["3", "2", "1"]
    assert "+1 -0  Close Boxing day" in " ".join(rows[1].split()).replace("+1 -0 Close", "+1 -0  Close")
    assert run(with_calendar, "history", "--calendar", "fr", "--format", "json") == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [one["entries_added"] for one in items] == [
        [],
        ["closed 12-26 (Boxing day)"],
        ["closed 12-25 (Christmas)"],
    ]


def test_history_of_a_job_has_lines_of_calendars_that_moved_a_run(
    with_calendar: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(with_calendar, "history", "one") == 0
    _, *rows = capsys.readouterr().out.splitlines()
    said = [(row.split()[0], "calendar fr" in row, row.split("  ")[-1].strip()) for row in rows]
    assert ("1", False, "Add one") in said
    assert ("-", True, "Close Boxing day") in said
    assert "Review the holidays" not in {subject for _, _, subject in said}
    assert run(with_calendar, "history", "one", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["version"] for one in found["items"]] == [1]
    assert "Close Boxing day" in {one["message"] for one in found["calendars"]}


def test_history_takes_a_job_or_a_calendar(with_calendar: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(with_calendar, "history", "one", "--calendar", "fr") == 2
    assert run(with_calendar, "history") == 2
    assert run(with_calendar, "history", "--calendar", "fi") == 1
    assert 'no calendar "fi" in the history' in capsys.readouterr().err
