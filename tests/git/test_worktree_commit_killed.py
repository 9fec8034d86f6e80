"""kill -9 in the middle of a rollback in a checkout: whoever comes next ends it, and nobody's own change is lost."""

import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository, job_text

from chronos_gitops.errors import ConflictError
from chronos_gitops.git.client import Git
from chronos_gitops.git.worktree.commit import Checkout
from chronos_gitops.git.worktree.index_lock import IndexLock, Swap

NIGHTLY = "30 3 * * *"
PROGRAM = """\
import sys
from chronos_gitops.cli import main as cli; from chronos_gitops.process import failpoints
failpoints.arm(sys.argv[1])
sys.exit(cli.main(["rollback", "one", "1"]))
"""
POINTS = ("after-swap-ref", "after-files")


@pytest.fixture
def changed(repository: Repository) -> Repository:
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit("Run one later")
    return repository


def roll_back(repository: Repository, failpoint: str = "") -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-c", PROGRAM, failpoint]
    return subprocess.run(words, cwd=repository.root, capture_output=True, text=True, timeout=60, check=False)


def kill(repository: Repository, point: str) -> None:
    """The command that people use, killed at this point."""
    done = roll_back(repository, f"{point}:kill")
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (repository.root / ".git/index.lock").exists()


def is_whole(repository: Repository) -> bool:
    content = (repository.root / "jobs/one.yaml").read_text()
    return (repository.git("status", "--porcelain"), content) == ("", job_text("one"))


@pytest.mark.parametrize("point", POINTS)
def test_the_next_command_ends_it_and_says_that_nothing_is_left_to_do(changed: Repository, point: str) -> None:
    kill(changed, point)
    head = changed.head()
    done = roll_back(changed)
    assert done.returncode == 0, done.stderr
    assert changed.head() == head
    assert is_whole(changed)
    assert [path.name for path in (changed.root / ".git").glob("index*")] == ["index"]


@pytest.mark.parametrize("point", POINTS)
def test_a_runner_ends_it_when_it_looks_next(changed: Repository, follow: Follow, point: str) -> None:
    following = follow(changed.root)
    kill(changed, point)
    following.follower.sync()
    assert is_whole(changed)
    definition = following.follower.jobs().definitions["one"]
    assert (definition.version, definition.draft, following.schedule("one")) == (3, False, "0 2 * * *")


def test_what_somebody_wrote_since_stays(changed: Repository, git: Git) -> None:
    kill(changed, "after-swap-ref")
    (changed.root / "jobs/one.yaml").write_text("mine\n")
    Checkout(git).recover()
    assert (changed.root / "jobs/one.yaml").read_text() == "mine\n"
    assert not (changed.root / ".git/index.lock").exists()


def test_a_lock_that_came_to_nothing_goes_and_nothing_else_changes(changed: Repository, git: Git) -> None:
    head = changed.head()
    lock = changed.root / ".git/index.lock"
    lock.write_bytes(b'chronos-gitops\n{"ref": "refs/heads/ma')
    Checkout(git).recover()
    assert not lock.exists()
    assert (changed.head(), changed.git("status", "--porcelain")) == (head, "")


def test_a_lock_whose_commit_never_reached_the_branch_goes(changed: Repository, git: Git) -> None:
    lock = IndexLock(changed.root / ".git/index")
    with lock.held() as held:
        held.announce(Swap("refs/heads/main", changed.head(), "c" * 40))
        content = lock.path.read_bytes()
    lock.path.write_bytes(content)
    Checkout(git).recover()
    assert not lock.path.exists()
    assert changed.git("status", "--porcelain") == ""


def test_the_lock_of_a_process_that_works_is_left_alone(changed: Repository, git: Git) -> None:
    lock = changed.root / ".git/index.lock"
    with lock.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(b"chronos-gitops\n")
        file.flush()
        Checkout(git).recover()
        assert lock.exists()


@pytest.mark.parametrize("content", [b"", b"DIRC\x00\x00\x00\x02"])
def test_the_lock_of_git_itself_is_left_alone(changed: Repository, git: Git, content: bytes, tmp_path: Path) -> None:
    lock = IndexLock(changed.root / ".git/index")
    lock.path.write_bytes(content)
    Checkout(git).recover()
    assert lock.path.read_bytes() == content
    with pytest.raises(ConflictError, match="another git command"), lock.held():
        pass
    assert lock.path.read_bytes() == content
    assert list(lock.path.parent.glob("index.lock.chronos-*")) == []
