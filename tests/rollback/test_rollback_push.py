"""Rolling back on a repository that is elsewhere: a plain push, never forced, decided by the server."""

import subprocess
import threading
import time
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import NOW, Follow, Following
from harness.repositories.repository import Repository

from chronos_gitops.errors import ChronosError, ConflictError, NotFoundError
from chronos_gitops.git.commit import Person
from chronos_gitops.git.errors import NotARepository
from chronos_gitops.jobs.planning.plan import Operation
from chronos_gitops.rollback.before_commit import UndoRequest
from chronos_gitops.rollback.committer import InvalidVersion
from chronos_gitops.rollback.publish import Proposal, PublishedCommit, PushRefused, ReviewRequest
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest, RollbackResult
from chronos_gitops.sync.status import SyncState

ALICE = Person("Alice Example", "alice@example.com")
NIGHTLY = "30 3 * * *"
FILE_PROTOCOL = {"GIT_ALLOW_PROTOCOL": "file"}


def request(job: str, to: str, request_id: str = "request-1") -> RollbackRequest:
    return RollbackRequest(job, to, "it failed", ALICE, request_id)


@pytest.fixture
def server(repository: Repository, bare: Repository) -> Repository:
    """A bare repository whose job one has two versions."""
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit("Run one later")
    repository.push()
    return bare


def test_a_rollback_is_pushed_and_runs_at_once(server: Repository, follow: Follow) -> None:
    following = follow(server.root)
    second = server.head("refs/heads/main")
    result = Reverter(following.follower).perform(request("one", "1"))
    assert result == RollbackResult("one", 3, 1, server.head("refs/heads/main"), True)
    assert server.git("rev-parse", "main~1") == second
    assert server.git("show", "--format=%an|%cn", "--no-patch", "main") == "Alice Example|chronos-gitops"
    definition = following.follower.jobs().definitions["one"]
    assert (definition.version, definition.commit, following.schedule("one")) == (3, result.commit, "0 2 * * *")


def test_it_is_built_on_what_the_branch_says_now(repository: Repository, server: Repository, follow: Follow) -> None:
    following = follow(server.root)
    following.follower._watch.stop()
    repository.write_job("two", schedule=NIGHTLY)
    theirs = repository.commit("Meanwhile")
    repository.push()
    Reverter(following.follower).perform(request("one", "1"))
    assert server.git("rev-parse", "main~1") == theirs
    assert following.schedule("two") == NIGHTLY


def test_a_plan_pushes_nothing(server: Repository, follow: Follow) -> None:
    before = server.git("for-each-ref")
    plan = Reverter(follow(server.root).follower).plan(request("one", "1"))
    assert plan.changed
    assert server.git("for-each-ref") == before


def test_a_lost_race_is_built_again_on_the_winner(
    repository: Repository, server: Repository, follow: Follow, tmp_path: Path
) -> None:
    """The hook lets somebody else win once, between our fetch and our push."""
    repository.write_job("two", schedule=NIGHTLY)
    winner = repository.commit("The winner")
    repository.push("HEAD:refs/heads/waiting")
    following = follow(server.root, branch="main")
    once = tmp_path / "once"
    server.hook(
        "pre-receive",
        f"[ -e {once} ] || {{ touch {once}; env -u GIT_QUARANTINE_PATH git update-ref refs/heads/main {winner}; }}",
    )
    result = Reverter(following.follower).perform(request("one", "1"))
    assert server.git("rev-parse", "main", "main~1").splitlines() == [result.commit, winner]
    assert (following.schedule("one"), following.schedule("two")) == ("0 2 * * *", NIGHTLY)


def test_a_race_that_is_always_lost_ends_as_a_conflict(
    repository: Repository, server: Repository, follow: Follow
) -> None:
    """A hook moves the branch on before every push: five tries, nothing of ours arrives."""
    following = follow(server.root)
    server.hook(
        "pre-receive",
        "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n"
        "busy=$(git -c user.name=x -c user.email=x commit-tree -p main -m Busy 'main^{tree}')\n"
        "git update-ref refs/heads/main $busy",
    )
    with pytest.raises(ConflictError, match="moved 5 times"):
        Reverter(following.follower).perform(request("one", "1"))
    assert server.git("log", "--format=%s", "main").splitlines().count("Busy") == 5
    assert "Roll back" not in server.git("log", "--format=%s", "main")


class Opener:
    """Opens requests, or fails as a forge that is away."""

    def __init__(self, error: ChronosError | None = None) -> None:
        self.error = error
        self.asked: list[Proposal] = []

    def __call__(self, proposal: Proposal) -> ReviewRequest:
        self.asked.append(proposal)
        if self.error is not None:
            raise self.error
        return ReviewRequest(7, "https://forge.example.com/acme/jobs/pull/7")


def protect(server: Repository) -> None:
    server.hook("update", '[ "$1" != refs/heads/main ] || { echo "main is protected" >&2; exit 1; }')


