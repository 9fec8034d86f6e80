"""Clones that lack commits or contents, and SHA-256 repositories: files run, and versions count only what is there."""

import subprocess
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow, Following
from harness.repositories.repository import Repository, job_text

from chronos_gitops.errors import ConflictError
from chronos_gitops.git.commit import Person
from chronos_gitops.rollback.before_commit import UndoRequest
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest
from chronos_gitops.sync.status import SyncState
from chronos_gitops.versions.version import Version

FORMATS = ("sha1", "sha256")
CUTS = ("--depth=1", "--depth=2", "--filter=blob:none", "--filter=tree:0")
NIGHTLY = "30 3 * * *"
ALICE = Person("Alice", "alice@example.com")


@pytest.fixture(params=FORMATS)
def upstream(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    """Four versions of the job one, with a move; one of the job two."""
    repository = Repository(tmp_path / "upstream")
    repository.git("init", "--quiet", "--template=", "-b", "main", f"--object-format={request.param}")
    for name in ("allowFilter", "allowAnySHA1InWant"):
        repository.git("config", f"uploadpack.{name}", "true")
    repository.write_job("one")
    repository.write_job("two")
    repository.commit("Add two jobs")
    repository.write_job("one", schedule="1 3 * * *")
    repository.commit("Change one")
    repository.git("mv", "jobs/one.yaml", "jobs/uno.yaml")
    repository.commit("Move one")
    repository.write_job("one", schedule="3 3 * * *", path="jobs/uno.yaml")
    repository.commit("Change one again")
    return repository


def clone(upstream: Repository, folder: Path, *options: str) -> Repository:
    subprocess.run(["git", "clone", "-q", "--template=", *options, f"file://{upstream.root}", str(folder)], check=True)
    return Repository(folder)


def changes(following: Following, job: str) -> list[tuple[int | None, str]]:
    return [(version.number, version.change.value) for version in following.follower.index().versions(job)]


def running(following: Following) -> tuple[list[str], int | None, bool, SyncState]:
    one = following.follower.jobs().definitions["one"]
    return following.names, one.version, one.draft, following.follower.status().state


COMPLETE = [(1, "created"), (2, "changed"), (3, "moved"), (4, "changed")]


@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_every_object_format_counts_alike(upstream: Repository, tmp_path: Path, follow: Follow, mode: str) -> None:
    following = follow(clone(upstream, tmp_path / "clone").root, mode=mode)
    assert running(following) == (["one", "two"], 4, False, SyncState.SYNCED)
    assert changes(following, "one") == COMPLETE
    assert not following.follower.status().is_history_partial
    first = following.follower.index().versions("one")[0]
    assert following.follower.read(first.blob).decode() == job_text("one")


@pytest.mark.parametrize("cut", CUTS)
def test_the_files_of_a_cut_clone_run_without_numbers(
    upstream: Repository, tmp_path: Path, follow: Follow, cut: str
) -> None:
    following = follow(clone(upstream, tmp_path / "clone", cut).root)
    assert running(following) == (["one", "two"], None, False, SyncState.SYNCED)
    assert following.follower.status().is_history_partial
    versions = following.follower.index().versions("one")
    assert {version.number for version in versions} == {None}
    assert versions[-1].commit == upstream.head()
    assert versions[0].change == "unknown"
    assert (following.follower.jobs().definitions["two"].created_at is None) == (cut != "--filter=blob:none")


@pytest.mark.parametrize("cut", ["--depth=1", "--depth=2"])
def test_a_branch_of_a_shallow_clone_has_no_numbers_either_until_it_is_whole(
    upstream: Repository, tmp_path: Path, follow: Follow, cut: str
) -> None:
    checkout = clone(upstream, tmp_path / "clone", cut)
    following = follow(checkout.root, mode="branch")
    assert running(following) == (["one", "two"], None, False, SyncState.SYNCED)
    checkout.git("fetch", "--quiet", "--unshallow")
    assert following.follower.sync().is_history_partial is False
    assert changes(following, "one") == COMPLETE


FILTERS = ("--filter=blob:none", "--filter=tree:0")


@pytest.mark.parametrize("cut", ["", *CUTS])
@pytest.mark.parametrize("mode", ["worktree", "branch"])
def test_every_clone_runs_its_files_in_both_modes(
    upstream: Repository, tmp_path: Path, follow: Follow, cut: str, mode: str
) -> None:
    """Object format x filter or depth x mode: 20 cases."""
    following = follow(clone(upstream, tmp_path / "clone", *filter(None, [cut])).root, mode=mode)
    assert running(following) == (["one", "two"], None if cut else 4, False, SyncState.SYNCED)
    assert following.schedule("one") == "3 3 * * *"
    assert following.follower.status().is_history_partial is bool(cut)


@pytest.mark.parametrize("cut", FILTERS)
def test_a_branch_of_a_partial_clone_is_followed_over_restarts_commits_and_rollbacks(
    upstream: Repository, tmp_path: Path, follow: Follow, cut: str
) -> None:
    checkout = clone(upstream, tmp_path / "clone", cut)
    before = checkout.head()
    follow(checkout.root, mode="branch").follower.stop()
    following = follow(checkout.root, mode="branch")
    checkout.write_job("one", schedule=NIGHTLY, path="jobs/uno.yaml")
    made = checkout.commit("Run one later")
    following.wait(lambda jobs: jobs.definitions["one"].commit == made)
    result = Reverter(following.follower).perform(RollbackRequest("one", before[:10], "", ALICE, "id-1"))
    assert (result.commit, following.schedule("one")) == (checkout.head(), "3 3 * * *")
    assert following.follower.source.check()
    assert following.follower.sync().state is SyncState.SYNCED
    assert checkout.git("status", "--porcelain") == ""


@pytest.mark.parametrize("cut", FILTERS)
def test_a_branch_that_is_not_checked_out_is_pushed_to(
    upstream: Repository, tmp_path: Path, follow: Follow, cut: str
) -> None:
    checkout = clone(upstream, tmp_path / "clone", cut)
    checkout.git("switch", "--quiet", "-c", "other")
    before = checkout.head("main")
    following = follow(checkout.root, mode="branch", branch="main")
    checkout.write_job("one", schedule=NIGHTLY, path="jobs/uno.yaml")
    checkout.commit("Run one later")
    checkout.git("update-ref", "refs/heads/main", "HEAD")
    following.wait(lambda jobs: jobs.definitions["one"].commit == checkout.head("main"))
    result = Reverter(following.follower).perform(RollbackRequest("one", before[:10], "", ALICE, "id-1"))
    assert (result.commit, following.schedule("one")) == (checkout.head("main"), "3 3 * * *")


@pytest.mark.parametrize("cut", FILTERS)
def test_a_partial_clone_that_becomes_whole_is_copied(
    upstream: Repository, tmp_path: Path, follow: Follow, cut: str
) -> None:
    """And then nothing is borrowed any more: its objects may go."""
    checkout = clone(upstream, tmp_path / "clone", cut)
    following = follow(checkout.root, mode="branch")
    checkout.git("config", "--unset", "remote.origin.partialclonefilter")
    checkout.git("fetch", "--quiet", "--refetch")
    checkout.git("config", "--unset", "remote.origin.promisor")
    assert following.follower.sync().is_history_partial is False
    assert changes(following, "one") == COMPLETE
    (tmp_path / "clone").rename(tmp_path / "away")
    following.follower.source.git.reset()
    first = following.follower.index().versions("one")[0]
    assert following.follower.read(first.blob).decode() == job_text("one")


@pytest.mark.parametrize("cut", FILTERS)
def test_a_partial_clone_without_the_files_of_its_branch_says_what_to_do(
    upstream: Repository, tmp_path: Path, follow: Follow, cut: str
) -> None:
    following = follow(clone(upstream, tmp_path / "clone", cut, "--bare").root, mode="branch")
    for status in (following.follower.status(), following.follower.sync()):
        assert (status.state, status.reason) == (SyncState.FAILED, "PartialClone")
        assert "git checkout main" in status.message


@pytest.mark.parametrize("cut", CUTS)
def test_numbers_are_right_once_the_rest_has_come(
    upstream: Repository, tmp_path: Path, follow: Follow, cut: str
) -> None:
    checkout = clone(upstream, tmp_path / "clone", cut)
    following = follow(checkout.root)
    if cut.startswith("--depth"):
        checkout.git("fetch", "--quiet", "--unshallow")
    else:
        checkout.git("config", "--unset", "remote.origin.partialclonefilter")
        checkout.git("fetch", "--quiet", "--refetch")
    following.follower.sync()
    assert running(following) == (["one", "two"], 4, False, SyncState.SYNCED)
    assert changes(following, "one") == COMPLETE


@pytest.mark.parametrize("cut", CUTS)
def test_what_a_cut_clone_knew_does_not_outlive_it(
    upstream: Repository, tmp_path: Path, follow: Follow, cut: str
) -> None:
    """The index of versions on disk; the other way round a complete one is not taken for a cut clone's."""
    follow(clone(upstream, tmp_path / "clone", cut).root).follower.stop()
    (tmp_path / "clone").rename(tmp_path / "cut")
    clone(upstream, tmp_path / "clone")
    following = follow(tmp_path / "clone")
    assert changes(following, "one") == COMPLETE
    following.follower.stop()
    (tmp_path / "clone").rename(tmp_path / "whole")
    (tmp_path / "cut").rename(tmp_path / "clone")
    assert {number for number, _ in changes(follow(tmp_path / "clone"), "one")} == {None}


@pytest.mark.parametrize("cut", CUTS)
def test_new_commits_are_versions_that_a_rollback_names_by_commit(
    upstream: Repository, tmp_path: Path, follow: Follow, cut: str
) -> None:
    checkout = clone(upstream, tmp_path / "clone", cut)
    before = checkout.head()
    following = follow(checkout.root)
    checkout.write_job("one", schedule=NIGHTLY, path="jobs/uno.yaml")
    made = checkout.commit("Run one later")
    following.follower.sync()
    versions = following.follower.index().versions("one")
    assert [(version.number, version.commit) for version in versions][-2:] == [(None, before), (None, made)]
    rollbacks = Reverter(following.follower)
    with pytest.raises(ConflictError, match="no numbers"):
        rollbacks.plan(RollbackRequest("one", "1", "", ALICE))
    result = rollbacks.perform(RollbackRequest("one", before[:10], "", ALICE, "id-1"))
    assert (result.version, result.restored_version, result.commit) == (None, None, checkout.head())
    assert rollbacks.perform(RollbackRequest("one", before[:10], "", ALICE, "id-1")) == result
    assert checkout.git("log", "-1", "--format=%s") == f"Roll back one to version {before[:12]}"
    assert "Chronos-Restored-Version" not in checkout.git("log", "-1", "--format=%B")
    assert following.schedule("one") == "3 3 * * *"
    undone = rollbacks.perform(UndoRequest(str(result.commit), "", ALICE))
    assert undone.changed
    assert following.schedule("one") == NIGHTLY
    assert checkout.git("status", "--porcelain") == ""


@pytest.mark.parametrize("cut", CUTS)
def test_what_was_before_the_cut_cannot_be_undone(
    upstream: Repository, tmp_path: Path, follow: Follow, cut: str
) -> None:
    following = follow(clone(upstream, tmp_path / "clone", cut).root)
    oldest: Version = following.follower.index().versions("one")[0]
    undos = Reverter(following.follower)
    with pytest.raises(ConflictError, match="not in this clone"):
        undos.plan(UndoRequest(oldest.commit, "", ALICE))
