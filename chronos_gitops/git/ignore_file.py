"""The job files of a tree without what its own ``.chronosignore`` leaves out, at a commit or on disk."""

from pathlib import Path

from chronos_gitops.git.client import Git
from chronos_gitops.git.tree import read_file
from chronos_gitops.jobs.files.job_files import FilteredFiles, IgnoreRules, ignore_file
from chronos_gitops.jobs.validation.validate import Files


def without_ignored_at(files: Files, git: Git, commit: str, jobs: str) -> Files:
    """``commit`` may be the id of a tree. A link of that name excludes nothing, as on disk."""
    row = git.run("ls-tree", "-z", "--full-tree", "--end-of-options", commit, ignore_file(jobs))
    blob = row.split(b"\t")[0].split()[2].decode() if row.startswith(b"100") else ""
    return _without(files, git.read(blob) if blob else b"", jobs)


def without_ignored_on_disk(files: Files, root: Path, jobs: str) -> Files:
    return _without(files, read_file(root / ignore_file(jobs)) or b"", jobs)


def _without(files: Files, listed: bytes, jobs: str) -> Files:
    ignore = IgnoreRules.parse(listed)
    return FilteredFiles(files, ignore, jobs) if ignore.patterns else files
