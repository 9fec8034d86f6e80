"""A job that was deleted never comes back by itself: what is from before a deletion is not looked at."""

import json
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.cli.main import main
from chronos_gitops.sync.content.last_valid import last_valid_version, since_deletion

BROKEN = 'name: one\nschedule: "0 2 * * * oops oops"\n'


def delete_and_break(repository: Repository, path: str = "jobs/one.yaml") -> None:
    repository.remove("jobs/one.yaml")
    repository.commit("Delete it")
    repository.write(path, BROKEN)
    repository.commit("Make it anew, with an error")


@pytest.mark.parametrize("path", ["jobs/one.yaml", "jobs/elsewhere.yaml"])
@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_a_new_runner_does_not_run_it(repository: Repository, follow: Follow, mode: str, path: str) -> None:
    delete_and_break(repository, path)
    following = follow(repository.root, mode=mode)
    assert following.names == ["two"]
    assert following.follower.status().quarantined == ("one",)


@pytest.mark.parametrize("path", ["jobs/one.yaml", "jobs/elsewhere.yaml"])
def test_a_runner_that_sees_both_commits_at_once_ends_it(repository: Repository, follow: Follow, path: str) -> None:
    following = follow(repository.root, mode="branch")
    assert following.names == ["one", "two"]
    following.follower.stop()
    delete_and_break(repository, path)
    again = follow(repository.root, mode="branch")
    assert again.names == ["two"]


@pytest.mark.parametrize("path", ["jobs/one.yaml", "jobs/elsewhere.yaml"])
def test_a_file_that_was_deleted_on_disk_only_does_not_bring_it_back(
    repository: Repository, follow: Follow, path: str
) -> None:
    following = follow(repository.root)
    repository.remove("jobs/one.yaml")
    following.follower.sync()
    assert following.names == ["two"]
    repository.write(path, BROKEN)
    following.follower.sync()
    assert following.names == ["two"]
    repository.write_job("one")
    following.follower.sync()
    assert following.names == ["one", "two"], "git says so again"
    repository.write("jobs/one.yaml", BROKEN)
    following.follower.sync()
    assert following.names == ["one", "two"], "quarantined as any other"


def test_another_name_in_the_same_file_is_no_deletion_of_the_file(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root, mode="branch")
    repository.write("jobs/one.yaml", BROKEN.replace("one", "uno"))
    repository.commit("Rename it, with an error")
    following.follower.sync()
    assert following.names == ["one", "two"]
    assert following.follower.jobs().definitions["one"].quarantined


def test_plan_says_what_the_runner_does(
    repository: Repository, follow: Follow, capsys: pytest.CaptureFixture[str]
) -> None:
    first = repository.head()
    delete_and_break(repository)
    assert main(["plan", first, "HEAD", "--repo", str(repository.root), "--format", "json"]) == 0
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert [(one["job"], one["operation"]) for one in changes] == [("one", "removed")]


def test_the_last_valid_version_is_looked_for_in_one_life_only(repository: Repository, follow: Follow) -> None:
    repository.write_job("one", schedule="5 5 * * *")
    repository.commit("Valid")
    repository.write("jobs/one.yaml", BROKEN)
    repository.commit("Broken")
    index_of = follow(repository.root, mode="branch").follower
    versions = index_of.index().versions("one")
    valid = last_valid_version(versions, index_of.read_many)
    assert valid is not None
    assert (valid[0].number, valid[1].timing.definition) == (2, "5 5 * * *")
    repository.remove("jobs/one.yaml")
    repository.commit("Delete it")
    index_of.sync()
    versions = index_of.index().versions("one")
    assert since_deletion(versions, 20) == ()
    assert last_valid_version(versions, index_of.read_many) is None
    assert last_valid_version(versions[:-1], index_of.read_many) == valid


@pytest.mark.parametrize("restarts", [0, 1])
def test_a_quarantined_job_whose_history_goes_on_is_kept(
    repository: Repository, follow: Follow, tmp_path: Path, restarts: int
) -> None:
    """The rule must not end what it need not end."""
    following = follow(repository.root, mode="branch")
    for minute in range(3):
        repository.write("jobs/one.yaml", BROKEN + f"# {minute}\n")
        repository.commit("Broken")
    if restarts:
        following.follower.stop()
        following = follow(repository.root, mode="branch")
    following.follower.sync()
    assert following.schedule("one") == "0 2 * * *"
