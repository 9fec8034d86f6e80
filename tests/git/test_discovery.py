"""Paths that stand for a repository, and those that only lie in one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository

from chronos_gitops.git import discovery
from chronos_gitops.git.discovery import RepositoryPaths, discover
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


def found(path: Path) -> RepositoryPaths | str:
    try:
        return discovery.discover(path)
    except NotARepository as error:
        return str(error)


def linked(repository: Repository, tmp_path: Path) -> Path:
    repository.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    return tmp_path / "side" / "jobs"


def moved(setting: str) -> Callable[[Repository, Path], Path]:
    def make(repository: Repository, tmp_path: Path) -> Path:
        (tmp_path / "files").mkdir()
        repository.git("config", setting, str(tmp_path / "files") if setting == "core.worktree" else "true")
        return repository.root

    return make


def symlinked(target: str) -> Callable[[Repository, Path], Path]:
    def make(repository: Repository, tmp_path: Path) -> Path:
        (tmp_path / "link").symlink_to(repository.root / target)
        return tmp_path / "link"

    return make


def nested(repository: Repository, _: Path) -> Path:
    repository.git("init", "-q", "jobs/inner")
    return repository.root / "jobs" / "inner"


def broken(repository: Repository, _: Path) -> Path:
    (repository.root / "jobs" / ".git").mkdir()
    return repository.root / "jobs"


def bare(repository: Repository, tmp_path: Path) -> Path:
    return repository.bare(tmp_path / "bare.git").root


def linked_to(target: Path, link: Path) -> Path:
    link.symlink_to(target)
    return link


def with_checkout(folder: Path) -> Path:
    Repository.init(folder / "inner")
    (folder / "inner" / ".git").rename(folder / ".git")
    return folder


def configured(folder: Path, name: str, value: str) -> Path:
    Repository(folder).git("config", name, value)
    return folder


def without_head(folder: Path) -> Path:
    (folder / "HEAD").unlink()
    return folder


LAYOUTS: dict[str, Callable[[Repository, Path], Path]] = {
    "root": lambda repository, _: repository.root,
    "below": lambda repository, _: repository.root / "jobs",
    "dots": lambda repository, _: repository.root / "jobs" / ".." / "jobs",
    "file": lambda repository, _: repository.root / "jobs" / "one.yaml",
    "missing": lambda repository, _: repository.root / "absent",
    "git folder": lambda repository, _: repository.root / ".git",
    "in the git folder": lambda repository, _: repository.root / ".git" / "refs",
    "outside": lambda _, tmp_path: tmp_path,
    "linked worktree": linked,
    "core.worktree": moved("core.worktree"),
    "core.bare": moved("core.bare"),
    "a link to it": symlinked("."),
    "a link below it": symlinked("jobs"),
    "nested": nested,
    "broken inside": broken,
    "bare": bare,
    "in a bare one": lambda repository, tmp_path: bare(repository, tmp_path) / "refs",
    "a link to a bare one": lambda repository, tmp_path: linked_to(bare(repository, tmp_path), tmp_path / "link"),
    "bare with a checkout inside": lambda repository, tmp_path: with_checkout(bare(repository, tmp_path)),
    "bare = yes": lambda repository, tmp_path: configured(bare(repository, tmp_path), "core.bare", "yes"),
    "bare with core.worktree": lambda repository, tmp_path: configured(
        bare(repository, tmp_path), "core.worktree", str(tmp_path)
    ),
    "bare with an include": lambda repository, tmp_path: configured(
        bare(repository, tmp_path), "include.path", str(tmp_path / "other")
    ),
    "bare without HEAD": lambda repository, tmp_path: without_head(bare(repository, tmp_path)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("variable", ["", "GIT_DIR", "GIT_WORK_TREE", "GIT_CEILING_DIRECTORIES"])
def test_a_plain_repository_is_found_where_gitpython_finds_it(
    layout: str, variable: str, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = LAYOUTS[layout](repository, tmp_path)
    if variable:
        monkeypatch.setenv(variable, str(repository.root))
    quick = found(path)
    monkeypatch.setattr(discovery, "_plain_repository", lambda _: None)
    assert found(path) == quick


@pytest.mark.parametrize("layout", ["root", "below", "dots", "bare"])
def test_a_plain_repository_is_found_without_gitpython(
    layout: str, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = LAYOUTS[layout](repository, tmp_path)
    monkeypatch.setattr(discovery, "gitpython", lambda: pytest.fail("GitPython was asked"))
    assert discover(path).root == (None if layout == "bare" else repository.root)
