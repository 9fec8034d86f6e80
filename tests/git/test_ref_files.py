"""The files of a ref tell whether it moved, whichever way git keeps and changes it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.repositories.repository import Repository

from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import discover
from chronos_gitops.git.ref_files import LastAnswer, ref_files

Step = Callable[[Repository], object]
STEPS: dict[str, Step] = {
    "commit": lambda repository: repository.git("commit", "--allow-empty", "-qm", "next"),
    "packed": lambda repository: repository.git("pack-refs", "--all"),
    "commit over packed": lambda repository: repository.git("commit", "--allow-empty", "-qm", "next"),
    "packed again": lambda repository: repository.git("pack-refs", "--all"),
    "amended": lambda repository: repository.git("commit", "--amend", "--allow-empty", "-qm", "otherwise"),
    "reset": lambda repository: repository.git("reset", "-q", "--soft", "HEAD^"),
    "another branch": lambda repository: repository.git("switch", "-q", "-c", "other"),
    "a commit there": lambda repository: repository.git("commit", "--allow-empty", "-qm", "there"),
    "detached": lambda repository: repository.git("switch", "-q", "--detach"),
    "back": lambda repository: repository.git("switch", "-q", "main"),
}


@pytest.mark.parametrize("form", ["files", "linked"])
def test_the_commit_never_moves_without_its_files(form: str, repository: Repository, tmp_path: Path) -> None:
    if form == "linked":
        repository.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
        repository = Repository(tmp_path / "side")
        repository.git("branch", "-f", "unused")
    place = discover(repository.root)
    git = Git(place)
    seen: dict[object, str | None] = {}
    for step in list(STEPS.values())[: None if form == "files" else 6]:
        step(repository)
        commit = git.resolve("HEAD")
        files = ref_files(place, "HEAD")
        assert files is not None
        assert files == ref_files(place, "HEAD")
        assert seen.setdefault(files, commit) == commit
    assert len({*seen.values()}) >= 3


def test_the_rest_of_the_history_of_a_shallow_clone_is_another_answer(repository: Repository, tmp_path: Path) -> None:
    repository.git("commit", "--allow-empty", "-qm", "next")
    repository.git("clone", "-q", "--depth=1", f"file://{repository.root}", str(tmp_path / "shallow"))
    clone = Repository(tmp_path / "shallow")
    before = ref_files(discover(clone.root), "HEAD")
    clone.git("fetch", "-q", "--unshallow")
    assert ref_files(discover(clone.root), "HEAD") != before


def test_a_repository_that_cannot_be_read_has_no_files(repository: Repository) -> None:
    place = discover(repository.root)
    place.git_dir.rename(place.git_dir.with_name("away"))
    assert ref_files(place, "HEAD") is None


def test_a_ring_of_symbolic_refs_ends(repository: Repository) -> None:
    (repository.root / ".git/refs/heads/main").write_text("ref: refs/heads/main\n")
    assert ref_files(discover(repository.root), "HEAD") is not None


def test_an_answer_is_asked_for_again_when_its_source_changed_failed_or_is_not_known() -> None:
    asked: list[int] = []

    def ask() -> int:
        asked.append(len(asked))
        if len(asked) == 3:
            raise LookupError
        return len(asked)

    last = LastAnswer[int]()
    assert [last.get(source, ask) for source in ("a", "a", "b")] == [1, 1, 2]
    with pytest.raises(LookupError):
        last.get("c", ask)
    assert [last.get(source, ask) for source in ("c", "c", None, None)] == [4, 4, 5, 6]


@pytest.mark.timeout(20)
def test_a_pipe_in_the_place_of_a_ref_is_not_waited_for(repository: Repository) -> None:
    place = discover(repository.root)
    (place.git_dir / "refs/heads/main").unlink()
    os.mkfifo(place.git_dir / "refs/heads/main")
    assert ref_files(place, "HEAD") is None
