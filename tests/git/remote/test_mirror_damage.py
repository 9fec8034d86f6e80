"""Objects of our own mirror that are missing, emptied or overwritten: found wherever it shows, and made whole."""

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from harness.machine.seeds import seeded
from harness.programs.git_http_server import HttpGit
from harness.repositories.repo_fixtures import Follow, Following
from harness.repositories.repository import Repository

from chronos_gitops.git.commit import Person
from chronos_gitops.git.errors import GitError
from chronos_gitops.git.remote.integrity import damaged_packs
from chronos_gitops.rollback.revert import Reverter
from chronos_gitops.rollback.to_version import RollbackRequest
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
    server.git("config", "http.receivepack", "true")
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
        path.write_bytes(b"" if how == "zeroed" else seeded(20261128).randbytes(size))


def damage_packs(mirror: Repository, which: str, suffix: str, how: str) -> None:
    """Packs, or their indexes: all of them, or the one that was fetched first or last."""
    files = sorted(mirror.root.glob(f"objects/pack/*{suffix}"), key=lambda path: path.stat().st_mtime_ns)
    assert len(files) > 1
    for path in {"all": files, "oldest": files[:1], "newest": files[-1:]}[which]:
        content = path.read_bytes()
        path.chmod(0o644)
        if how == "missing":
            path.unlink()
        else:
            path.write_bytes(spoilt(content, how))


