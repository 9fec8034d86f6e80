"""Objects of our own mirror that are missing, emptied or overwritten: found wherever it shows, and made whole."""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from harness.git_http_server import HttpGit
from harness.repo_fixtures import Follow, Following
from harness.repository import Repository

from chronos_gitops.git.errors import GitError
from chronos_gitops.sync.status import SyncState

NIGHTLY = "30 3 * * *"
OBJECTS = {
    "tip commit": "main",
    "old commit": "main~2",
    "root tree": "main^{tree}",
    "jobs tree": "main:jobs",
    "old jobs tree": "main~1:jobs",
    "blob": "main:jobs/one.yaml",
    "old blob": "main~1:jobs/one.yaml",
}
DAMAGES = ("missing", "zeroed", "garbage")


@pytest.fixture
def server(repository: Repository, tmp_path: Path) -> Repository:
    """Three versions of the job one."""
    for number in (1, 2):
        repository.write_job("one", schedule=f"{number} 3 * * *")
        repository.commit(f"Change {number}")
    return repository.bare(tmp_path / "server.git")


@pytest.fixture
def web(server: Repository) -> Iterator[HttpGit]:
    server.git("config", "uploadpack.allowFilter", "true")
    with HttpGit(server.root.parent) as running:
        yield running


def mirror_of(data: Path) -> Repository:
    (folder,) = data.glob("mirror-*.git")
    return Repository(folder)


def damage(mirror: Repository, name: str, how: str) -> None:
    """One object, which is unpacked first if need be."""
    for pack in list(mirror.root.glob("objects/pack/*.pack")):
        content = pack.read_bytes()
        for file in mirror.root.glob(f"objects/pack/{pack.stem}.*"):
            file.unlink()
        subprocess.run(["git", "unpack-objects", "-q"], cwd=mirror.root, input=content, check=True)
    path = mirror.root / "objects" / name[:2] / name[2:]
    size = path.stat().st_size
    path.chmod(0o644)
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(b"" if how == "zeroed" else os.urandom(size))


def is_whole(following: Following) -> bool:
    """Whether every version can be read, as a page does."""
    follower = following.follower
    try:
        for job in ("one", "two"):
            for version in follower.index().versions(job):
                assert b"name: " in follower.read(version.blob)
        git = follower.source.git
        git.run("rev-list", "--verify-objects", "--quiet", "--first-parent", "refs/chronos/remote/main", "--", "jobs")
    except GitError:
        return False
    return True


def until_checked(following: Following) -> None:
    """The look over the mirror that a start makes is over; what is damaged from now on was sound then."""
    assert following.follower.source.check()


