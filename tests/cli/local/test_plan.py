"""The plan of a change, on a real repository."""

import json
import subprocess
from pathlib import Path

import pytest

from chronos_gitops.cli.main import main

JOB = """\
name: {name}
schedule: "{schedule}"
enabled: true
webhook:
  url: https://api.example.com/{name}
timeout: 5m
"""
AT = ("--after", "2026-01-01")


class Checkout:
    """A repository with two jobs in one commit."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet", "--initial-branch", "main")
        self.write("daily-backup", "0 2 * * *")
        self.write("weekly-report", "@weekly")
        self.commit()

    def git(self, *arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True).stdout

    def write(self, name: str, schedule: str) -> None:
        (self.root / "jobs").mkdir(exist_ok=True)
        (self.root / f"jobs/{name}.yaml").write_text(JOB.format(name=name, schedule=schedule))

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")

    def plan(self, *arguments: str) -> int:
        return main(["plan", *arguments, "--repo", str(self.root), *AT])


def test_what_a_branch_vouches_for_is_listed(checkout: "Checkout", capsys: pytest.CaptureFixture[str]) -> None:
    checkout.git("switch", "--quiet", "-c", "fix")
    checkout.write("daily-backup", "0 3 * * *")
    checkout.commit()
    vouched = checkout.git("rev-parse", "HEAD").strip()
    elsewhere = checkout.git("rev-parse", "main").strip()
    trailers = f"Chronos-Vouch: {vouched}\nChronos-Vouch: {elsewhere}"
    checkout.git("commit", "--quiet", "--allow-empty", "--message", f"Review it\n\n{trailers}")
    reviewed = checkout.git("rev-parse", "HEAD").strip()
    assert checkout.plan("main", "fix") == 0
    text = capsys.readouterr().out
    assert f"  {vouched[:12]} by Test Author, vouched for by Test Author in {reviewed[:12]}\n" in text
    assert elsewhere[:12] not in text.partition("Vouched for")[2]
    assert checkout.plan("main", "--format", "json") == 0
    expected = {"commit": vouched, "author": "Test Author", "vouched_in": reviewed, "reviewer": "Test Author"}
    assert json.loads(capsys.readouterr().out)["vouched"] == [expected]
    assert checkout.plan("main", "fix", "--format", "markdown") == 0
    assert f"> - {vouched[:12]} by Test Author" in capsys.readouterr().out
    assert checkout.plan("HEAD") == 0
    assert "Vouched for" not in capsys.readouterr().out


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    (tmp_path / "repo").mkdir()
    return Checkout(tmp_path / "repo")


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_nothing_changed_is_zero_also_with_exit_code(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    assert checkout.plan("--exit-code") == 0
    assert capsys.readouterr().out.startswith("Plan HEAD..worktree: no changes\n")


def test_what_is_not_committed_yet(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.write("daily-backup", "0 3 * * *")
    checkout.write("new-one", "@hourly")
    assert checkout.plan() == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Plan HEAD..worktree: 1 to add, 1 to change\n")
    assert '"0 2 * * *" -> "0 3 * * *"' in shown
    assert "2026-01-01T03:00:00Z" in shown


def test_exit_code_is_one_when_something_changes(checkout: Checkout) -> None:
    checkout.write("new-one", "@hourly")
    assert checkout.plan("--exit-code") == 1


def test_two_commits_as_json(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.git("mv", "jobs/weekly-report.yaml", "jobs/report.yaml")
    checkout.commit()
    assert checkout.plan("HEAD~1", "main", "--format", "json") == 0
    found = document(capsys)
    assert (found["base"], found["head"]) == ("HEAD~1", "main")
    changes = found["changes"]
    assert isinstance(changes, list)
    assert [(one["job"], one["operation"]) for one in changes] == [("weekly-report", "moved")]


def test_markdown_for_a_pull_request(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.write("daily-backup", "0 3 * * *")
    assert checkout.plan("--format", "markdown") == 0
    assert capsys.readouterr().out.startswith("<!-- chronos-gitops:plan -->")


@pytest.mark.parametrize("style", ["text", "json", "markdown"])
def test_an_edit_that_makes_a_job_invalid_is_a_change(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], style: str
) -> None:
    checkout.write("daily-backup", "0 25 * * *")
    assert checkout.plan("--exit-code", "--format", style) == 1
    captured = capsys.readouterr()
    if style == "json":
        assert [one["job"] for one in json.loads(captured.out)["invalid"]] == ["daily-backup"]
    else:
        assert ": 1 becomes invalid\n" in captured.out
        assert "1 new or edited file is invalid" in captured.out
        assert "daily-backup: jobs/daily-backup.yaml:2:11: error" in captured.out
        assert "hour 25 is out of range" in captured.out
    assert captured.err.startswith("jobs/daily-backup.yaml:2:")
    assert "a runner would keep what it runs for 1 invalid file\n" in captured.err


def test_a_new_file_that_is_invalid_is_named_and_one_that_stays_invalid_is_none(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.write("second", "0 25 * * *")
    assert checkout.plan("--exit-code") == 1
    assert "1 new or edited file is invalid\n      ! second: jobs/second.yaml:2:11: " in capsys.readouterr().out
    checkout.commit()
    checkout.write("second", "0 26 * * *")
    assert checkout.plan("--exit-code") == 0
    assert "no changes" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_at_all_removes_nothing(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout.root / "jobs/daily-backup.yaml").write_text("[\n")
    assert checkout.plan("--exit-code") == 1
    shown = capsys.readouterr().out
    assert shown.startswith("Plan HEAD..worktree: 1 becomes invalid\n")
    assert "remove" not in shown


def test_everything_is_new_before_the_first_commit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "fresh"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    (root / "jobs").mkdir()
    (root / "jobs/a.yaml").write_text(JOB.format(name="a", schedule="@daily"))
    assert main(["plan", "--repo", str(root)]) == 0
    assert "1 to add" in capsys.readouterr().out


def test_everything_is_new_where_the_base_had_no_jobs_folder(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.git("mv", "jobs", "cron")
    checkout.commit()
    assert checkout.plan("HEAD~1", "HEAD", "--jobs", "cron") == 0
    assert "2 to add" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no-such-branch",), 'error: there is no commit "no-such-branch"'),
        (("--jobs", "elsewhere"), 'error: there is no folder "elsewhere"'),
        (("--formt", "json"), "error: No such option"),
        (("--against", "http://127.0.0.1:1"), "error: no runner answers at http://127.0.0.1:1"),
    ],
)
def test_what_is_not_there_never_looks_like_changes(
    arguments: tuple[str, ...], message: str, checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checkout.plan(*arguments, "--exit-code") == 2
    assert capsys.readouterr().err.startswith(message)


@pytest.fixture
def branches(checkout: Checkout) -> Checkout:
    """Main has gone on with one job, and work, which is checked out, with another one."""
    checkout.git("switch", "--quiet", "--create", "work")
    checkout.write("from-work", "@daily")
    checkout.commit()
    checkout.git("switch", "--quiet", "main")
    checkout.write("from-main", "@daily")
    checkout.commit()
    checkout.git("switch", "--quiet", "work")
    return checkout


def changed(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    changes = document(capsys)["changes"]
    assert isinstance(changes, list)
    return [(change["operation"], change["job"]) for change in changes]


@pytest.mark.parametrize("head", [("work",), ()])
def test_what_the_base_got_meanwhile_does_not_look_removed(
    branches: Checkout, capsys: pytest.CaptureFixture[str], head: tuple[str, ...]
) -> None:
    assert branches.plan("main", *head, "--format", "json") == 0
    assert changed(capsys) == [("added", "from-work")]


def test_two_branches_are_compared_as_merging_would_leave_them(
    branches: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    before = branches.git("status", "--porcelain"), branches.git("for-each-ref")
    assert branches.plan("main", "work") == 0
    main_commit, work = (branches.git("rev-parse", name).strip()[:12] for name in ("main", "work"))
    assert f"What merging work ({work}) into main ({main_commit}) gives." in capsys.readouterr().out
    assert (branches.git("status", "--porcelain"), branches.git("for-each-ref")) == before


@pytest.mark.parametrize("head", [("work",), ()])
def test_direct_compares_the_two_as_they_are(
    branches: Checkout, capsys: pytest.CaptureFixture[str], head: tuple[str, ...]
) -> None:
    assert branches.plan("main", *head, "--direct", "--format", "json") == 0
    assert changed(capsys) == [("removed", "from-main"), ("added", "from-work")]


def test_a_merge_that_conflicts_shows_what_the_branch_does(
    branches: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    branches.write("from-main", "@weekly")
    branches.commit()
    assert branches.plan("main", "work") == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("note: merging them conflicts in jobs/from-main.yaml; this is what the branch does")
    assert "2 to add" in captured.out


def test_branches_without_a_common_commit_are_compared_as_they_are(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.git("switch", "--quiet", "--orphan", "other")
    checkout.write("daily-backup", "0 2 * * *")
    checkout.commit()
    assert checkout.plan("main", "other", "--format", "json") == 0
    captured = capsys.readouterr()
    assert "have no commit in common" in captured.err
    assert [change["job"] for change in json.loads(captured.out)["changes"]] == ["weekly-report"]


def test_going_back_is_a_plan_too(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.write("new-one", "@daily")
    checkout.commit()
    assert checkout.plan("HEAD", "HEAD~1", "--format", "json") == 0
    assert changed(capsys) == [("removed", "new-one")]


@pytest.mark.parametrize("is_committed", [True, False])
def test_what_chronosignore_names_is_no_job(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], is_committed: bool
) -> None:
    checkout.write("new-one", "@daily")
    checkout.write("new-two", "@daily")
    (checkout.root / "jobs/.chronosignore").write_text("*-two.yaml\n")
    if is_committed:
        checkout.commit()
    assert checkout.plan(*(("HEAD~1", "HEAD") if is_committed else ()), "--format", "json") == 0
    assert changed(capsys) == [("added", "new-one")]


def test_against_asks_the_runner_what_is_paused_and_what_it_applied(
    server: str, jobs_repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", str(jobs_repository), str(copy)], check=True)
    file = copy / "jobs/weekly-report.yaml"
    file.write_text(file.read_text().replace("@weekly", "@daily"))
    assert main(["pause", "weekly-report", "--reason", "the disk is full", "--server", server]) == 0
    capsys.readouterr()
    try:
        assert main(["plan", "--repo", str(copy), "--against", server, "--format", "json"]) == 0
        found = document(capsys)
    finally:
        main(["resume", "weekly-report", "--server", server])
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=copy, check=True, capture_output=True, text=True).stdout
    assert found["server"] == {"applied": head.strip()}
    assert isinstance(found["changes"], list)
    assert found["changes"][0]["flags"] == [
        {"kind": "paused", "message": "it is paused on the server: the disk is full"}
    ]


def test_times_are_shown_for_the_next_run(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    text = JOB.format(name="daily-backup", schedule="0 2 * * *").replace("/daily-backup", "/${var:day}")
    (checkout.root / "jobs/daily-backup.yaml").write_text(
        text + "variables: {day: {time: scheduled, shift: -1d, format: date}}\n"
    )
    assert checkout.plan() == 0
    assert "      day in the next run: 2025-12-31\n" in capsys.readouterr().out
    assert checkout.plan("--format", "json") == 0
    [change] = json.loads(capsys.readouterr().out)["changes"]
    assert change["runs_after"]["variables"] == {"day": "2025-12-31"}


def test_jobs_of_a_submodule_are_planned_in_the_submodule(
    checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The outer repository has no content of it, so each job would look new."""
    (tmp_path / "outer").mkdir()
    outer = Checkout(tmp_path / "outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(checkout.root), "inner")
    outer.git("commit", "--quiet", "--message", "Add a submodule")
    assert outer.plan("--jobs", "inner/jobs") == 2
    said = capsys.readouterr().err
    assert "inner is a repository of its own, such as a submodule" in said
    assert "hint: run the command in it" in said
    assert main(["plan", "--repo", str(outer.root / "inner"), *AT]) == 0
    assert "no changes" in capsys.readouterr().out
