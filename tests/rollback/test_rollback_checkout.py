"""Rolling back in the checkout a person works in: one commit, and nothing of theirs is touched."""

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import NOW, Follow, Following
from harness.repositories.repository import Repository, job_text

from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.git.commit import Person
from chronos_gitops.rollback.committer import InvalidVersion
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest, RollbackResult

ALICE = Person("Alice Example", "alice@example.com")
NIGHTLY = "30 3 * * *"
WEEKLY = "0 5 * * 1"


def request(job: str, to: str, **fields: str) -> RollbackRequest:
    return RollbackRequest(job, to, fields.get("reason", "it failed"), ALICE, fields.get("request_id", "request-1"))


def rollbacks(following: Following) -> Reverter:
    return Reverter(following.follower)


@pytest.fixture
def second(repository: Repository) -> str:
    """The commit of version 2 of the job one."""
    repository.write_job("one", schedule=NIGHTLY)
    return repository.commit("Run one later")


@pytest.fixture
def following(repository: Repository, second: str, follow: Follow) -> Following:
    return follow(repository.root)


def test_a_rollback_is_one_new_commit_that_runs_at_once(
    repository: Repository, following: Following, second: str
) -> None:
    first = following.follower.index().versions("one")[0]
    result = rollbacks(following).perform(request("one", "1"))
    assert result == RollbackResult("one", 3, 1, repository.head(), True)
    assert repository.git("rev-parse", "HEAD~1") == second
    assert repository.git("diff", "--name-only", "HEAD~1", "HEAD") == "jobs/one.yaml"
    assert (following.schedule("one"), following.follower.jobs().definitions["one"].version) == ("0 2 * * *", 3)
    assert (repository.root / "jobs/one.yaml").read_text() == job_text("one")
    assert repository.git("status", "--porcelain") == ""
    assert repository.git("log", "-1", "--format=%B").splitlines() == [
        "Roll back one to version 1",
        "",
        "Chronos-Job: one",
        "Chronos-Restored-Version: 1",
        f"Chronos-Restored-Commit: {first.commit}",
        "Chronos-Requested-By: Alice Example <alice@example.com>",
        "Chronos-Reason: it failed",
        "Chronos-Request-Id: request-1",
    ]
    people = repository.git("log", "-1", "--format=%an <%ae>|%cn <%ce>|%ct")
    committer = "chronos-gitops <chronos-gitops@localhost>"
    assert people == f"Alice Example <alice@example.com>|{committer}|{int(NOW.timestamp())}"


def test_git_reads_the_trailers_as_trailers(repository: Repository, following: Following) -> None:
    rollbacks(following).perform(request("one", "1"))
    assert repository.git("log", "-1", "--format=%(trailers:key=Chronos-Job,valueonly)").strip() == "one"


def test_a_plan_says_everything_and_writes_nothing(repository: Repository, following: Following, second: str) -> None:
    plan = rollbacks(following).plan(request("one", "1"))
    assert (plan.current.number, plan.target.number, plan.path, plan.changed) == (2, 1, "jobs/one.yaml", True)
    assert plan.content == job_text("one").encode()
    assert plan.message.startswith("Roll back one to version 1\n\nChronos-Job: one\n")
    assert f'-schedule: "{NIGHTLY}"\n+schedule: "0 2 * * *"\n' in plan.diff
    assert repository.head() == second
    assert repository.git("status", "--porcelain") == ""


def test_a_commit_names_a_version_too(repository: Repository, following: Following) -> None:
    first = following.follower.index().versions("one")[0].commit
    assert rollbacks(following).plan(request("one", first[:7])).target.number == 1


def test_uncommitted_changes_elsewhere_survive_staged_and_not(repository: Repository, following: Following) -> None:
    repository.write_job("two", schedule=WEEKLY)
    repository.write("notes.txt", "mine")
    repository.write_job("three")
    repository.git("add", "jobs/three.yaml")
    before = repository.git("status", "--porcelain")
    rollbacks(following).perform(request("one", "1"))
    assert repository.git("status", "--porcelain") == before
    assert repository.git("diff", "--name-only", "HEAD~1", "HEAD") == "jobs/one.yaml"
    assert (following.schedule("one"), following.schedule("two")) == ("0 2 * * *", WEEKLY)


