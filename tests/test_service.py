"""The wiring: one data folder, one runner; what cannot work is said before anything starts."""

import os
import subprocess
from pathlib import Path

import pytest

from chronos_gitops import settings
from chronos_gitops.errors import UsageError
from chronos_gitops.service import DataFolderInUse, DataFolderUnusable, DataLock, build
from chronos_gitops.settings import Settings


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    (repo / "jobs").mkdir()
    return repo


def chosen(repo: Path, data: Path, **flags: str) -> Settings:
    return settings.load({"repo": str(repo), "data": str(data), **flags}, {}, None)


def test_a_data_folder_belongs_to_one_runner_and_its_process_is_named(data_folder: Path) -> None:
    lock = DataLock(data_folder)
    with pytest.raises(DataFolderInUse, match=f"process {os.getpid()}"):
        DataLock(data_folder)
    lock.release()
    DataLock(data_folder).release()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderUnusable, match="file"):
        DataLock(tmp_path / "file" / "data")


def test_what_fails_while_building_gives_the_data_folder_back(tmp_path: Path, data_folder: Path) -> None:
    with pytest.raises(Exception, match="not in a git repository"):
        build(chosen(tmp_path, data_folder))
    DataLock(data_folder).release()


def test_an_engine_of_a_later_version_is_a_usage_error(repo: Path, data_folder: Path) -> None:
    with pytest.raises(UsageError, match="postgresql"):
        build(chosen(repo, data_folder, engine="postgresql://db.example.com/chronos"))


def test_a_started_service_knows_the_jobs_and_stops_twice_without_harm(repo: Path, data_folder: Path) -> None:
    (repo / "jobs" / "hello-world.yaml").write_text(
        "name: hello-world\nschedule: '@yearly'\nwebhook: {url: 'http://127.0.0.1:9/'}\n"
    )
    with build(chosen(repo, data_folder)) as service:
        assert [definition.job.name for definition in service.jobs()] == ["hello-world"]
        assert service.next_runs("hello-world", 3) == (), "it is not enabled"
    service.stop()