def spoilt(content: bytes, how: str) -> bytes:
    return {"zeroed": b"", "garbage": b"\xa5" * len(content), "cut": content[: len(content) // 2]}[how]


def is_whole(following: Following) -> bool:
    """True if every version can be read, as a page does."""
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


def until_sound(following: Following, mirror: Repository) -> None:
    until_whole(following)
    until = time.monotonic() + 30
    while subprocess.run(["git", "fsck", "--strict"], cwd=mirror.root, check=False).returncode != 0:
        assert time.monotonic() < until, following.follower.status()
        threading.Event().wait(0.1)


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
    assert "the mirror was recreated" in caplog.messages or (what, how) == ("tip commit", "missing")


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


def test_a_mirror_that_is_gone_ends_no_thread_and_is_made_again(
    server: Repository, follow: Follow, data_folder: Path
) -> None:
    """Before, the look over the mirror at start raised, and git was not followed any more."""
    following = follow(server.root)
    until_checked(following)
    shutil.rmtree(mirror_of(data_folder).root)
    assert not following.follower.source.check()
    until_whole(following)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", [*DAMAGES, "cut"])
@pytest.mark.parametrize("suffix", [".pack", ".idx"])
@pytest.mark.parametrize("which", ["all", "oldest", "newest"])
def test_damaged_packs_are_found_at_the_next_fetch(
    repository: Repository, web: HttpGit, follow: Follow, data_folder: Path, which: str, suffix: str, how: str
) -> None:
    """Before, git's words for packs and indexes were not known, and nothing mended them."""
    following = follow(web.url("server.git"))
    until_checked(following)
    for number in (7, 8):
        repository.write_job("one", schedule=f"{number} 3 * * *")
        repository.commit(f"Change {number}")
        repository.push()
        assert following.follower.sync().state is SyncState.SYNCED
    damage_packs(mirror_of(data_folder), which, suffix, how)
    repository.write_job("one", schedule="9 3 * * *")
    repository.commit("Another change")
    repository.push()
    assert following.follower.sync().state is SyncState.SYNCED
    until_whole(following)
    assert len(following.follower.index().versions("one")) == 6


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
    pack.write_bytes(seeded(20261128).randbytes(size))
    with contextlib.suppress(GitError):  # a pass of the follower may have met it first, and mended it
        following.follower.read(server.git("rev-parse", OBJECTS["blob"]))
    until_sound(following, mirror)


@pytest.mark.parametrize("how", ["zeroed", "garbage", "cut"])
@pytest.mark.parametrize("suffix", [".pack", ".idx", ".rev", ".bitmap"])
def test_a_damaged_pack_whose_objects_a_fetch_has_brought_again_goes(
    server: Repository, follow: Follow, data_folder: Path, suffix: str, how: str
) -> None:
    """Before, nothing was missing then, so the mirror counted as whole and git complained of the pack each time."""
    following = follow(server.root)
    until_checked(following)
    mirror = mirror_of(data_folder)
    mirror.git("-c", "pack.writeReverseIndex=true", "repack", "-a", "-d", "-b", "--quiet")
    (pack,) = mirror.root.glob("objects/pack/*.pack")
    content, aside = pack.read_bytes(), [(path, path.read_bytes()) for path in pack.parent.glob(f"{pack.stem}.*")]
    for path, _ in aside:
        path.unlink()
    subprocess.run(["git", "unpack-objects", "-q"], cwd=mirror.root, input=content, check=True)
    for path, kept in aside:
        path.write_bytes(spoilt(kept, how) if path.suffix == suffix else kept)
    following.follower.source.git.reset()
    assert is_whole(following)
    assert not following.follower.source.check()
    assert following.follower.sync().state is SyncState.SYNCED
    until_sound(following, mirror)
    assert not list(damaged_packs(mirror.root / "objects", "sha1"))


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
    """1.5 s after the first failure, in which a mirror that heals in a loop would be made a dozen times."""
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
    following.wait_for_status(lambda status: status.state is SyncState.FAILED)
    time.sleep(1.5)
    assert following.follower.status().state is SyncState.FAILED
    assert fetched.count("failed") <= 2, fetched  # one may have begun before the damage


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


@pytest.fixture(params=["everything", "jobs only"])
def rewritten(
    request: pytest.FixtureRequest, repository: Repository, server: Repository, web: HttpGit, follow: Follow
) -> tuple[str, str]:
    """The address of a repository whose history was rewritten while it was followed, and the tip from before."""
    address = str(server.root) if request.param == "everything" else web.url("server.git")
    repository.write_job("one", schedule="3 3 * * *")
    former = repository.commit("Change 3")
    repository.push()
    following = follow(address)
    repository.git("reset", "--quiet", "--hard", "HEAD~1")
    repository.write_job("one", schedule="4 3 * * *")
    repository.commit("Change 3 otherwise")
    repository.push("--force", "HEAD")
    assert following.follower.sync().history_epoch == 2
    following.follower.stop()
    return address, former


def break_config(mirror: Repository) -> None:
    (mirror.root / "config").write_text("garbage [")


def break_head(mirror: Repository) -> None:
    (mirror.root / "HEAD").write_bytes(b"\0" * 20)


def pack_refs_and_break_config(mirror: Repository) -> None:
    mirror.git("pack-refs", "--all")
    break_config(mirror)


def break_object(mirror: Repository) -> None:
    damage(mirror, mirror.git("rev-parse", "refs/chronos/remote/main:jobs/one.yaml"), "garbage")


def break_shared_object(mirror: Repository) -> None:
    damage(mirror, mirror.git("rev-parse", "refs/chronos/remote/main~1^{tree}"), "missing")


@pytest.mark.parametrize(
    "break_mirror", [break_config, break_head, pack_refs_and_break_config, break_object, break_shared_object]
)
def test_what_ran_before_the_history_was_rewritten_outlives_a_damaged_mirror(
    rewritten: tuple[str, str],
    follow: Follow,
    data_folder: Path,
    break_mirror: Callable[[Repository], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    address, former = rewritten
    old = mirror_of(data_folder)
    made = old.root.stat().st_ino
    break_mirror(old)
    following = follow(address)
    following.follower.source.check()
    following.follower.sync()
    mirror = mirror_of(data_folder)
    assert mirror.root.stat().st_ino != made
    assert mirror.git("for-each-ref", "--format=%(objectname)", "refs/chronos/applied/") == former, caplog.messages
    mirror.git("gc", "--quiet", "--prune=now")
    version = following.follower.former("one", former)
    assert version is not None
    assert b"3 3 * * *" in following.follower.read(version.blob)
    result = Reverter(following.follower).perform(RollbackRequest("one", former, "", Person("A", "a@example.com")))
    assert result.restored_version is not None
    assert following.schedule("one") == "3 3 * * *"


def test_a_former_tip_that_is_damaged_itself_does_not_stop_the_mending(
    rewritten: tuple[str, str], follow: Follow, data_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address, former = rewritten
    mirror = mirror_of(data_folder)
    damage(mirror, former, "garbage")
    break_object(mirror)
    following = follow(address)
    following.follower.source.check()
    assert following.follower.sync().state is SyncState.SYNCED
    assert "a former tip is lost with the damaged mirror" in caplog.messages
