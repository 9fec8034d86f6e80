"""The job files of a tree without what its own ``.chronosignore`` leaves out, at a commit or on disk."""

from pathlib import Path

from chronos_gitops.jobs.job_files import Ignore, Unignored, ignore_file
from chronos_gitops.jobs.load import Files
from chronos_gitops.repo.git import Git
from chronos_gitops.repo.snapshot import read_file


def without_ignored_at(files: Files, git: Git, commit: str, jobs: str) -> Files:
    """``commit`` may be the id of a tree. A link of that name excludes nothing, as on disk."""
    row = git.run("ls-tree", "-z", "--full-tree", "--end-of-options", commit, ignore_file(jobs))
    blob = row.split(b"\t")[0].split()[2].decode() if row.startswith(b"100") else ""
    return _without(files, git.read(blob) if blob else b"", jobs)


def without_ignored_on_disk(files: Files, root: Path, jobs: str) -> Files:
    return _without(files, read_file(root / ignore_file(jobs)) or b"", jobs)


def _without(files: Files, listed: bytes, jobs: str) -> Files:
    ignore = Ignore.parse(listed)
    return Unignored(files, ignore, jobs) if ignore.patterns else files
