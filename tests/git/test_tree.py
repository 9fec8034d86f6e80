"""Job files at a commit and on disk, hostile ones included."""

import os
import resource
import time
from pathlib import Path

import pytest
from harness.repositories.repository import Repository, job_text

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import PathMissing, PathUnreadable
from chronos_gitops.git.tree import CommitFiles, Scanner
from chronos_gitops.jobs.validation.validate import FileKind, ValidationCache, git_blob_id, validate_tree

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12\n"


def rules(files: object) -> dict[str, str]:
    loaded = validate_tree(files)  # type: ignore[arg-type]
    return {problem.file: problem.rule for problem in loaded.problems if problem.severity == "error"}


def test_the_same_tree_is_listed_alike_at_a_commit_and_on_disk(repository: Repository, git: Git) -> None:
    repository.write_job("deep", path="jobs/a/b/deep.yml")
    repository.write("jobs/notes.txt", "x")
    commit = repository.commit()
    at_commit, on_disk = CommitFiles(git, commit, "jobs"), Scanner(repository.root, "jobs").scan({})
    assert at_commit.entries == on_disk.entries
    assert [entry.path for entry in on_disk.entries] == ["jobs/a/b/deep.yml", "jobs/one.yaml", "jobs/two.yaml"]
    assert at_commit.read(at_commit.entries) == on_disk.read(on_disk.entries)


def test_hostile_entries_are_problems_of_their_own_in_both(repository: Repository, git: Git, tmp_path: Path) -> None:
    """Nothing of the file a link points at, outside the repository, is ever read."""
    secret = tmp_path / "outside.yaml"
    secret.write_text(job_text("outside"))
    (repository.root / "jobs/link.yaml").symlink_to(secret)
    (repository.root / "jobs/dangling.yaml").symlink_to("nowhere")
    repository.write("jobs/lfs.yaml", POINTER)
    repository.write("jobs/huge.yaml", "x" * 300_000)
    inner = Repository.init(repository.root / "jobs/vendor")
    inner.write_job("inner")
    inner.commit()
    commit = repository.commit()
    assert "160000" in repository.git("ls-tree", "-r", commit)
    expected = {
        "jobs/dangling.yaml": "symlink",
        "jobs/huge.yaml": "too-large",
        "jobs/lfs.yaml": "lfs-pointer",
        "jobs/link.yaml": "symlink",
        "jobs/vendor": "submodule",
    }
    assert rules(CommitFiles(git, commit, "jobs")) == expected
    assert rules(Scanner(repository.root, "jobs").scan({})) == expected


def test_a_folder_that_is_a_link_is_not_entered(repository: Repository, git: Git, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "evil.yaml").write_text(job_text("evil"))
    (repository.root / "jobs/evil").symlink_to(outside)
    (repository.root / "jobs/loop").symlink_to(".")
    commit = repository.commit()
    for files in (CommitFiles(git, commit, "jobs"), Scanner(repository.root, "jobs").scan({})):
        assert [entry.path for entry in files.entries] == ["jobs/one.yaml", "jobs/two.yaml"]


@pytest.mark.parametrize("how", ["missing", "link", "file", "parent-link"])
def test_a_jobs_folder_that_is_none_is_missing_and_not_empty(
    repository: Repository, git: Git, tmp_path: Path, how: str
) -> None:
    jobs = "jobs"
    outside = tmp_path / "outside"
    (outside / "jobs").mkdir(parents=True)
    (outside / "jobs/evil.yaml").write_text(job_text("evil"))
    repository.git("mv", "jobs", "moved")
    if how == "link":
        (repository.root / "jobs").symlink_to(outside / "jobs")
    elif how == "file":
        repository.write("jobs", "not a folder")
    elif how == "parent-link":
        jobs = "config/jobs"
        (repository.root / "config").symlink_to(outside)
    commit = repository.commit()
    with pytest.raises(PathMissing):
        CommitFiles(git, commit, jobs)
    with pytest.raises(PathMissing):
        Scanner(repository.root, jobs).scan({})


def test_a_folder_without_job_files_is_there_and_empty(repository: Repository, git: Git) -> None:
    for name in ("one", "two"):
        repository.remove(f"jobs/{name}.yaml")
    repository.write("jobs/.gitkeep", "")
    commit = repository.commit()
    assert CommitFiles(git, commit, "jobs").entries == ()
    assert Scanner(repository.root, "jobs").scan({}).entries == ()


