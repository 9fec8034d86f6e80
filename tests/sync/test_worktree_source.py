"""The files of a checkout are what runs."""

import os
import shutil
import time
from pathlib import Path

import pytest
from harness.repositories.repo_fixtures import Follow
from harness.repositories.repository import Repository, job_text

from chronos_gitops.errors import ConflictError
from chronos_gitops.git.errors import NotARepository, ObjectMissing
from chronos_gitops.sync.source import open_source
from chronos_gitops.sync.status import SyncState

NIGHTLY = "30 3 * * *"


def test_start_announces_what_is_on_disk(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    assert [list(jobs.definitions) for jobs in following.announced] == [["one", "two"]]
    status = following.follower.status()
    assert (status.state, status.mode, status.branch, status.jobs) == (SyncState.SYNCED, "worktree", "main", 2)
    assert set(vars_of(status.revision)) == {repository.head()}
    assert status.repository == str(repository.root)


def vars_of(revision: object) -> list[str | None]:
    return [getattr(revision, name) for name in ("desired", "attempted", "applied")]


def test_a_save_is_a_draft_over_its_last_committed_version(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    repository.write_job("one", schedule=NIGHTLY)
    following.wait(lambda jobs: jobs.definitions["one"].job.timing.definition == NIGHTLY)
    draft = following.follower.jobs().definitions["one"]
    assert (draft.draft, draft.version, draft.commit) == (True, 1, repository.head())
    assert following.follower.read(draft.identity.blob) == job_text("one", schedule=NIGHTLY).encode()
    assert not following.follower.jobs().definitions["two"].draft


def test_a_commit_makes_a_draft_a_version(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    repository.write_job("one", schedule=NIGHTLY)
    following.wait(lambda jobs: jobs.definitions["one"].draft)
    commit = repository.commit("Run it later")
    following.wait(lambda jobs: jobs.definitions["one"].version == 2)
    definition = following.follower.jobs().definitions["one"]
    assert (definition.draft, definition.commit) == (False, commit)
    versions = following.follower.index().versions("one")
    assert (definition.created_at, definition.updated_at) == (versions[0].committed_at, versions[1].committed_at)


def test_a_save_reloads_well_within_a_second(repository: Repository, follow: Follow) -> None:
    """0.1 s, measured over 12 saves; the bound leaves room for a busy machine."""
    following = follow(repository.root)
    times = []
    for minute in range(12):
        schedule = f"{minute} 5 * * *"
        began = time.monotonic()
        repository.write_job("one", schedule=schedule)
        following.wait(lambda jobs, text=schedule: jobs.definitions["one"].job.timing.definition == text)
        times.append(time.monotonic() - began)
    assert sorted(times)[6] < 0.5, times
    assert max(times) < 1.0, times


def test_a_broken_save_keeps_the_last_good_version(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    repository.write("jobs/one.yaml", "name: one\nschedule: [\n")
    status = following.wait_for_status(lambda status: status.state is SyncState.DEGRADED)
    assert (status.reason, status.quarantined, status.jobs) == ("ValidationFailed", ("one",), 2)
    kept = following.follower.jobs().definitions["one"]
    assert kept.job.timing.definition == "0 2 * * *"
    assert [problem.file for problem in kept.quarantined] == ["jobs/one.yaml"] * len(kept.quarantined) != []
    repository.write_job("one", schedule=NIGHTLY)
    following.wait(lambda jobs: jobs.definitions["one"].job.timing.definition == NIGHTLY)
    following.wait_for_status(lambda status: status.state is SyncState.SYNCED)


def test_a_half_written_file_is_looked_at_again_before_it_is_called_broken(
    repository: Repository, follow: Follow
) -> None:
    following = follow(repository.root)
    whole = job_text("one", schedule=NIGHTLY)
    with (repository.root / "jobs/one.yaml").open("w") as file:
        file.write(whole[:30])
        file.flush()
        time.sleep(0.06)  # the writer is slow, not the test
        file.write(whole[30:])
    following.wait(lambda jobs: jobs.definitions["one"].job.timing.definition == NIGHTLY)
    assert all(not jobs.definitions["one"].quarantined for jobs in following.announced)


def test_a_new_file_in_a_new_folder_is_found(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    repository.write_job("deep", path="jobs/a/b/c/deep.yaml")
    assert following.wait(lambda jobs: jobs.get("deep") is not None) < 1.0
    repository.write_job("deep", path="jobs/a/b/c/deep.yaml", schedule=NIGHTLY)
    assert following.wait(lambda jobs: jobs.definitions["deep"].job.timing.definition == NIGHTLY) < 1.0


def test_a_removed_folder_removes_nothing_and_heals_when_it_is_back(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    (repository.root / "jobs").rename(repository.root / "elsewhere")
    status = following.wait_for_status(lambda status: status.state is SyncState.FAILED)
    assert (status.reason, following.names) == ("PathMissing", ["one", "two"])
    (repository.root / "elsewhere").rename(repository.root / "jobs")
    following.wait_for_status(lambda status: status.state is SyncState.SYNCED)
    repository.write_job("one", schedule=NIGHTLY)
    following.wait(lambda jobs: jobs.definitions["one"].job.timing.definition == NIGHTLY)


def test_a_recreated_folder_is_still_watched(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    for minute in range(3):
        schedule = f"{minute} 6 * * *"
        shutil.rmtree(repository.root / "jobs")
        repository.write_job("one", schedule=schedule)
        repository.write_job("two")
        following.wait(lambda jobs, text=schedule: jobs.definitions["one"].job.timing.definition == text)


def test_an_emptied_folder_removes_nothing_until_approved(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    for name in ("one", "two"):
        repository.remove(f"jobs/{name}.yaml")
    status = following.wait_for_status(lambda status: status.reason == "EmptyTree")
    assert (status.state, following.names) == (SyncState.FAILED, ["one", "two"])
    assert status.held is not None
    with pytest.raises(ConflictError):
        following.follower.approve("sha256:0")
    status = following.follower.approve(status.held.checksum)
    assert (status.state, following.names) == (SyncState.SYNCED, [])


def test_one_deletion_applies(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    repository.remove("jobs/one.yaml")
    following.wait(lambda jobs: list(jobs.definitions) == ["two"])
    following.wait_for_status(lambda status: (status.state, status.jobs) == (SyncState.SYNCED, 1))


def test_many_deletions_are_held_while_everything_else_applies(repository: Repository, follow: Follow) -> None:
    for number in range(6):
        repository.write_job(f"job-{number}")
    repository.commit("Six more")
    following = follow(repository.root)
    for number in range(5):
        repository.remove(f"jobs/job-{number}.yaml")
    repository.write_job("two", schedule=NIGHTLY)
    status = following.wait_for_status(lambda status: status.held is not None and len(status.held.names) == 5)
    assert (status.state, status.reason) == (SyncState.DEGRADED, "UnsafePlan")
    following.wait(lambda jobs: jobs.definitions["two"].job.timing.definition == NIGHTLY)
    assert len(following.names) == 8
    held = following.follower.status().held
    assert held is not None
    assert following.follower.approve(held.checksum).state is SyncState.SYNCED
    assert following.names == ["job-5", "one", "two"]


def test_a_job_renamed_in_its_file_waits_with_the_deletion_that_is_held(repository: Repository, follow: Follow) -> None:
    for number in range(4):
        repository.write_job(f"job-{number}")
    repository.commit("Four more")
    following = follow(repository.root)
    for number in range(4):
        repository.write_job(f"new-{number}", path=f"jobs/job-{number}.yaml")
    following.wait_for_status(lambda status: status.held is not None and len(status.held.names) == 4)
    assert following.names == ["job-0", "job-1", "job-2", "job-3", "one", "two"]


def test_an_allowance_in_the_head_commit_is_not_for_files_that_are_only_gone_from_disk(
    repository: Repository, follow: Follow
) -> None:
    for number in range(4):
        repository.write_job(f"job-{number}")
    repository.commit("Four more\n\nChronos-Allow-Deletes: 4")
    following = follow(repository.root)
    for number in range(4):
        repository.remove(f"jobs/job-{number}.yaml")
    following.wait_for_status(lambda status: status.held is not None and len(status.held.names) == 4)
    repository.commit("They may go\n\nChronos-Allow-Deletes: 4")
    following.wait(lambda jobs: list(jobs.definitions) == ["one", "two"])


def test_reject_refuses_everything_while_one_file_is_invalid(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root, on_invalid="reject")
    repository.write("jobs/broken.yaml", "name: broken\n")
    repository.write_job("one", schedule=NIGHTLY)
    status = following.wait_for_status(lambda status: status.state is SyncState.FAILED)
    assert status.reason == "ValidationFailed"
    repository.remove("jobs/broken.yaml")
    following.wait(lambda jobs: jobs.definitions["one"].job.timing.definition == NIGHTLY)


def test_a_restart_with_a_broken_file_runs_its_last_good_version(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    repository.write_job("one", schedule=NIGHTLY)
    following.wait(lambda jobs: jobs.definitions["one"].job.timing.definition == NIGHTLY)
    following.follower.stop()
    repository.write("jobs/one.yaml", "name: one\n")
    again = follow(repository.root)
    assert again.schedule("one") == NIGHTLY
    assert again.follower.jobs().definitions["one"].quarantined


def test_a_first_start_on_a_broken_file_takes_its_last_good_version_from_git(
    repository: Repository, follow: Follow
) -> None:
    repository.write_job("one", schedule=NIGHTLY)
    repository.commit("Version 2")
    repository.write("jobs/one.yaml", "name: one\nschedule: never\n")
    repository.commit("Version 3 is broken")
    following = follow(repository.root)
    kept = following.follower.jobs().definitions["one"]
    assert (kept.version, kept.job.timing.definition, bool(kept.quarantined)) == (2, NIGHTLY, True)
    assert following.follower.status().quarantined == ("one",)


def test_the_state_of_another_repository_is_not_taken_over(
    repository: Repository, follow: Follow, tmp_path: Path
) -> None:
    follow(repository.root).follower.stop()
    other = Repository.init(tmp_path / "other")
    other.write_job("three")
    other.commit()
    assert follow(other.root).names == ["three"]


def test_state_that_cannot_be_read_is_no_reason_to_stop(
    repository: Repository, follow: Follow, data_folder: Path
) -> None:
    (data_folder / "lastgood.json").write_text('{"format": 1')
    assert follow(repository.root).names == ["one", "two"]


def test_a_file_that_differs_only_by_line_ends_is_no_draft(repository: Repository, follow: Follow) -> None:
    repository.write("jobs/one.yaml", job_text("one").replace("\n", "\r\n"))
    following = follow(repository.root)
    definition = following.follower.jobs().definitions["one"]
    assert (definition.draft, definition.version) == (False, 1)


def test_a_repository_without_a_commit_runs_drafts(tmp_path: Path, follow: Follow) -> None:
    repository = Repository.init(tmp_path / "new")
    repository.write_job("one")
    following = follow(repository.root)
    definition = following.follower.jobs().definitions["one"]
    assert (definition.draft, definition.version, definition.commit) == (True, None, None)
    assert following.follower.status().revision.applied is None


def test_a_linked_worktree_is_followed(repository: Repository, follow: Follow, tmp_path: Path) -> None:
    repository.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    side = Repository(tmp_path / "side")
    following = follow(side.root)
    side.write_job("one", schedule=NIGHTLY)
    side.commit()
    following.wait(lambda jobs: jobs.definitions["one"].version == 2)
    assert following.follower.status().branch == "side"


def test_switching_the_branch_runs_that_branch(repository: Repository, follow: Follow) -> None:
    repository.git("switch", "--quiet", "-c", "other")
    repository.write_job("three")
    repository.commit()
    repository.git("switch", "--quiet", "main")
    following = follow(repository.root)
    repository.git("switch", "--quiet", "other")
    following.wait(lambda jobs: jobs.get("three") is not None and not jobs.definitions["three"].draft)
    following.wait_for_status(lambda status: status.branch == "other")


def test_part_of_a_repository_can_be_followed(repository: Repository, follow: Follow) -> None:
    repository.write_job("inner", path="services/a/jobs/inner.yaml")
    repository.commit()
    following = follow(repository.root / "services/a")
    assert following.names == ["inner"]
    assert following.follower.index().versions("inner")[0].path == "services/a/jobs/inner.yaml"


def test_a_listener_that_fails_does_not_end_the_loop(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    following.refusals = 1
    repository.write_job("one", schedule=NIGHTLY)
    following.wait_for_status(lambda status: status.reason == "InternalError")
    repository.write_job("one", schedule="31 3 * * *")
    following.wait(lambda jobs: jobs.definitions["one"].job.timing.definition == "31 3 * * *")


def test_editors_temporary_files_are_nobodys_jobs(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    for name in (".one.yaml.swp", "one.yaml~", ".#one.yaml", "#one.yaml#", ".hidden.yaml", "notes.txt"):
        (repository.root / "jobs" / name).write_text("not: [a, job")
    assert following.follower.sync().state is SyncState.SYNCED
    assert following.names == ["one", "two"]


def test_a_folder_outside_git_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotARepository):
        open_source(str(tmp_path), data=tmp_path)


def test_unknown_content_is_not_found(repository: Repository, follow: Follow) -> None:
    with pytest.raises(ObjectMissing):
        follow(repository.root).follower.read("1" * 40)


def test_nothing_is_announced_for_a_touch(repository: Repository, follow: Follow) -> None:
    following = follow(repository.root)
    os.utime(repository.root / "jobs/one.yaml")
    following.follower.sync()
    assert len(following.announced) == 1
