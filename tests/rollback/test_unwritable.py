"""A checkout that cannot be written: a rollback says so before anything is changed, and a dry run says it too."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.programs.git_http_server import HttpGit
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.git.commit import Person
from chronos_gitops.git.worktree.access import RefLocked
from chronos_gitops.rollback.local_checkout import Offline
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest

SCRIPT = Path(__file__).parents[1] / "harness" / "processes" / "unwritable_process.py"
PARTS = (".", ".git", ".git/objects", ".git/refs", ".git/logs", "jobs")
REASONS = {"mount": "the file system is read-only", "owner": "this process runs as"}
ASKED = RollbackRequest("one", "1", "", Person("A", "a@example.com"))


@pytest.fixture
def checkout(repository: Repository) -> Iterator[Repository]:
    """Two versions of the job one, in a folder that every user may enter."""
    repository.write_job("one", schedule="30 3 * * *")
    repository.commit("Run one later")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Repository(Path(shutil.copytree(repository.root, Path(folder, "checkout"))))


def state(checkout: Repository) -> dict[str, bytes]:
    files = (path for path in checkout.root.rglob("*") if path.is_file())
    return {str(path.relative_to(checkout.root)): path.read_bytes() for path in files}


@pytest.mark.parametrize("why", REASONS)
@pytest.mark.parametrize("part", PARTS)
def test_what_cannot_be_written_is_said_before_anything_is(checkout: Repository, part: str, why: str) -> None:
    """About a second: a process of its own, for mounts and users are a process's."""
    before = state(checkout)
    namespace = ("unshare", "--map-root-user", "--mount") if why == "mount" else ()
    done = subprocess.run(
        [*namespace, sys.executable, SCRIPT, checkout.root, part, why], capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert [line.partition(": ")[2].partition(":")[0] for line in lines] == ["not-writable"] * 2, done
    assert all(REASONS[why] in line for line in lines), lines
    assert state(checkout) == before


@pytest.mark.parametrize("lock", ["refs/heads/main.lock", "HEAD.lock"])
def test_a_stale_lock_of_the_branch_is_named(checkout: Repository, lock: str) -> None:
    """Takes twice the 2 s that another git command is waited for."""
    file = checkout.root / ".git" / lock
    file.touch()
    before = state(checkout)
    for step in (Reverter(Offline(checkout.root)).plan, Reverter(Offline(checkout.root)).perform):
        with pytest.raises(RefLocked, match=str(file)):
            step(ASKED)
    assert state(checkout) == before


def test_a_checkout_that_nothing_is_to_be_changed_in_need_not_be_writable(checkout: Repository) -> None:
    (checkout.root / ".git/refs/heads/main.lock").touch()
    asked = RollbackRequest("one", "2", "", Person("A", "a@example.com"))
    assert Reverter(Offline(checkout.root)).perform(asked).changed is False


@pytest.fixture
def served(repository: Repository, bare: Repository) -> Repository:
    """A bare repository whose job one has two versions."""
    repository.write_job("one", schedule="30 3 * * *")
    repository.commit("Run one later")
    repository.push()
    return bare


@pytest.mark.parametrize("lock", ["refs/heads/main.lock", "HEAD.lock"])
def test_a_stale_lock_in_the_repository_that_a_rollback_pushes_to_is_named(
    served: Repository, follow: Follow, lock: str
) -> None:
    """Takes twice the 2 s that another git command is waited for."""
    rollbacks = Reverter(follow(served.root).follower)
    before, file = served.head("main"), served.root / lock
    file.touch()
    for step in (rollbacks.plan, rollbacks.perform):
        with pytest.raises(RefLocked, match=str(file)):
            step(ASKED)
    assert served.git("for-each-ref", "--format=%(objectname) %(refname)").split() == [before, "refs/heads/main"]
    file.unlink()
    assert rollbacks.perform(ASKED).commit == served.head("main")


def test_a_stale_lock_on_a_server_is_named(served: Repository, follow: Follow) -> None:
    served.git("config", "http.receivepack", "true")
    with HttpGit(served.root.parent) as web:
        rollbacks = Reverter(follow(web.url("server.git")).follower)
        (served.root / "refs/heads/main.lock").touch()
        with pytest.raises(RefLocked, match=f"main.lock is there on {web.url('server.git')}"):
            rollbacks.perform(ASKED)


def test_a_lock_of_a_git_command_that_ends_is_waited_for(served: Repository, follow: Follow) -> None:
    """The hook takes the lock when the push arrives, and gives it back with the second try."""
    rollbacks = Reverter(follow(served.root).follower)
    served.hook(
        "pre-receive",
        'cd "$GIT_DIR"; lock=refs/heads/main.lock\n[ -e once ] && rm -f $lock || touch once $lock',
    )
    assert rollbacks.perform(ASKED).commit == served.head("main")
