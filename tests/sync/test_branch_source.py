"""Only what is committed on a branch runs, out of a mirror of our own."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.repositories.repo_fixtures import Follow, Following
from harness.repositories.repository import Repository, job_text

from chronos_gitops.errors import ConflictError
from chronos_gitops.git.errors import ObjectMissing
from chronos_gitops.jobs.validation import validate
from chronos_gitops.jobs.validation.validate import FileResult, TreeResult, validate_file
from chronos_gitops.process import engine_priority
from chronos_gitops.sync.content import tree_judge
from chronos_gitops.sync.status import SyncState

NIGHTLY = "30 3 * * *"
WEEKLY = "0 5 * * 1"


def mirror_of(data: Path) -> Path:
    return next(data.glob("mirror-*.git"))


def test_a_bare_repository_is_followed_on_the_branch_its_head_names(bare: Repository, follow: Follow) -> None:
    following = follow(bare.root)
    status = following.follower.status()
    assert (status.state, status.mode, status.branch) == (SyncState.SYNCED, "branch", "main")
    assert following.names == ["one", "two"]
    assert {definition.draft for definition in following.follower.jobs()} == {False}


def test_a_push_applies_well_within_a_second(repository: Repository, bare: Repository, follow: Follow) -> None:
    """0.1 s, measured from the end of the push over 8 pushes; the bound leaves room for a busy machine."""
    following = follow(bare.root)
    times = []
    for minute in range(8):
        schedule = f"{minute} 5 * * *"
        repository.write_job("one", schedule=schedule)
        commit = repository.commit()
        repository.push()
        began = time.monotonic()
        following.wait(lambda jobs, text=schedule: jobs.definitions["one"].job.timing.definition == text)
        times.append(time.monotonic() - began)
        assert following.follower.jobs().definitions["one"].commit == commit
    assert sorted(times)[4] < 0.5, times
    assert max(times) < 1.0, times


def test_a_reload_gives_way_to_webhooks_between_two_files(
    repository: Repository, bare: Repository, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = follow(bare.root)
    between: list[object] = []

    def noted(*given: Any, on_file: Callable[[], None], **named: Any) -> TreeResult:
        between.append(on_file if engine_priority._guest.patience > 0 else None)
        return validate.validate_tree(*given, on_file=on_file, **named)

    monkeypatch.setattr(tree_judge, "validate_tree", noted)
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    repository.push()
    following.wait(lambda jobs: jobs.definitions["one"].job.timing.definition == NIGHTLY)
    assert between[-1] is engine_priority.yield_to_engine


def test_a_checkout_followed_by_branch_ignores_what_is_not_committed(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root, mode="branch")
    repository.write_job("one", schedule=NIGHTLY)
    assert following.follower.sync().state is SyncState.SYNCED
    assert following.schedule("one") == "0 2 * * *"
    repository.commit()
    following.wait(lambda jobs: jobs.definitions["one"].version == 2)


def test_a_branch_can_be_named(repository: Repository, bare: Repository, follow: Follow) -> None:
    repository.git("switch", "--quiet", "-c", "feature/night")
    repository.write_job("three")
    repository.commit()
    repository.push()
    following = follow(bare.root, branch="feature/night")
    assert following.names == ["one", "three", "two"]
    repository.write_job("four")
    repository.commit()
    repository.push()
    following.wait(lambda jobs: jobs.get("four") is not None)


def test_a_branch_that_looks_like_an_option_is_only_a_name(
    repository: Repository, bare: Repository, follow: Follow, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    name = "--upload-pack=touch"
    repository.git("update-ref", f"refs/heads/{name}", "HEAD")
    repository.git("push", "--quiet", "origin", f"refs/heads/{name}:refs/heads/{name}")
    assert follow(bare.root, branch=name).names == ["one", "two"]
    assert not canary.exists()


def test_an_invalid_file_is_quarantined_and_everything_else_applies(
    repository: Repository, bare: Repository, follow: Follow
) -> None:
    following = follow(bare.root)
    repository.write("jobs/one.yaml", "name: one\nschedule: nonsense\n")
    repository.write_job("two", schedule=NIGHTLY)
    repository.write("jobs/new.yaml", "name: new\n")
    tip = repository.commit()
    repository.push()
    following.wait(lambda jobs: jobs.definitions["two"].job.timing.definition == NIGHTLY)
    status = following.wait_for_status(lambda status: status.state is SyncState.DEGRADED)
    assert (status.quarantined, status.revision.applied, following.names) == (("new", "one"), tip, ["one", "two"])
    kept = following.follower.jobs().definitions["one"]
    assert (kept.version, bool(kept.quarantined)) == (1, True)
    assert [version.number for version in following.follower.index().versions("one")] == [1, 2]


def test_a_quarantined_file_that_is_broken_beyond_its_name_counts_as_present(
    repository: Repository, bare: Repository, follow: Follow
) -> None:
    following = follow(bare.root)
    repository.write("jobs/one.yaml", "\t: {{{")
    repository.commit()
    repository.push()
    following.wait_for_status(lambda status: status.quarantined == ("jobs/one.yaml",))
    assert following.names == ["one", "two"]


def test_reject_keeps_the_commit_before_and_heals(repository: Repository, bare: Repository, follow: Follow) -> None:
    following = follow(bare.root, on_invalid="reject")
    good = repository.head()
    repository.write("jobs/one.yaml", "name: one\n")
    repository.write_job("two", schedule=NIGHTLY)
    bad = repository.commit()
    repository.push()
    status = following.wait_for_status(lambda status: status.state is SyncState.FAILED)
    assert (status.revision.desired, status.revision.attempted, status.revision.applied) == (bad, bad, good)
    assert following.schedule("two") == "0 2 * * *"
    repository.write_job("one", schedule=WEEKLY)
    repository.commit()
    repository.push()
    following.wait(lambda jobs: jobs.definitions["two"].job.timing.definition == NIGHTLY)


def test_the_same_commit_is_not_validated_twice(repository: Repository, bare: Repository, follow: Follow) -> None:
    following = follow(bare.root)
    repository.write("jobs/one.yaml", "name: one\n")
    repository.commit()
    repository.push()
    status = following.wait_for_status(lambda status: status.state is SyncState.DEGRADED)
    announced = len(following.announced)
    again = following.follower.sync()
    assert again.problems is status.problems
    assert len(following.announced) == announced


def test_an_unreachable_remote_changes_nothing_and_heals(
    repository: Repository, bare: Repository, follow: Follow, tmp_path: Path
) -> None:
    following = follow(bare.root)
    away = bare.root.rename(tmp_path / "away")
    status = following.follower.sync()
    assert (status.state, status.reason) == (SyncState.FAILED, "NotARepository")
    assert following.names == ["one", "two"]
    away.rename(bare.root)
    assert following.follower.sync().state is SyncState.SYNCED


def test_a_deleted_branch_removes_nothing_and_heals(repository: Repository, bare: Repository, follow: Follow) -> None:
    repository.git("switch", "--quiet", "-c", "jobs-branch")
    repository.push()
    following = follow(bare.root, branch="jobs-branch")
    bare.git("branch", "-D", "jobs-branch")
    status = following.follower.sync()
    assert (status.state, status.reason, following.names) == (SyncState.FAILED, "BranchNotFound", ["one", "two"])
    repository.push()
    following.wait_for_status(lambda status: status.state is SyncState.SYNCED)


def test_a_commit_without_the_jobs_folder_removes_nothing(
    repository: Repository, bare: Repository, follow: Follow
) -> None:
    following = follow(bare.root)
    good = repository.head()
    shutil.rmtree(repository.root / "jobs")
    repository.write("README.md", "empty")
    tip = repository.commit()
    repository.push()
    status = following.wait_for_status(lambda status: status.state is SyncState.FAILED)
    assert (status.reason, status.revision.desired, status.revision.applied) == ("PathMissing", tip, good)
    assert following.names == ["one", "two"]


def test_an_emptied_tree_removes_nothing(repository: Repository, bare: Repository, follow: Follow) -> None:
    following = follow(bare.root)
    for name in ("one", "two"):
        repository.remove(f"jobs/{name}.yaml")
    repository.write("jobs/.gitkeep", "")
    repository.commit()
    repository.push()
    following.wait_for_status(lambda status: status.reason == "EmptyTree")
    assert following.names == ["one", "two"]


def test_a_trailer_with_the_exact_count_allows_many_deletions(
    repository: Repository, bare: Repository, follow: Follow
) -> None:
    for number in range(6):
        repository.write_job(f"job-{number}")
    repository.commit()
    repository.push()
    following = follow(bare.root)
    for number in range(6):
        repository.remove(f"jobs/job-{number}.yaml")
    repository.commit("Tidy up\n\nChronos-Allow-Deletes: 5")
    repository.push()
    status = following.wait_for_status(lambda status: status.held is not None)
    assert (len(following.names), status.reason) == (8, "UnsafePlan")
    repository.commit("Tidy up, counted well\n\nReviewed-by: A\nChronos-Allow-Deletes: 6")
    repository.push()
    following.wait(lambda jobs: list(jobs.definitions) == ["one", "two"])
    assert following.follower.sync().held is None


def test_held_deletions_are_approved_by_their_checksum_only(
    repository: Repository, bare: Repository, follow: Follow
) -> None:
    for number in range(6):
        repository.write_job(f"job-{number}")
    repository.commit()
    repository.push()
    following = follow(bare.root)
    for number in range(5):
        repository.remove(f"jobs/job-{number}.yaml")
    repository.commit()
    repository.push()
    first = following.wait_for_status(lambda status: status.held is not None).held
    repository.remove("jobs/job-5.yaml")
    repository.commit()
    repository.push()
    second = following.wait_for_status(lambda status: status.held is not None and len(status.held.names) == 6).held
    assert first is not None
    assert second is not None
    with pytest.raises(ConflictError):
        following.follower.approve(first.checksum)
    assert following.follower.approve(second.checksum).state is SyncState.SYNCED
    assert following.names == ["one", "two"]
    assert following.follower.sync().state is SyncState.SYNCED


def test_moved_files_are_no_deletions(repository: Repository, bare: Repository, follow: Follow) -> None:
    for number in range(6):
        repository.write_job(f"job-{number}")
    repository.commit()
    repository.push()
    following = follow(bare.root)
    repository.git("mv", "jobs", "elsewhere")
    repository.write("jobs/.gitkeep", "")
    repository.git("mv", "elsewhere", "jobs/team")
    repository.commit()
    repository.push()
    following.wait(lambda jobs: jobs.definitions["one"].path == "jobs/team/one.yaml")
    assert following.follower.sync().state is SyncState.SYNCED
    assert len(following.names) == 8


def test_a_force_push_is_followed_and_reported(repository: Repository, bare: Repository, follow: Follow) -> None:
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    repository.push()
    following = follow(bare.root)
    repository.git("reset", "--quiet", "--hard", "HEAD~1")
    repository.write_job("one", schedule=WEEKLY)
    repository.commit("Another second version")
    repository.push("--force", "HEAD")
    following.wait(lambda jobs: jobs.definitions["one"].job.timing.definition == WEEKLY)
    status = following.wait_for_status(lambda status: status.reason == "HistoryRewritten")
    assert status.state is SyncState.SYNCED
    assert following.follower.sync().reason == "HistoryRewritten"
    assert [version.subject for version in following.follower.index().versions("one")] == [
        "Add two jobs",
        "Another second version",
    ]
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    repository.push()
    following.wait(lambda jobs: jobs.definitions["one"].version == 3)
    assert following.follower.sync().reason is None


def test_a_merge_with_swapped_parents_is_reported_as_rewritten(
    repository: Repository, bare: Repository, follow: Follow
) -> None:
    following = follow(bare.root)
    repository.git("switch", "--quiet", "--orphan", "stranger")
    repository.write_job("one")
    repository.write_job("two")
    repository.commit("From another line")
    repository.git("merge", "--quiet", "--allow-unrelated-histories", "-s", "ours", "-m", "Swapped", "main")
    repository.push("HEAD:main")
    following.wait_for_status(lambda status: status.reason == "HistoryRewritten")


def test_a_restart_with_the_remote_gone_runs_the_last_good_state(
    repository: Repository, bare: Repository, follow: Follow
) -> None:
    repository.write_job("one", schedule=NIGHTLY)
    tip = repository.commit()
    repository.push()
    follow(bare.root).follower.stop()
    shutil.rmtree(bare.root)
    following = follow(bare.root)
    status = following.follower.status()
    assert (status.state, status.jobs, status.revision.applied) == (SyncState.FAILED, 2, tip)
    assert following.schedule("one") == NIGHTLY
    version = following.follower.index().versions("one")[-1]
    assert (version.number, version.commit) == (2, tip)
    assert following.follower.read(version.blob)


def test_a_restart_on_a_broken_tip_runs_the_last_good_version_of_that_job(
    repository: Repository, bare: Repository, follow: Follow
) -> None:
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    repository.push()
    follow(bare.root).follower.stop()
    repository.write("jobs/one.yaml", "{")
    repository.write_job("two", schedule=WEEKLY)
    repository.commit()
    repository.push()
    following = follow(bare.root)
    assert (following.schedule("one"), following.schedule("two")) == (NIGHTLY, WEEKLY)
    assert following.follower.status().state is SyncState.DEGRADED


def test_deletions_while_the_runner_was_down_are_held_too(
    repository: Repository, bare: Repository, follow: Follow
) -> None:
    for number in range(6):
        repository.write_job(f"job-{number}")
    repository.commit()
    repository.push()
    follow(bare.root).follower.stop()
    for number in range(6):
        repository.remove(f"jobs/job-{number}.yaml")
    repository.commit()
    repository.push()
    following = follow(bare.root)
    assert len(following.names) == 8
    assert following.follower.status().reason == "UnsafePlan"


def test_stale_locks_in_the_mirror_do_not_block(
    repository: Repository, bare: Repository, follow: Follow, data_folder: Path
) -> None:
    follow(bare.root).follower.stop()
    mirror = mirror_of(data_folder)
    for lock in ("packed-refs.lock", "refs/chronos/remote/main.lock", "HEAD.lock", "objects/pack/tmp_pack_x"):
        (mirror / lock).parent.mkdir(parents=True, exist_ok=True)
        (mirror / lock).touch()
    repository.write_job("three")
    repository.commit()
    repository.push()
    assert follow(bare.root).names == ["one", "three", "two"]


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("refs/chronos/remote/main", b""),
        ("refs/chronos/remote/main", b"garbage\n"),
        ("HEAD", b""),
        ("config", b"[core"),
        ("objects", None),
    ],
)
def test_a_damaged_mirror_is_made_anew(
    repository: Repository, bare: Repository, follow: Follow, data_folder: Path, what: str, content: bytes | None
) -> None:
    follow(bare.root).follower.stop()
    place = mirror_of(data_folder) / what
    if content is None:
        shutil.rmtree(place)
    else:
        place.write_bytes(content)
    repository.write_job("three")
    repository.commit()
    repository.push()
    following = follow(bare.root)
    assert following.names == ["one", "three", "two"], following.follower.status()
    assert following.follower.status().state is SyncState.SYNCED


@pytest.mark.parametrize("keep", [0, 40, 0.5])
def test_a_broken_pack_is_made_anew(
    repository: Repository, bare: Repository, follow: Follow, data_folder: Path, keep: float
) -> None:
    """A pack without content, with its head only, and cut in the middle."""
    follow(bare.root).follower.stop()
    mirror = Repository(mirror_of(data_folder))
    mirror.git("repack", "-a", "-d", "--quiet")
    (pack,) = mirror.root.glob("objects/pack/*.pack")
    content = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(content[: int(keep * len(content)) if keep < 1 else int(keep)])
    repository.write_job("three")
    repository.commit()
    repository.push()
    following = follow(bare.root)
    assert following.names == ["one", "three", "two"], following.follower.status()
    assert following.follower.status().state is SyncState.SYNCED


def test_two_runners_do_not_share_a_mirror(bare: Repository, follow: Follow, data_folder: Path) -> None:
    follow(bare.root)
    with pytest.raises(ConflictError, match="same data folder"):
        Following(bare.root, data_folder).follower.start()


def test_the_mirror_is_never_shallow_and_has_no_files(
    repository: Repository, bare: Repository, follow: Follow, data_folder: Path
) -> None:
    follow(bare.root)
    mirror = Repository(mirror_of(data_folder))
    assert mirror.git("rev-parse", "--is-shallow-repository", "--is-bare-repository") == "false\ntrue"
    assert not list(mirror.root.rglob("*.yaml"))


def test_fetching_follows_the_interval_where_refs_cannot_be_watched(
    repository: Repository, bare: Repository, follow: Follow
) -> None:
    following = follow(f"file://{bare.root}", interval=timedelta(milliseconds=50))
    following.follower._watch.stop()
    repository.write_job("three")
    repository.commit()
    repository.push()
    following.wait(lambda jobs: jobs.get("three") is not None)


def test_a_fetch_killed_at_any_moment_leaves_a_mirror_that_goes_on(
    repository: Repository, bare: Repository, follow: Follow, data_folder: Path
) -> None:
    """24 fetches, each killed half a millisecond later than the one before. Takes 2.5 s, most of it commits."""
    follow(bare.root).follower.stop()
    mirror = mirror_of(data_folder)
    refspec = "+refs/heads/main:refs/chronos/remote/main"
    for moment in range(24):
        repository.write_job("one", schedule=f"0 {moment} * * *")
        repository.commit()
        repository.push()
        fetch = subprocess.Popen(
            ["git", "fetch", "--quiet", "--no-tags", str(bare.root), refspec], cwd=mirror, stderr=subprocess.DEVNULL
        )
        try:
            fetch.wait(moment / 2000)
        except subprocess.TimeoutExpired:
            fetch.kill()
            fetch.wait()
    following = follow(bare.root)
    assert following.follower.status().state is SyncState.SYNCED
    assert following.schedule("one") == "0 23 * * *"
    assert len(following.follower.index().versions("one")) == 25


def test_stopping_ends_a_fetch_from_a_server_that_never_answers(data_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        following = Following(f"git://127.0.0.1:{server.getsockname()[1]}/jobs.git", data_folder)
        starting = threading.Thread(target=following.follower.start)
        starting.start()
        connection, _ = server.accept()
        with connection:
            following.follower.stop()
            starting.join(5)
        assert not starting.is_alive()
        assert following.follower.status().reason == "Stopped"


def test_a_repository_that_is_away_at_the_start_is_watched_once_it_is_back(
    repository: Repository, bare: Repository, follow: Follow, tmp_path: Path
) -> None:
    follow(bare.root).follower.stop()
    away = bare.root.rename(tmp_path / "away")
    following = follow(bare.root)
    assert following.names == ["one", "two"]
    away.rename(bare.root)
    assert following.follower.sync().state is SyncState.SYNCED
    repository.write_job("three")
    repository.commit()
    repository.push()
    following.wait(lambda jobs: jobs.get("three") is not None)


def test_contents_can_be_read_after_following_has_ended(bare: Repository, follow: Follow) -> None:
    """While a runner drains, its pages are still asked for versions."""
    following = follow(bare.root)
    version = following.follower.index().versions("one")[0]
    following.follower.stop()
    assert b"name: one" in following.follower.read(version.blob)
    with pytest.raises(ObjectMissing):
        following.follower.read("0" * 40)


def test_a_branch_that_is_made_again_with_another_history_begins_an_epoch(
    repository: Repository, bare: Repository, follow: Follow
) -> None:
    following = follow(bare.root, branch="main")
    bare.git("update-ref", "-d", "refs/heads/main")
    assert following.follower.sync().reason == "BranchNotFound"
    assert following.names == ["one", "two"]
    repository.git("switch", "--quiet", "--orphan", "again")
    for name in ("one", "two"):
        repository.write_job(name, schedule=NIGHTLY)
    repository.commit("Another beginning")
    repository.push("HEAD:refs/heads/main")
    following.wait(lambda jobs: jobs.definitions["one"].job.timing.definition == NIGHTLY)
    status = following.wait_for_status(lambda status: status.reason == "HistoryRewritten")
    assert (status.state, status.history_epoch) == (SyncState.SYNCED, 2)
    assert following.follower.jobs().definitions["one"].version == 1


def test_a_mirror_of_many_packs_is_tidied(
    repository: Repository, bare: Repository, follow: Follow, data_folder: Path
) -> None:
    """Sixty packs, made by hand: one to two seconds."""
    following = follow(bare.root)
    mirror = Repository(mirror_of(data_folder))
    for number in range(60):
        blob = mirror.git("hash-object", "-w", "--stdin", stdin=f"{number}")
        mirror.git("pack-objects", "--quiet", "objects/pack/pack", stdin=f"{blob}\n")
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit()
    repository.push()
    following.wait(lambda jobs: jobs.definitions["one"].version == 2)
    following.follower.sync()
    assert len(list(mirror.root.glob("objects/pack/*.pack"))) < 5
    assert following.follower.read(following.follower.index().versions("one")[0].blob)


def test_a_restart_judges_only_what_changed_meanwhile(
    repository: Repository, bare: Repository, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says the same about the rest as before."""
    first = follow(bare.root)
    said = first.follower.status().problems
    first.follower.stop()
    judged: list[str] = []

    def counting(path: str, *given: Any, **named: Any) -> FileResult:
        judged.append(path)
        return validate_file(path, *given, **named)

    monkeypatch.setattr(validate, "validate_file", counting)
    second = follow(bare.root)
    assert (judged, second.follower.status().problems) == ([], said)
    assert second.names == ["one", "two"]
    second.follower.stop()
    repository.write("jobs/two.yaml", job_text("two", schedule=NIGHTLY))
    repository.commit()
    repository.push()
    third = follow(bare.root)
    assert judged == ["jobs/two.yaml"]
    assert third.schedule("two") == NIGHTLY
    third.follower.stop()
    monkeypatch.setattr(tree_judge, "validator_fingerprint", lambda _: "others")
    follow(bare.root)
    assert judged[1:] == ["jobs/one.yaml", "jobs/two.yaml"]