@pytest.mark.parametrize("staged", [False, True])
def test_a_dirty_target_is_a_conflict(repository: Repository, following: Following, second: str, staged: bool) -> None:
    repository.write_job("one", schedule=WEEKLY)
    if staged:
        repository.git("add", "--all")
        repository.write_job("one", schedule=NIGHTLY)
    with pytest.raises(ConflictError, match=r"jobs/one\.yaml has (staged|uncommitted) changes"):
        rollbacks(following).perform(request("one", "1"))
    assert repository.head() == second


def test_a_target_that_was_removed_from_disk_is_dirty(repository: Repository, following: Following) -> None:
    repository.remove("jobs/one.yaml")
    with pytest.raises(ConflictError):
        rollbacks(following).perform(request("one", "1"))


def test_the_same_content_makes_no_commit(repository: Repository, following: Following, second: str) -> None:
    result = rollbacks(following).perform(request("one", "2"))
    assert result == RollbackResult("one", 2, 2, None, False)
    assert repository.head() == second


def test_what_does_not_pass_todays_validation_is_refused(repository: Repository, follow: Follow) -> None:
    repository.write("jobs/one.yaml", "name: one\nschedule: whenever\n")
    repository.commit("Break it")
    repository.write_job("one", schedule=NIGHTLY)
    head = repository.commit("Mend it")
    with pytest.raises(InvalidVersion) as caught:
        rollbacks(follow(repository.root)).perform(request("one", "2"))
    assert {problem.file for problem in caught.value.problems} == {"jobs/one.yaml"}
    assert repository.head() == head


def test_a_broken_tip_can_be_rolled_back(repository: Repository, following: Following) -> None:
    repository.write("jobs/one.yaml", "name: one\nschedule: whenever\n")
    repository.commit("Break it")
    assert rollbacks(following).perform(request("one", "2")).version == 4
    assert following.follower.status().quarantined == ()


def test_a_deleted_job_comes_back_to_its_last_path(repository: Repository, following: Following) -> None:
    repository.git("mv", "jobs/one.yaml", "jobs/uno.yaml")
    repository.commit("Move it")
    repository.remove("jobs/uno.yaml")
    repository.commit("Delete it")
    result = rollbacks(following).perform(request("one", "1"))
    assert (result.version, result.restored_version) == (5, 1)
    assert following.follower.jobs().definitions["one"].path == "jobs/uno.yaml"
    assert [version.change for version in following.follower.index().versions("one")] == [
        "created",
        "changed",
        "moved",
        "deleted",
        "created",
    ]


def test_a_deletion_is_nothing_to_roll_back_to(repository: Repository, following: Following) -> None:
    repository.remove("jobs/one.yaml")
    repository.commit("Delete it")
    with pytest.raises(InvalidVersion, match="version 3 of one is its deletion"):
        rollbacks(following).perform(request("one", "3"))


def test_a_path_that_another_job_took_is_a_conflict(repository: Repository, following: Following) -> None:
    repository.write_job("three", path="jobs/one.yaml")
    repository.commit("Another job moves in")
    with pytest.raises(ConflictError, match='holds the job "three"'):
        rollbacks(following).perform(request("one", "1"))


def test_a_path_that_became_a_folder_is_a_conflict(repository: Repository, following: Following) -> None:
    repository.remove("jobs/one.yaml")
    repository.write_job("three", path="jobs/one.yaml/three.yaml")
    repository.commit("A folder of that name")
    with pytest.raises(ConflictError):
        rollbacks(following).perform(request("one", "1"))


def test_a_deleted_job_does_not_push_out_a_draft_that_has_its_name(
    repository: Repository, following: Following
) -> None:
    repository.remove("jobs/one.yaml")
    repository.commit("Delete it")
    repository.write_job("one", path="jobs/z.yaml")
    with pytest.raises(InvalidVersion) as caught:
        rollbacks(following).perform(request("one", "1"))
    assert [problem.rule for problem in caught.value.problems] == ["duplicate-name"]


