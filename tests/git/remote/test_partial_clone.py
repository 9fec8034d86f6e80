"""A large repository behind a URL: only what jobs need is fetched, in one go, and reading never speaks to anybody."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.programs.git_http_server import HttpGit
from harness.repositories.repo_fixtures import Follow, Following
from harness.repositories.repository import Repository, job_text

from chronos_gitops.git.commit import Person
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest
from chronos_gitops.sync.status import SyncState

NIGHTLY = "30 3 * * *"
LARGE = b"\0large\xff" * 100_000


@pytest.fixture
def monorepo(repository: Repository, tmp_path: Path) -> Repository:
    """Ten versions of a job beside a large file that changes with each of them."""
    for number in range(10):
        (repository.root / "large.bin").write_bytes(LARGE + str(number).encode())
        repository.write_job("one", schedule=f"{number} 3 * * *")
        repository.commit(f"Change {number}")
    server = repository.bare(tmp_path / "server.git")
    server.git("config", "uploadpack.allowFilter", "true")
    server.git("config", "http.receivepack", "true")
    return server


@pytest.fixture
def web(monorepo: Repository) -> Iterator[HttpGit]:
    with HttpGit(monorepo.root.parent) as server:
        yield server


def missing(following: Following) -> list[str]:
    """Objects that refs of the mirror need and that are not there."""
    output = following.follower.source.git.run("rev-list", "--objects", "--all", "--missing=print").decode()
    return [line[1:] for line in output.splitlines() if line.startswith("?")]


def contents(following: Following) -> list[str]:
    follower = following.follower
    return [follower.read(version.blob).decode() for version in follower.index().versions("one")]


def test_contents_of_other_folders_stay_on_the_server(monorepo: Repository, web: HttpGit, follow: Follow) -> None:
    following = follow(web.url("server.git"))
    assert following.names == ["one", "two"]
    assert len(missing(following)) == 10
    assert monorepo.git("rev-parse", "main:large.bin") in missing(following)


def test_contents_of_every_version_came_in_one_request(web: HttpGit, follow: Follow) -> None:
    following = follow(web.url("server.git"))
    asked = len(web.seen)
    web.answer = (503, "")
    assert contents(following) == [
        job_text("one"),
        *(job_text("one", schedule=f"{number} 3 * * *") for number in range(10)),
    ]
    assert len(web.seen) == asked
    assert asked <= 8  # HEAD; refs and pack of the fetch; refs and pack of the contents


def test_what_is_missing_is_an_error_at_once_and_not_a_question_to_the_network(
    monorepo: Repository, web: HttpGit, follow: Follow
) -> None:
    following = follow(web.url("server.git"))
    asked = len(web.seen)
    done = following.follower.source.git.attempt("cat-file", "-p", monorepo.git("rev-parse", "main:large.bin"))
    assert done.code != 0
    assert len(web.seen) == asked


def test_a_push_brings_what_is_new_and_a_rollback_is_pushed(
    repository: Repository, monorepo: Repository, web: HttpGit, follow: Follow
) -> None:
    following = follow(web.url("server.git"))
    repository.write_job("one", schedule=NIGHTLY)
    (repository.root / "large.bin").write_bytes(LARGE)
    repository.commit()
    repository.push()
    assert following.follower.sync().state is SyncState.SYNCED
    assert following.schedule("one") == NIGHTLY
    asked = RollbackRequest("one", "1", "", Person("Alice", "a@example.com"), "id-1")
    result = Reverter(following.follower).perform(asked)
    assert result.commit == monorepo.head("refs/heads/main")
    assert monorepo.git("diff", "--name-only", "main~1", "main") == "jobs/one.yaml"
    assert len(missing(following)) == 11
    monorepo.git("fsck", "--strict")


def test_contents_that_could_not_be_brought_are_brought_by_the_next_fetch(
    repository: Repository, web: HttpGit, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = follow(web.url("server.git"))
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    repository.push()
    web.breaks_at = len(web.seen) + 4  # two for the refs and one for the pack come, those for contents do not
    status = following.follower.sync()
    assert (status.state, following.schedule("one")) == (SyncState.FAILED, "9 3 * * *")
    git = following.follower.source.git
    assert git.resolve("refs/chronos/arriving/main") == repository.head()
    assert git.resolve("refs/chronos/remote/main") != repository.head()
    web.breaks_at = None
    assert following.follower.sync().state is SyncState.SYNCED
    assert following.schedule("one") == NIGHTLY


def test_a_server_that_cannot_filter_sends_everything(monorepo: Repository, web: HttpGit, follow: Follow) -> None:
    monorepo.git("config", "uploadpack.allowFilter", "false")
    following = follow(web.url("server.git"))
    assert following.names == ["one", "two"]
    assert missing(following) == []


def test_another_jobs_folder_has_a_mirror_of_its_own(
    repository: Repository, web: HttpGit, follow: Follow, data_folder: Path
) -> None:
    follow(web.url("server.git")).follower.stop()
    repository.write_job("other", path="services/other.yaml")
    repository.commit()
    repository.push()
    assert follow(web.url("server.git"), jobs="services").names == ["other"]
    assert len(list(data_folder.glob("mirror-*.git"))) == 2


def test_the_whole_repository_as_the_jobs_folder_leaves_nothing_out(web: HttpGit, follow: Follow) -> None:
    assert missing(follow(web.url("server.git"), jobs=".")) == []
