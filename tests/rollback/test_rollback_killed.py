"""kill -9 at every point of a rollback: asked again, it ends in one commit, and nothing is broken."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness.repositories.repository import Repository

PROCESS = Path(__file__).parents[1] / "harness" / "processes" / "rollback_process.py"
POINTS = {"before-push": False, "after-push": True, "before-swap": True}
"""Where it dies, and whether the commit is on the branch by then."""


def roll_back(server: Repository, data: Path, point: str, request_id: str) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, str(PROCESS), str(server.root), str(data), point, request_id]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def kill_and_ask_again(server: Repository, data: Path, point: str, request_id: str) -> None:
    before = server.head("refs/heads/main")
    killed = roll_back(server, data, f"{point}:kill", request_id)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    made = server.git("rev-list", f"{before}..refs/heads/main").splitlines()
    assert len(made) == POINTS[point]
    again = roll_back(server, data, "", request_id)
    assert again.returncode == 0, again.stderr
    after = server.git("rev-list", f"{before}..refs/heads/main").splitlines()
    assert after == [again.stdout.strip()]
    assert not made or after == made


def check_soundness(server: Repository, data: Path) -> None:
    mirror = next(data.glob("mirror-*.git"))
    for folder in (mirror, server.root):
        subprocess.run(["git", "-C", str(folder), "fsck", "--no-dangling"], check=True, capture_output=True)
    assert list(mirror.rglob("*.lock")) == []


def prepared(repository: Repository, server: Repository, minute: int) -> None:
    """Commits a change of the job that can be rolled back."""
    repository.git("pull", "--quiet", "--ff-only", "origin", "main")
    repository.write_job("one", schedule=f"{minute % 60} {minute // 60} * * *")
    repository.commit()
    repository.push()


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_rollback_is_neither_lost_nor_doubled(
    repository: Repository, bare: Repository, data_folder: Path, point: str
) -> None:
    """Four to eight processes, each about half a second."""
    for number in range(3):
        prepared(repository, bare, number)
        kill_and_ask_again(bare, data_folder, point, f"request-{number}")
    check_soundness(bare, data_folder)


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_hundred_killed_rollbacks(repository: Repository, bare: Repository, data_folder: Path) -> None:
    for number in range(100):
        prepared(repository, bare, number)
        kill_and_ask_again(bare, data_folder, list(POINTS)[number % 3], f"request-{number}")
    check_soundness(bare, data_folder)
