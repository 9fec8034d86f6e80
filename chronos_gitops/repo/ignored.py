"""The job files of a tree without what its own ``.chronosignore`` leaves out, at a commit or on disk."""

from pathlib import Path

from chronos_gitops.jobs.job_files import Ignore, Unignored, ignore_file
from chronos_gitops.jobs.load import Files
from chronos_gitops.repo.git import Git
from chronos_gitops.repo.snapshot import read_file


def without_ignored_at(files: Files, git: Git, commit: str, jobs: str) -> Files:
    """``commit`` may be the id of a tree."""
    found = git.attempt("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}:{ignore_file(jobs)}")
    return _without(files, git.read(found.stdout.decode().strip()) if found.code == 0 else b"", jobs)


def without_ignored_on_disk(files: Files, root: Path, jobs: str) -> Files:
    return _without(files, read_file(root / ignore_file(jobs)) or b"", jobs)


def _without(files: Files, listed: bytes, jobs: str) -> Files:
    ignore = Ignore.parse(listed)
    return Unignored(files, ignore, jobs) if ignore.patterns else files