def until_whole(following: Following) -> None:
    until = time.monotonic() + 30
    pause = threading.Event()
    while not is_whole(following):
        assert time.monotonic() < until, following.follower.status()
        pause.wait(0.02)


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("what", OBJECTS)
def test_damage_is_found_at_start(
    server: Repository, follow: Follow, data_folder: Path, what: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    follow(server.root).follower.stop()
    damage(mirror_of(data_folder), server.git("rev-parse", OBJECTS[what]), how)
    following = follow(server.root)
    until_whole(following)
    assert following.follower.sync().state is SyncState.SYNCED
    assert len(following.follower.index().versions("one")) == 3
    # A fetch brings a missing tip by itself.
    assert "the mirror was made anew" in caplog.messages or (what, how) == ("tip commit", "missing")


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("what", OBJECTS)
def test_damage_is_found_at_the_next_fetch_or_read(
    repository: Repository, server: Repository, follow: Follow, data_folder: Path, what: str, how: str
) -> None:
    following = follow(server.root)
    until_checked(following)
    damage(mirror_of(data_folder), server.git("rev-parse", OBJECTS[what]), how)
    following.follower.source.git.reset()  # the reader has the old file open
    repository.write_job("three")
    repository.commit()
    repository.push()
    following.wait(lambda jobs: jobs.get("three") is not None)
    until_whole(following)
    assert following.follower.sync().state is SyncState.SYNCED
    assert len(following.follower.index().versions("one")) == 3


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("what", ["tip commit", "jobs tree", "blob", "old blob"])
def test_a_mirror_without_contents_of_other_folders_heals_too(
    web: HttpGit, server: Repository, follow: Follow, data_folder: Path, what: str, how: str
) -> None:
    url = web.url("server.git")
    follow(url).follower.stop()
    damage(mirror_of(data_folder), server.git("rev-parse", OBJECTS[what]), how)
    following = follow(url)
    until_whole(following)
    assert following.follower.status().state is SyncState.SYNCED


@pytest.mark.parametrize("how", DAMAGES)
def test_a_reader_that_meets_damage_has_it_mended(
    server: Repository, follow: Follow, data_folder: Path, how: str
) -> None:
    following = follow(server.root, interval=timedelta(hours=1))
    until_checked(following)
    blob = server.git("rev-parse", OBJECTS["old blob"])
    damage(mirror_of(data_folder), blob, how)
    following.follower.source.git.reset()
    with pytest.raises(GitError):
        following.follower.read(blob)
    until_whole(following)


def test_a_pack_that_is_overwritten_while_it_is_used(server: Repository, follow: Follow, data_folder: Path) -> None:
    following = follow(server.root)
    until_checked(following)
    mirror = mirror_of(data_folder)
    mirror.git("repack", "-a", "-d", "--quiet")
    following.follower.source.git.reset()
    (pack,) = mirror.root.glob("objects/pack/*.pack")
    size = pack.stat().st_size
    pack.chmod(0o600)
    pack.write_bytes(os.urandom(size))
    with contextlib.suppress(GitError):  # a pass of the follower may have met it first, and mended it
        following.follower.read(server.git("rev-parse", OBJECTS["blob"]))
    until_whole(following)
    mirror.git("fsck", "--strict")


def test_damage_waits_for_a_remote_that_is_away_and_jobs_go_on(
    server: Repository, follow: Follow, data_folder: Path, tmp_path: Path
) -> None:
    follow(server.root, branch="main").follower.stop()
    damage(mirror_of(data_folder), server.git("rev-parse", OBJECTS["blob"]), "garbage")
    server.root.rename(tmp_path / "away.git")
    following = follow(server.root, branch="main")
    assert following.names == ["one", "two"]
    assert following.follower.sync().state is SyncState.FAILED
    (tmp_path / "away.git").rename(server.root)
    assert following.follower.sync().state is SyncState.SYNCED
    until_whole(following)


def test_a_remote_that_is_damaged_itself_is_asked_at_the_pace_of_failures(
    server: Repository, follow: Follow, data_folder: Path
) -> None:
    """1.5 s of real time, in which a mirror that heals in a loop would be made a dozen times."""
    following = follow(server.root, branch="main")
    until_checked(following)
    blob = server.git("rev-parse", OBJECTS["blob"])
    for repository in (server, mirror_of(data_folder)):
        damage(repository, blob, "garbage")
    fetched: list[str] = []
    following.follower.source.mirror._on_fetch = lambda result, _: fetched.append(result)  # type: ignore[attr-defined]
    following.follower.source.git.reset()
    for _ in range(5):
        with pytest.raises(GitError):
            following.follower.read(blob)
    time.sleep(1.5)
    assert following.follower.status().state is SyncState.FAILED
    assert len(fetched) <= 2


@pytest.mark.parametrize(
    "lock", ["packed-refs.lock", "refs/chronos/remote/main.lock", "refs/chronos/arriving/main.lock", "shallow.lock"]
)
def test_a_lock_that_a_killed_git_left_while_the_runner_works(
    repository: Repository, server: Repository, follow: Follow, data_folder: Path, lock: str
) -> None:
    following = follow(server.root)
    file = mirror_of(data_folder).root / lock
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    repository.write_job("three")
    repository.commit()
    repository.push()
    following.wait(lambda jobs: jobs.get("three") is not None)
    assert following.follower.sync().state is SyncState.SYNCED
