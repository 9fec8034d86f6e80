import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.repositories.repo_fixtures import Follow, Following
from harness.repositories.repository import Repository

from chronos_gitops.git.client import Git
from chronos_gitops.git.discovery import discover


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, _guarded_environment: None) -> Repository:
    repository = Repository.init(tmp_path_factory.mktemp("template") / "checkout")
    repository.write_job("one")
    repository.write_job("two")
    repository.commit("Add two jobs")
    return repository


@pytest.fixture
def repository(template: Repository, tmp_path: Path) -> Repository:
    """A checkout with the jobs one and two in its first commit."""
    return Repository(Path(shutil.copytree(template.root, tmp_path / "checkout", copy_function=shutil.copy)))


@pytest.fixture
def bare(repository: Repository, tmp_path: Path) -> Repository:
    """The remote that ``repository`` pushes to."""
    return repository.bare(tmp_path / "server.git")


@pytest.fixture
def git(repository: Repository) -> Iterator[Git]:
    git = Git(discover(repository.root))
    yield git
    git.close()


@pytest.fixture
def follow(data_folder: Path) -> Iterator[Follow]:
    """Starts followers, each ended at the end of the test."""
    started: list[Following] = []

    def start(repository: str | Path, **options: Any) -> Following:
        following = Following(repository, options.pop("data", data_folder), **options)
        started.append(following)
        following.follower.start()
        return following

    yield start
    for following in started:
        following.follower.stop()
