"""Paths that stand for a repository, and those that only lie in one."""

from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.git.discovery import discover
from chronos_gitops.git.errors import NotARepository


@pytest.mark.parametrize("place", ["outside", "inside"])
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_bundle_is_named_with_what_to_do(
    repository: Repository, tmp_path: Path, follow: Follow, place: str, version: int, prefix: str
) -> None:
    """Also where it lies in a repository, whose own files must not run in its place."""
    bundle = (repository.root if place == "inside" else tmp_path) / "jobs.bundle"
    repository.git("bundle", "create", "--quiet", f"--version={version}", str(bundle), "main")
    with pytest.raises(NotARepository, match="is a git bundle") as refused:
        follow(f"{prefix}{bundle}")
    assert f"git clone {bundle}" in refused.value.hint


def test_a_file_in_a_repository_is_no_repository(repository: Repository, follow: Follow) -> None:
    for mode in (None, "branch"):
        with pytest.raises(NotARepository, match=r"one\.yaml is a file"):
            follow(repository.root / "jobs" / "one.yaml", mode=mode)


def test_the_git_file_of_a_linked_worktree_leads_to_it(repository: Repository, tmp_path: Path) -> None:
    repository.git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "other")
    assert discover(tmp_path / "linked" / ".git").root == tmp_path / "linked"