@pytest.mark.parametrize(("job", "to"), [("none", "1"), ("one", "9"), ("one", "0"), ("one", "abcdef1"), ("one", "--x")])
def test_what_does_not_exist_is_not_found(following: Following, job: str, to: str) -> None:
    with pytest.raises(NotFoundError):
        rollbacks(following).perform(request(job, to))


def test_a_commit_on_another_branch_is_not_a_version(repository: Repository, following: Following) -> None:
    repository.git("switch", "--quiet", "-c", "other")
    repository.write_job("one", schedule=WEEKLY)
    elsewhere = repository.commit("Not on main")
    repository.git("switch", "--quiet", "main")
    with pytest.raises(NotFoundError):
        rollbacks(following).perform(request("one", elsewhere))


def test_a_repeated_request_gets_the_same_commit(repository: Repository, following: Following) -> None:
    first = rollbacks(following).perform(request("one", "1"))
    again = rollbacks(following).perform(request("one", "1"))
    assert again == first
    assert repository.git("rev-list", "--count", "HEAD") == "3"
    with pytest.raises(ConflictError, match="used for another"):
        rollbacks(following).perform(request("two", "1"))


def test_a_request_is_found_under_later_commits(repository: Repository, following: Following) -> None:
    first = rollbacks(following).perform(request("one", "1"))
    repository.write_job("one", schedule=WEEKLY)
    repository.commit("Someone goes on")
    assert rollbacks(following).perform(request("one", "1")) == first


def test_without_a_request_id_there_is_no_trailer_and_no_memory(repository: Repository, following: Following) -> None:
    rollbacks(following).perform(request("one", "1", request_id="", reason=""))
    body = repository.git("log", "-1", "--format=%B")
    assert "Request-Id" not in body
    assert "Reason" not in body


def test_nothing_said_can_forge_a_trailer_or_an_author(repository: Repository, following: Following) -> None:
    said = "x\n\nChronos-Allow-Deletes: 99\r\nChronos-Request-Id: other\u2028\x1b[31mred\u202e" + "y" * 5_000
    person = Person("Mallory\n<root@example.com>\nparent 0", "m>\nx@example.com")
    Reverter(following.follower).perform(RollbackRequest("one", "1", said, person, said))
    lines = repository.git("log", "-1", "--format=%B").splitlines()
    assert [line.partition(":")[0] for line in lines[2:]] == [
        "Chronos-Job",
        "Chronos-Restored-Version",
        "Chronos-Restored-Commit",
        "Chronos-Requested-By",
        "Chronos-Reason",
        "Chronos-Request-Id",
    ]
    assert all(line.isprintable() and len(line) < 540 for line in lines)
    assert repository.git("log", "-1", "--format=%an|%ae") == "Mallory root@example.com parent 0|mx@example.com"


def test_a_detached_head_is_a_conflict(repository: Repository, following: Following) -> None:
    repository.git("checkout", "--quiet", "--detach")
    with pytest.raises(ConflictError, match="detached"):
        rollbacks(following).perform(request("one", "1"))


def test_a_stale_index_lock_is_a_conflict_and_stays(repository: Repository, following: Following, second: str) -> None:
    """Takes the 2 s that another git command is waited for."""
    lock = repository.root / ".git/index.lock"
    lock.touch()
    with pytest.raises(ConflictError, match="another git command"):
        rollbacks(following).perform(request("one", "1"))
    assert lock.exists()
    assert repository.head() == second


