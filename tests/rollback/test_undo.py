"""One commit taken back over all its jobs, all or nothing."""

from dataclasses import replace

import pytest
from harness.repositories.repo_fixtures import Follow, Following
from harness.repositories.repository import Repository

from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.git.commit import Person
from chronos_gitops.rollback.before_commit import UndoRequest
from chronos_gitops.rollback.committer import InvalidVersion
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest
from chronos_gitops.sync.status import SyncState

NIGHTLY = "30 3 * * *"
ALICE = Person("Alice", "alice@example.com")
World = tuple[Repository, Following, Reverter]


def asked(commit: str, request_id: str = "undo-1") -> UndoRequest:
    return UndoRequest(commit, "it broke the night", ALICE, request_id)


@pytest.fixture(params=["worktree", "push"])
def world(request: pytest.FixtureRequest, repository: Repository, follow: Follow) -> World:
    """A checkout, its follower, and undos that commit into it or push to the bare repository it is pulled from."""
    if request.param == "worktree":
        following = follow(repository.root)
        return repository, following, Reverter(following.follower)
    bare = repository.bare(repository.root.parent / "server.git")
    following = follow(bare.root)
    repository.git("config", "push.default", "current")
    return repository, following, Reverter(following.follower)


def settled(repository: Repository, following: Following) -> None:
    """The new commit is pushed where there is a server, and applied."""
    if repository.git("remote"):
        repository.push()
    following.follower.sync()


def pulled(repository: Repository) -> Repository:
    if repository.git("remote"):
        repository.git("pull", "--quiet", "--ff-only", "origin", "main")
    return repository


def test_created_changed_moved_and_deleted_jobs_all_go_back(world: World) -> None:
    repository, following, undos = world
    repository.write_job("four")
    before = repository.commit("The state to come back to")
    repository.write_job("one", schedule=NIGHTLY)
    repository.git("mv", "jobs/two.yaml", "jobs/moved.yaml")
    repository.write_job("three")
    repository.remove("jobs/four.yaml")
    commit = repository.commit("Change everything")
    settled(repository, following)
    result = undos.perform(asked(commit[:8]))
    assert (result.undone, result.changed, result.branch) == (commit, True, None)
    told = [(one.job, one.made.change, one.restored and one.restored.number) for one in result.jobs]
    assert told == [("four", "deleted", 1), ("one", "changed", 1), ("three", "created", None), ("two", "moved", 1)]
    pulled(repository)
    assert repository.git("rev-parse", "HEAD") == result.commit
    assert repository.git("rev-parse", "HEAD^") == commit
    assert repository.git("diff", "--stat", before, "HEAD") == ""
    assert repository.git("status", "--porcelain") == ""
    assert following.names == ["four", "one", "two"]
    assert following.follower.status().state is SyncState.SYNCED
    message = repository.git("log", "-1", "--format=%an%n%B")
    assert message.startswith(f"Alice\nUndo {commit[:10]} (Change everything)\n")
    for trailer in (f"Chronos-Undone-Commit: {commit}", "Chronos-Reason: it broke", "Chronos-Request-Id: undo-1"):
        assert trailer in message


def test_asking_again_gets_the_same_commit_and_another_target_is_refused(world: World) -> None:
    repository, following, undos = world
    repository.write_job("one", schedule=NIGHTLY)
    commit = repository.commit()
    settled(repository, following)
    first = undos.perform(asked(commit))
    assert undos.perform(asked(commit)) == first
    unchanged = undos.perform(asked(commit, "undo-2"))
    assert (unchanged.changed, unchanged.commit) == (False, None)
    assert first.commit is not None
    with pytest.raises(ConflictError, match="used for another"):
        undos.perform(asked(first.commit))
    again = undos.perform(asked(first.commit, "undo-3"))
    assert again.changed
    assert following.schedule("one") == NIGHTLY


