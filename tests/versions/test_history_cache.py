"""The index of versions on disk: read back whole, and never believed when it does not fit."""

from pathlib import Path

import pytest
from harness.repositories.repository import Repository

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import GitError
from chronos_gitops.git.incomplete_clone import PresentObjects
from chronos_gitops.versions.history import History, Index
from chronos_gitops.versions.history_cache import HistoryCache

NIGHTLY = "30 3 * * *"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.json"


@pytest.fixture
def storied(repository: Repository) -> Repository:
    """Every kind of change, a broken file and an odd author among them."""
    repository.write_job("one", schedule=NIGHTLY)
    repository.git(
        "commit", "--quiet", "--all", "--author", 'Zoë \\" 日本 <z@example.com>', "--message", "Later\n\nBody"
    )
    repository.git("mv", "jobs/two.yaml", "jobs/moved.yaml")
    repository.commit("Move")
    repository.write("jobs/one.yaml", "name: [")
    repository.commit("Break")
    repository.remove("jobs/moved.yaml")
    repository.write_job("one", path="jobs/copy.yaml")
    repository.commit("Delete and copy")
    return repository


def history(git: Git, file: Path, identity: str = "here") -> History:
    return History(PresentObjects(git), "jobs", HistoryCache(file, identity))


def told(index: Index) -> dict[str, object]:
    return {job: index.versions(job) for job in sorted(index.jobs())}


def test_what_comes_back_is_what_was_saved_and_goes_on_from_there(storied: Repository, git: Git, file: Path) -> None:
    first = history(git, file)
    before = first.index(storied.head())
    first.save()
    (storied.root / "jobs/one.yaml").unlink()
    storied.write_job("two")
    storied.commit("Go on")
    again = history(git, file)
    assert told(again.index(before.head)) == told(before)
    assert told(again.index(storied.head())) == told(History(PresentObjects(git), "jobs").index(storied.head()))


def test_a_restart_reads_no_commit_again(storied: Repository, git: Git, file: Path) -> None:
    first = history(git, file)
    first.index(storied.head())
    first.save()
    assert file.read_bytes().count("Zoë".encode()) == 1
    root = storied.git("rev-list", "--max-parents=0", "HEAD")
    (storied.root / ".git/objects" / root[:2] / root[2:]).unlink()
    with pytest.raises(GitError):
        History(PresentObjects(git), "jobs").index(storied.head())
    assert told(history(git, file).index(storied.head())) == told(first.index(storied.head()))


@pytest.mark.parametrize("damage", ["empty", "flipped", "cut", "list", "other identity"])
def test_a_file_that_does_not_fit_is_made_anew(storied: Repository, git: Git, file: Path, damage: str) -> None:
    first = history(git, file)
    expected = told(first.index(storied.head()))
    first.save()
    content = bytearray(file.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    new = {"empty": b"", "flipped": bytes(content), "cut": bytes(content[:-9]), "list": b"x\n[]"}.get(damage)
    if new is not None:
        file.write_bytes(new)
    identity = "elsewhere" if damage == "other identity" else "here"
    assert told(history(git, file, identity).index(storied.head())) == expected


def test_a_history_that_was_rewritten_meanwhile_is_read_anew(storied: Repository, git: Git, file: Path) -> None:
    first = history(git, file)
    first.index(storied.head())
    first.save()
    storied.git("reset", "--quiet", "--hard", "HEAD~3")
    storied.write_job("one", schedule="1 1 * * *")
    storied.commit("Another line")
    assert told(history(git, file).index(storied.head())) == told(
        History(PresentObjects(git), "jobs").index(storied.head())
    )


def test_a_disk_that_takes_nothing_is_no_error(storied: Repository, git: Git, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    first = history(git, tmp_path / "file" / "history.json")
    first.index(storied.head())
    first.save()