def test_a_protected_branch_gets_a_request_with_the_plan(server: Repository, follow: Follow) -> None:
    protect(server)
    opener = Opener()
    reverter = Reverter(follow(server.root).follower, open_request=opener)
    first, again = (reverter.perform(request("one", "1")) for _ in range(2))
    assert first == again
    assert first.document()["request"] == {"number": 7, "url": "https://forge.example.com/acme/jobs/pull/7"}
    proposal = opener.asked[0]
    assert (proposal.branch, proposal.base) == (first.branch, "main")
    assert proposal.message.startswith("Roll back one to version 1\n\n")
    (change,) = proposal.plan.changes
    assert (change.job, change.operation) == ("one", Operation.CHANGED)
    assert [field.field for field in change.fields] == ["schedule"]


def test_an_undo_asks_for_review_with_its_plan(server: Repository, follow: Follow) -> None:
    protect(server)
    opener = Opener()
    following = follow(server.root)
    tip = server.head("refs/heads/main")
    result = Reverter(following.follower, open_request=opener).perform(
        UndoRequest(tip, "it failed", ALICE, "request-1")
    )
    assert result.document()["request"] == {"number": 7, "url": "https://forge.example.com/acme/jobs/pull/7"}
    assert opener.asked[0].branch == result.branch
    assert opener.asked[0].plan.changes


def test_while_the_forge_is_away_the_branch_is_there_all_the_same(server: Repository, follow: Follow) -> None:
    protect(server)
    result = Reverter(follow(server.root).follower, open_request=Opener(ChronosError("no connection"))).perform(
        request("one", "1")
    )
    assert result.document() | {"request": None, "request_error": "no connection"} == result.document()
    assert server.head(f"refs/heads/{result.branch}") == result.commit


def test_a_commit_on_the_branch_asks_for_no_review(server: Repository, follow: Follow) -> None:
    opener = Opener()
    assert Reverter(follow(server.root).follower, open_request=opener).perform(request("one", "1")).branch is None
    assert opener.asked == []


def test_a_protected_branch_gets_a_branch_for_review(server: Repository, follow: Follow) -> None:
    server.hook("update", '[ "$1" != refs/heads/main ] || { echo "main is protected" >&2; exit 1; }')
    following = follow(server.root)
    tip = server.head("refs/heads/main")
    result = Reverter(following.follower).perform(request("one", "1"))
    branch = f"chronos/rollback/one-v1-{tip[:7]}"
    made = server.head(f"refs/heads/{branch}")
    assert result == RollbackResult("one", None, 1, made, True, PublishedCommit(made, branch))
    assert result.document()["branch"] == branch
    assert "request" not in result.document()
    assert server.head("refs/heads/main") == tip
    assert following.schedule("one") == NIGHTLY
    server.git("update-ref", "refs/heads/main", f"refs/heads/{branch}")
    following.wait(lambda jobs: jobs.definitions["one"].version == 3)


def test_asking_again_for_what_waits_for_review_finds_the_same_branch(server: Repository, follow: Follow) -> None:
    server.hook("update", '[ "$1" != refs/heads/main ] || exit 1')
    service = Reverter(follow(server.root).follower)
    first = service.perform(request("one", "1"))
    assert service.perform(request("one", "1")) == first
    assert service.perform(request("one", "1", "another-id")).branch == first.branch
    assert server.git("for-each-ref", "--format=%(refname)", "refs/heads/chronos").count("\n") == 0


def test_a_server_that_takes_nothing_is_told_in_its_own_words(server: Repository, follow: Follow) -> None:
    server.hook("pre-receive", "echo 'read only until Monday' >&2; exit 1")
    with pytest.raises(PushRefused, match="read only until Monday"):
        Reverter(follow(server.root).follower).perform(request("one", "1"))


def test_a_commit_that_never_was_on_the_branch_is_no_target(
    repository: Repository, server: Repository, follow: Follow
) -> None:
    """Servers share objects between forks, and pull requests lie beside the branch."""
    repository.git("switch", "--quiet", "-c", "proposal")
    repository.write_job("one", schedule="9 9 * * *")
    proposed = repository.commit("Nobody has agreed to this")
    repository.push("HEAD:refs/heads/proposal")
    following = follow(server.root, branch="main")
    following.follower.source.git.run("fetch", str(server.root), "refs/heads/proposal", env=FILE_PROTOCOL)
    assert following.follower.source.git.resolve(proposed) == proposed
    with pytest.raises(NotFoundError):
        Reverter(following.follower).perform(request("one", proposed))