def test_a_job_that_changed_again_stops_all_of_it_and_is_named(world: World) -> None:
    repository, following, undos = world
    for name in ("one", "two"):
        repository.write_job(name, schedule=NIGHTLY)
    commit = repository.commit()
    repository.write_job("two", schedule="1 1 * * *")
    head = repository.commit()
    settled(repository, following)
    with pytest.raises(ConflictError, match=r"changed again since that commit: two \("):
        undos.plan(asked(commit))
    with pytest.raises(ConflictError):
        undos.perform(asked(commit))
    assert pulled(repository).head() == head


def test_two_jobs_that_changed_places_change_back(world: World) -> None:
    repository, following, undos = world
    repository.write_job("one", path="jobs/two.yaml")
    repository.write_job("two", path="jobs/one.yaml")
    commit = repository.commit()
    settled(repository, following)
    assert undos.perform(asked(commit)).changed
    assert {job.path for job in following.follower.jobs()} == {"jobs/one.yaml", "jobs/two.yaml"}
    assert following.follower.jobs().definitions["one"].path == "jobs/one.yaml"


def test_taking_back_many_new_jobs_is_not_held_as_an_accident(world: World) -> None:
    repository, following, undos = world
    for number in range(8):
        repository.write_job(f"new-{number}")
    commit = repository.commit("Too many")
    settled(repository, following)
    undos.perform(asked(commit))
    assert following.names == ["one", "two"]
    assert following.follower.status().held is None


def test_a_place_that_is_taken_by_now_stops_all_of_it(world: World) -> None:
    repository, following, undos = world
    repository.remove("jobs/one.yaml")
    commit = repository.commit()
    repository.write_job("tenant", path="jobs/one.yaml")
    repository.commit()
    settled(repository, following)
    with pytest.raises(ConflictError, match='now holds the job "tenant"'):
        undos.perform(asked(commit))


def test_what_is_invalid_today_stops_all_of_it(world: World) -> None:
    repository, following, undos = world
    repository.write("jobs/bad.yaml", "name: bad\nschedule: nonsense\n")
    repository.commit()
    repository.write_job("bad")
    repository.write_job("one", schedule=NIGHTLY)
    commit = repository.commit()
    settled(repository, following)
    with pytest.raises(InvalidVersion) as refused:
        undos.perform(asked(commit))
    assert {problem.file for problem in refused.value.problems} == {"jobs/bad.yaml"}
    assert following.schedule("one") == NIGHTLY


@pytest.mark.parametrize("commit", ["", "zz", "abc", "f" * 40, "--all", "HEAD"])
def test_a_commit_that_changed_no_job_is_not_found(repository: Repository, follow: Follow, commit: str) -> None:
    undos = Reverter(follow(repository.root).follower)
    with pytest.raises(NotFoundError):
        undos.plan(asked(commit))


def test_a_plan_writes_nothing_and_shows_everything(repository: Repository, follow: Follow) -> None:
    repository.write_job("three")
    repository.write_job("one", schedule=NIGHTLY)
    commit = repository.commit()
    undos = Reverter(follow(repository.root).follower)
    plan = undos.plan(asked(commit))
    assert plan.changed
    assert "--- a/jobs/three.yaml\n+++ /dev/null\n" in plan.diff
    assert '+schedule: "0 2 * * *"' in plan.diff
    assert "* one\n* three\n" in plan.message
    assert repository.head() == commit


def test_an_uncommitted_change_of_one_of_them_stops_all_of_it(repository: Repository, follow: Follow) -> None:
    for name in ("one", "two"):
        repository.write_job(name, schedule=NIGHTLY)
    commit = repository.commit()
    undos = Reverter(follow(repository.root).follower)
    repository.write_job("two", schedule="1 1 * * *")
    with pytest.raises(ConflictError, match="uncommitted"):
        undos.perform(asked(commit))
    assert repository.head() == commit
    assert NIGHTLY in (repository.root / "jobs/one.yaml").read_text()


def test_a_repeated_request_id_for_another_version_is_refused(repository: Repository, follow: Follow) -> None:
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    rollbacks = Reverter(follow(repository.root).follower)
    request = RollbackRequest("one", "1", "", ALICE, "same")
    done = rollbacks.perform(request)
    assert rollbacks.perform(request) == done
    with pytest.raises(ConflictError, match="used for another"):
        rollbacks.perform(replace(request, to="2"))
