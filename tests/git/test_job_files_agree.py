"""One answer to "which file is a job": ``validate``, ``plan``, both ways to follow, versions and rollback give it."""

import json
import os
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository, job_text

from chronos_gitops.cli.main import main
from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import discover
from chronos_gitops.versions.history import History

SAID = (
    ("a.yaml", True),
    ("deep/down/b.yml", True),
    (".dot.yaml", False),
    (".hidden/h.yaml", False),
    ("deep/.hidden/down/h.yaml", False),
    (".github/workflows/ci.yml", False),
    ("#tmp.yaml", False),
    ("#tmp.yaml#", False),
    ("back.yaml~", False),
    (".swap.yaml.swp", False),
    ("swap.yaml.swp", False),
    ("UP.YAML", False),
    ("Up.Yml", False),
    ("left-out.yaml", False),
    ("drafts/d.yaml", False),
    ("notes.txt", False),
)
IGNORED = "left-out.yaml\ndrafts/\n"


def name_of(number: int) -> str:
    return f"job-{number}"


@pytest.fixture(params=["jobs", "config/jobs", "."])
def jobs(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def mixed(tmp_path: Path, jobs: str) -> Repository:
    """A valid job of another name in every file, whatever the file is called, and one 200 folders deep."""
    repository = Repository.init(tmp_path / "checkout")
    for number, (path, _) in enumerate(SAID):
        repository.write_job(name_of(number), path=f"{jobs}/{path}")
    repository.write_job("job-deep", path=f"{jobs}/{'d/' * 200}deep.yaml")
    repository.write(f"{jobs}/.chronosignore", IGNORED)
    repository.commit("Files of every name")
    return repository


EXPECTED = sorted(["job-deep", *(name_of(number) for number, (_, is_job) in enumerate(SAID) if is_job)])


@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_the_runner_runs_the_job_files_and_complains_of_no_other(
    mixed: Repository, follow: Follow, jobs: str, mode: str
) -> None:
    following = follow(mixed.root, mode=mode, jobs=jobs)
    assert sorted(following.names) == EXPECTED
    assert following.follower.status().state == "synced"
    assert not [problem for problem in following.follower.status().problems if problem.severity == "error"]


def test_validate_judges_the_job_files(
    mixed: Repository, jobs: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(mixed.root)
    assert main(["validate", "--jobs", jobs, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == len(EXPECTED)


@pytest.mark.parametrize("side", ["HEAD", None])
def test_plan_compares_the_job_files(
    mixed: Repository, jobs: str, side: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed.git("commit", "--quiet", "--allow-empty", "-m", "x")
    mixed.git("checkout", "--quiet", "--orphan", "empty")
    mixed.git("rm", "-r", "--quiet", "--cached", ".")
    mixed.git("commit", "--quiet", "--allow-empty", "-m", "Nothing yet")
    head = ["main", "--direct"] if side else []
    assert main(["plan", "empty", *head, "--repo", str(mixed.root), "--jobs", jobs, "--format", "json"]) == 0
    assert sorted(one["job"] for one in json.loads(capsys.readouterr().out)["changes"]) == EXPECTED


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("jobs/UP.YAML", "the name of a job file ends in .yaml or .yml, in lower case"),
        ("jobs/Up.Yml", "the name of a job file ends in .yaml or .yml, in lower case"),
        ("jobs/.dot.yaml", "files and folders whose name begins with a dot are not read"),
        ("jobs/.hidden/h.yaml", "files and folders whose name begins with a dot are not read"),
        ("jobs/#tmp.yaml", "a name that begins with # is an editor's temporary file"),
    ],
)
def test_a_file_named_on_the_command_line_gets_its_true_sentence(
    tmp_path: Path, named: str, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Repository(tmp_path).write_job("one", path=named)
    monkeypatch.chdir(tmp_path)
    assert main(["validate", named]) == 2
    assert f"{named} is not a job file: {reason}" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["link", "parent-link"])
def test_a_jobs_folder_that_is_a_link_is_called_one_everywhere(
    repository: Repository,
    follow: Follow,
    tmp_path: Path,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository.git("mv", "jobs", "moved")
    jobs = "jobs" if how == "link" else "config/jobs"
    if how == "link":
        (repository.root / "jobs").symlink_to("moved")
    else:
        (repository.root / "real").mkdir()
        repository.git("mv", "moved", "real/jobs")
        (repository.root / "config").symlink_to("real")
    repository.commit("Behind a link")
    for mode in ("worktree", "branch"):
        status = follow(repository.root, mode=mode, jobs=jobs, data=tmp_path / mode).follower.status()
        assert (status.state, status.reason) == ("failed", "PathMissing")
        assert f'the jobs folder "{jobs}" is a symbolic link in' in status.message
    for head in ([], ["HEAD"]):
        assert main(["plan", "HEAD", *head, "--repo", str(repository.root), "--jobs", jobs]) in (0, 2)
    monkeypatch.chdir(repository.root)
    capsys.readouterr()
    for arguments in (["validate", "--jobs", jobs], ["validate", jobs, "--jobs", jobs]):
        assert main(arguments) == 2
        assert "is a symbolic link, and links are not followed" in capsys.readouterr().err


def test_a_nested_repository_is_no_place_for_jobs(
    repository: Repository, follow: Follow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = Repository.init(repository.root / "jobs/vendor")
    inner.write_job("inner")
    inner.commit()
    assert os.path.lexists(repository.root / "jobs/vendor/.git")
    monkeypatch.chdir(repository.root)
    assert main(["validate", "--format", "concise"]) == 1
    shown = capsys.readouterr().out
    assert "jobs/vendor:1:1: error[submodule]" in shown
    assert "inner" not in shown
    assert follow(repository.root).names == ["one", "two"]


def test_a_name_that_is_valid_says_nothing_about_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder of a checkout may be hidden itself: only names below the jobs folder count."""
    repository = Repository.init(tmp_path / ".checkout")
    repository.write("jobs/one.yaml", job_text("one"))
    assert main(["validate", str(repository.root / "jobs/one.yaml")]) == 0
    assert main(["validate", str(repository.root / "jobs")]) == 0


def test_versions_are_those_of_the_job_files(mixed: Repository, jobs: str) -> None:
    git = Git(discover(mixed.root))
    assert sorted(History(git, jobs).index(mixed.head()).jobs()) == EXPECTED
    git.close()


def test_a_file_that_is_left_out_from_now_on_is_deleted_and_comes_back(repository: Repository, follow: Follow) -> None:
    """The ignore file of each commit counts for the versions of that commit."""
    repository.write("jobs/.chronosignore", "two.yaml\n")
    repository.commit("Leave it out")
    repository.write_job("two", schedule="9 9 * * *")
    repository.commit("No version, for it is no job")
    repository.remove("jobs/.chronosignore")
    repository.commit("Take it in again")
    following = follow(repository.root, mode="branch")
    versions = following.follower.index().versions("two")
    assert [(version.change.value, version.subject) for version in versions] == [
        ("created", "Add two jobs"),
        ("deleted", "Leave it out"),
        ("created", "Take it in again"),
    ]
    definition = following.follower.jobs().definitions["two"]
    assert (definition.version, definition.job.timing.definition) == (3, "9 9 * * *")


def test_the_index_on_disk_knows_what_was_left_out(repository: Repository, follow: Follow, data_folder: Path) -> None:
    repository.write("jobs/.chronosignore", "two.yaml\n")
    repository.commit("Leave it out")
    follow(repository.root, mode="branch").follower.stop()
    repository.remove("jobs/.chronosignore")
    repository.commit("Take it in again")
    again = follow(repository.root, mode="branch")
    assert [version.change.value for version in again.follower.index().versions("two")] == [
        "created",
        "deleted",
        "created",
    ]
