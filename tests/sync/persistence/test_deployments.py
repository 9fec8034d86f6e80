"""When each version began to run: noted once, kept over restarts, and never in the way."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow, Following
from harness.repositories.repository import Repository

from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.job_set import diff
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.sync.persistence.deployments import Deployments
from chronos_gitops.versions.history import Index

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DOCUMENT = {"name": "one", "schedule": "@daily", "webhook": {"url": "https://hooks.example.com/"}}
NIGHTLY = "30 3 * * *"


class Watch:
    """A hand-turned clock for the follower."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def turn(self, minutes: int) -> datetime:
        self.time += timedelta(minutes=minutes)
        return self.time


@pytest.fixture
def watch() -> Watch:
    return Watch()


def deployed(following: Following, job: str) -> list[datetime | None]:
    follower = following.follower
    return [follower.deployments.at(job, version.commit) for version in follower.index().versions(job)]


def test_a_version_is_deployed_when_the_runner_takes_it(repository: Repository, follow: Follow, watch: Watch) -> None:
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    following = follow(repository.root, mode="branch", now=watch)
    assert deployed(following, "one") == [None, START]
    repository.write_job("one", schedule="45 4 * * *")
    repository.commit()
    later = watch.turn(7)
    following.follower.sync()
    assert deployed(following, "one") == [None, START, later]
    assert deployed(following, "two") == [START]


def test_a_deletion_is_deployed_too(repository: Repository, follow: Follow, watch: Watch) -> None:
    following = follow(repository.root, mode="branch", now=watch)
    repository.remove("jobs/two.yaml")
    repository.commit()
    gone = watch.turn(3)
    following.follower.sync()
    assert deployed(following, "two") == [START, gone]


def test_a_draft_and_a_quarantined_version_are_not_deployed(
    repository: Repository, follow: Follow, watch: Watch
) -> None:
    following = follow(repository.root, now=watch)
    repository.write_job("one", schedule=NIGHTLY)
    watch.turn(1)
    following.follower.sync()
    assert deployed(following, "one") == [START]
    repository.write("jobs/one.yaml", "name: one\nschedule: never\n")
    repository.commit()
    watch.turn(1)
    following.follower.sync()
    assert deployed(following, "one") == [START, None]


def test_it_is_kept_over_a_restart_and_noted_once(
    repository: Repository, follow: Follow, watch: Watch, data_folder: Path
) -> None:
    first = follow(repository.root, mode="branch", now=watch)
    first.follower.stop()
    before = (data_folder / "deployed.jsonl").read_bytes()
    watch.turn(60)
    assert deployed(follow(repository.root, mode="branch", now=watch), "one") == [START]
    assert (data_folder / "deployed.jsonl").read_bytes() == before


def test_a_line_that_a_kill_has_cut_loses_that_line_only(
    repository: Repository, follow: Follow, watch: Watch, data_folder: Path
) -> None:
    follow(repository.root, mode="branch", now=watch).follower.stop()
    with (data_folder / "deployed.jsonl").open("a") as file:
        file.write('{"at": "2026-03-01T12:')
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    later = watch.turn(5)
    follow(repository.root, mode="branch", now=watch).follower.stop()
    assert deployed(follow(repository.root, mode="branch", now=watch), "one") == [START, later]


@pytest.mark.parametrize("content", ["", "[", '{"format": 1, "identity": "elsewhere"}\n{"at": 1}\n', "null\n"])
def test_a_file_that_is_not_ours_begins_anew(content: str, tmp_path: Path) -> None:
    path = tmp_path / "deployed.jsonl"
    path.write_text(content)
    found = Deployments(path, "here")
    assert found.since is None
    one = JobVersion(Job.from_document(DOCUMENT), "jobs/one.yaml", DefinitionId("b" * 40), version=1, commit="c" * 40)
    jobs = JobSet.of("c" * 40, [one])
    found.note(diff(JobSet(), jobs), jobs, Index(), START)
    assert Deployments(path, "here").at("one", "c" * 40) == START


def test_a_folder_that_takes_no_file_costs_the_time_and_nothing_else(
    repository: Repository, follow: Follow, data_folder: Path
) -> None:
    (data_folder / "deployed.jsonl").mkdir(parents=True)
    following = follow(repository.root, mode="branch")
    assert following.names == ["one", "two"]
    assert deployed(following, "one") != [None]