def test_a_pipe_and_a_file_without_permission_are_unreadable_and_never_waited_for(repository: Repository) -> None:
    os.mkfifo(repository.root / "jobs/pipe.yaml")
    assert rules(Scanner(repository.root, "jobs").scan({})) == {"jobs/pipe.yaml": "unreadable"}


def test_a_folder_that_cannot_be_listed_is_an_error_and_not_an_empty_folder(repository: Repository) -> None:
    """Out of file descriptors, as a busy runner may be; chmod would not stop a test that runs as root."""
    scanner = Scanner(repository.root, "jobs")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(PathUnreadable, match="Too many open files"):
            scanner.scan({})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert len(scanner.scan({}).entries) == 2


def tomorrow() -> int:
    """A clock for which every file on disk is old."""
    return time.time_ns() + 10**14


def test_a_file_that_vanishes_after_the_listing_is_unreadable(repository: Repository) -> None:
    scanner = Scanner(repository.root, "jobs", clock_ns=tomorrow)
    scanner.scan({})
    files = scanner.scan({})
    repository.remove("jobs/one.yaml")
    assert rules(files) == {"jobs/one.yaml": "unreadable"}


def test_a_file_that_changes_after_the_listing_is_not_mixed_in(repository: Repository) -> None:
    scanner = Scanner(repository.root, "jobs", clock_ns=tomorrow)
    scanner.scan({})
    files = scanner.scan({})
    repository.write_job("one", schedule="9 9 * * *")
    assert list(files.read(files.entries)) == ["jobs/two.yaml"]


def test_an_unchanged_file_is_not_read_again(repository: Repository) -> None:
    scanner = Scanner(repository.root, "jobs", clock_ns=tomorrow)
    first = scanner.scan({})
    assert set(first._contents) == {"jobs/one.yaml", "jobs/two.yaml"}
    repository.write_job("one", schedule="9 9 * * *")
    second = scanner.scan({})
    assert set(second._contents) == {"jobs/one.yaml"}
    assert second.entries[1] == first.entries[1]


@pytest.mark.parametrize("number", range(20))
def test_two_writes_in_one_clock_tick_are_both_seen(repository: Repository, number: int) -> None:
    scanner = Scanner(repository.root, "jobs")
    file = repository.root / "jobs/one.yaml"
    status = file.stat()
    scanner.scan({})
    text = job_text("one", schedule="9 9 * * *")
    file.write_text(text)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert scanner.scan({}).entries[0].blob == git_blob_id(text.encode())


def test_a_thousand_files_are_scanned_again_in_milliseconds(repository: Repository) -> None:
    """20 ms of the processor; the bound leaves room for a busy machine."""
    for number in range(1_000):
        repository.write_job(f"job-{number}")
    scanner, cache = Scanner(repository.root, "jobs"), ValidationCache()
    validate_tree(scanner.scan({}), cache)
    began = time.thread_time()
    loaded = validate_tree(scanner.scan({}), cache)
    assert time.thread_time() - began < 0.5
    assert len(loaded.jobs) == 1_002


def test_a_crlf_file_carries_the_id_it_has_in_git(repository: Repository) -> None:
    scanner = Scanner(repository.root, "jobs")
    plain = job_text("one")
    repository.write("jobs/one.yaml", plain.replace("\n", "\r\n"))
    committed = {"jobs/one.yaml": git_blob_id(plain.encode())}
    files = scanner.scan(committed)
    assert files.entries[0].blob == committed["jobs/one.yaml"]
    assert validate_tree(files).jobs["one"].job is not None
    assert scanner.scan({}).entries[0].blob == git_blob_id(plain.replace("\n", "\r\n").encode())


def test_a_name_that_is_no_text_is_a_problem_and_not_a_crash(repository: Repository, git: Git) -> None:
    (repository.root / os.fsdecode(b"jobs/\xff\xfe.yaml")).write_text(job_text("strange"))
    commit = repository.commit()
    at_commit, on_disk = CommitFiles(git, commit, "jobs"), Scanner(repository.root, "jobs").scan({})
    assert [entry.path for entry in at_commit.entries] == [entry.path for entry in on_disk.entries]
    assert validate_tree(at_commit).jobs["strange"]
    assert at_commit.entries[-1].kind is FileKind.FILE
    assert "\ufffd" in validate_tree(on_disk).files[-1].path