def test_what_ran_before_the_history_was_rewritten_can_be_restored_by_its_commit(
    repository: Repository, server: Repository, follow: Follow, data_folder: Path
) -> None:
    """Also after a restart, and after git has thrown away what nothing refers to."""
    following = follow(server.root)
    orphaned = repository.head()
    repository.git("reset", "--quiet", "--hard", "HEAD~1")
    repository.push("--force", "HEAD")
    status = following.wait_for_status(lambda status: status.reason == "HistoryRewritten")
    assert status.history_epoch == 2
    following.follower.stop()
    mirror = next(data_folder.glob("mirror-*.git"))
    subprocess.run(["git", "-C", str(mirror), "gc", "--quiet", "--prune=now"], check=True)
    following = follow(server.root, data=data_folder)
    assert following.follower.status().history_epoch == 2
    with pytest.raises(NotFoundError):
        Reverter(following.follower).perform(request("one", "2"))
    rollbacks = Reverter(following.follower)
    result = rollbacks.perform(request("one", orphaned))
    assert following.schedule("one") == NIGHTLY
    assert rollbacks.perform(request("one", orphaned)) == result


def test_a_remote_that_is_away_is_an_error_that_says_so(server: Repository, follow: Follow, tmp_path: Path) -> None:
    following = follow(server.root)
    server.root.rename(tmp_path / "away")
    with pytest.raises(NotARepository):
        Reverter(following.follower).perform(request("one", "1"))


def test_content_that_is_invalid_today_is_refused(repository: Repository, server: Repository, follow: Follow) -> None:
    repository.write("jobs/one.yaml", "name: one\nschedule: whenever\n")
    repository.commit("Version 3 is broken")
    repository.write_job("one")
    repository.commit("Version 4 mends it")
    repository.push()
    with pytest.raises(InvalidVersion):
        Reverter(follow(server.root).follower).perform(request("one", "3"))


def test_a_rejected_tip_can_be_rolled_back(repository: Repository, server: Repository, follow: Follow) -> None:
    following = follow(server.root, on_invalid="reject")
    repository.write("jobs/one.yaml", "name: one\n")
    repository.commit()
    repository.push()
    following.wait_for_status(lambda status: status.state is SyncState.FAILED)
    result = Reverter(following.follower).perform(request("one", "2"))
    assert (result.version, following.follower.status().state) == (4, SyncState.SYNCED)


@pytest.mark.parametrize("count", [20, pytest.param(40, marks=pytest.mark.full)])
def test_rollbacks_against_as_many_pushes_lose_and_double_nothing(
    repository: Repository, server: Repository, follow: Follow, count: int
) -> None:
    """Both writers try again as people and programs do; takes 5 s, it is 40 pushes and their races."""
    following = follow(server.root)
    service = Reverter(following.follower)
    results: list[RollbackResult] = []
    waits: list[float] = []

    def roll_back() -> None:
        for number in range(count):
            began = time.monotonic()
            results.append(persistently(service, request("one", str(1 + number % 2), f"race-{number}")))
            waits.append(time.monotonic() - began)

    thread = threading.Thread(target=roll_back)
    thread.start()
    for number in range(count):
        repository.write("notes.txt", str(number))
        repository.commit(f"Human {number}")
        push_until_it_works(repository)
    thread.join()
    subjects = server.git("log", "--first-parent", "--format=%s", "main").splitlines()
    print(f"{count} rollbacks against {count} pushes: the longest rollback took {max(waits):.2f} s")
    assert [f"Human {number}" for number in range(count)] == [line for line in reversed(subjects) if "Human" in line]
    ids = server.git("log", "--format=%(trailers:key=Chronos-Request-Id,valueonly)", "main").split()
    assert sorted(ids) == sorted(f"race-{number}" for number in range(count) if results[number].changed)
    assert {result.commit for result in results if result.changed} == set(
        server.git("log", "--format=%H", "--grep=^Roll back", "main").split()
    )
    versions = following.follower.index_of(server.head("refs/heads/main")).versions("one")
    assert len(versions) == 2 + len(ids)
    server.git("fsck", "--strict")


def persistently(service: Reverter, asked: RollbackRequest) -> RollbackResult:
    until = time.monotonic() + 60
    while True:
        try:
            return service.perform(asked)
        except ConflictError:
            assert time.monotonic() < until


def push_until_it_works(repository: Repository) -> None:
    for _ in range(200):
        try:
            repository.push()
        except subprocess.CalledProcessError:
            repository.git("fetch", "--quiet", "origin", "main")
            repository.git("rebase", "--quiet", "FETCH_HEAD")
        else:
            return
    raise AssertionError("200 pushes were refused")


def test_the_time_of_the_commit_is_the_runners(server: Repository, follow: Follow) -> None:
    Reverter(follow(server.root).follower).perform(request("one", "1"))
    assert server.git("show", "--no-patch", "--format=%ct", "main") == str(int(NOW.timestamp()))


def test_following_tells_nothing_of_the_attempt_that_failed(server: Repository, follow: Follow) -> None:
    following: Following = follow(server.root)
    server.hook("pre-receive", "exit 1")
    with pytest.raises(PushRefused):
        Reverter(following.follower).perform(request("one", "1"))
    assert following.follower.sync().state is SyncState.SYNCED