def test_no_hook_and_no_filter_runs(repository: Repository, follow: Follow, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for hook in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-index-change", "update"):
        repository.hook(hook, f"echo {hook} >> {canary}")
    touch = f"sh -c 'echo filter >> {canary}; cat'"
    repository.git("config", "filter.canary.clean", touch)
    repository.git("config", "filter.canary.smudge", touch)
    repository.git("config", "core.fsmonitor", f"sh -c 'echo fsmonitor >> {canary}'")
    repository.git("config", "log.showSignature", "true")
    repository.git("config", "gpg.program", f"sh -c 'echo gpg >> {canary}'")
    repository.git("config", "diff.canary.textconv", touch)
    repository.git("config", "diff.canary.command", touch)
    repository.write(".gitattributes", "*.yaml filter=canary diff=canary\n")
    repository.write_job("one", schedule=NIGHTLY)
    repository.git("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=", "add", "--all")
    repository.git("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=", "commit", "--quiet", "-m", "Filtered")
    canary.unlink(missing_ok=True)
    following = follow(repository.root)
    assert rollbacks(following).perform(request("one", "1")).version == 3
    assert following.schedule("one") == "0 2 * * *"
    assert not canary.exists(), canary.read_text()


def test_nothing_is_written_through_a_symbolic_link(repository: Repository, follow: Follow, tmp_path: Path) -> None:
    repository.write_job("inner", path="jobs/team/inner.yaml")
    repository.commit()
    repository.write_job("inner", path="jobs/team/inner.yaml", schedule=NIGHTLY)
    repository.commit()
    following = follow(repository.root)
    outside = tmp_path / "outside"
    (repository.root / "jobs/team").rename(outside)
    (repository.root / "jobs/team").symlink_to(outside)
    before = (outside / "inner.yaml").read_bytes()
    with pytest.raises(ConflictError):
        rollbacks(following).perform(request("inner", "1"))
    assert (outside / "inner.yaml").read_bytes() == before


def test_the_mode_of_the_file_stays(repository: Repository, following: Following) -> None:
    file = repository.root / "jobs/one.yaml"
    file.chmod(0o755)
    repository.commit("Executable, for some reason")
    rollbacks(following).perform(request("one", "1"))
    assert file.stat().st_mode & 0o777 == 0o755
    assert repository.git("status", "--porcelain") == ""


def test_a_branch_followed_by_its_commits_but_checked_out_gets_the_commit_and_the_file(
    repository: Repository, second: str, follow: Follow
) -> None:
    following = follow(repository.root, mode="branch")
    repository.write_job("two", schedule=WEEKLY)
    result = rollbacks(following).perform(request("one", "1"))
    assert (result.version, result.commit, result.branch) == (3, repository.head(), None)
    assert repository.git("status", "--porcelain").strip() == "M jobs/two.yaml"
    assert (following.schedule("one"), following.schedule("two")) == ("0 2 * * *", "0 2 * * *")


def test_a_branch_that_is_not_checked_out_leaves_the_checkout_alone(
    repository: Repository, second: str, follow: Follow
) -> None:
    repository.git("switch", "--quiet", "-c", "work")
    following = follow(repository.root, branch="main")
    result = rollbacks(following).perform(request("one", "1"))
    assert repository.head("refs/heads/main") == result.commit
    assert repository.head() == second
    assert repository.git("status", "--porcelain") == ""


def test_two_people_committing_and_a_rollback_lose_nothing(repository: Repository, following: Following) -> None:
    """20 commits beside 10 rollbacks of another job in one checkout; takes 2 s, it is 30 commits."""
    results: list[RollbackResult] = []

    def roll_back() -> None:
        for number in range(10):
            result = until_it_works(rollbacks(following), request("one", str(1 + number % 2), request_id=f"r{number}"))
            results.append(result)

    thread = threading.Thread(target=roll_back)
    thread.start()
    committed = 0
    while committed < 20:
        repository.write("notes.txt", str(committed))
        done = attempt(lambda: repository.git("commit", "--quiet", "-m", "A note", "notes.txt"), repository)
        committed += done
    thread.join()
    log = repository.git("log", "--format=%s").splitlines()
    assert log.count("A note") == 20
    made = [result.commit for result in results if result.changed]
    assert sorted(made) == sorted(repository.git("log", "--format=%H", "--grep=^Roll back").splitlines())
    assert repository.git("status", "--porcelain") == ""
    repository.git("fsck", "--strict")


def attempt(commit: Callable[[], str], repository: Repository) -> bool:
    """True if it was committed; a person whose index is locked tries again."""
    try:
        repository.git("add", "notes.txt")
        commit()
    except subprocess.CalledProcessError as error:
        if "lock" not in error.stderr:
            raise
        return False
    return True


def until_it_works(service: Reverter, asked: RollbackRequest) -> RollbackResult:
    """As a caller does on 409: the same request again."""
    while True:
        try:
            return service.perform(asked)
        except ConflictError as error:
            if "meanwhile" not in str(error) and "another git" not in str(error):
                raise
