"""The job files of a tree without what its own ``.chronosignore`` leaves out, at a commit or on disk."""

from collections.abc import Mapping
from pathlib import Path

from chronos_gitops.git.client import Git
from chronos_gitops.git.tree import CommitFiles, read_file
from chronos_gitops.jobs.files.job_files import FilteredFiles, IgnoreRules, ignore_file
from chronos_gitops.jobs.validation.validate import Files


def without_ignored_at(files: Files, git: Git, commit: str, jobs: str) -> Files:
    """``commit`` may be the id of a tree. A link of that name excludes nothing, as on disk."""
    return IgnoreFilter(jobs).apply(files, _listed_at(git, commit, jobs))


def without_ignored_on_disk(files: Files, root: Path, jobs: str) -> Files:
    return IgnoreFilter(jobs).apply(files, _listed_on_disk(root, jobs))


class IgnoreFilter:
    """The same for one tree after the other: a path is matched once with the same patterns. For one thread at a time,
    and for one repository."""

    def __init__(self, jobs: str) -> None:
        self._jobs = jobs
        self._listed: bytes | None = None
        self._rules = IgnoreRules()
        self._ignored: Mapping[str, bool] = {}

    def at(self, files: CommitFiles, git: Git) -> Files:
        """The files of a commit. Git is asked for the ignore file where it may be another one."""
        listed, edited = self._listed, files.edited
        if listed is None or edited is None or ignore_file(self._jobs) in edited:
            listed = _listed_at(git, files.commit, self._jobs)
        return self.apply(files, listed)

    def on_disk(self, files: Files, root: Path) -> Files:
        return self.apply(files, _listed_on_disk(root, self._jobs))

    def apply(self, files: Files, listed: bytes) -> Files:
        """``listed`` is the content of the ignore file."""
        if listed != self._listed:
            self._listed, self._rules, self._ignored = listed, IgnoreRules.parse(listed), {}
        if not self._rules.patterns:
            return files
        filtered = FilteredFiles(files, self._rules, self._jobs, self._ignored)
        self._ignored = filtered.ignored
        return filtered


def _listed_at(git: Git, commit: str, jobs: str) -> bytes:
    row = git.run("ls-tree", "-z", "--full-tree", "--end-of-options", commit, ignore_file(jobs))
    blob = row.split(b"\t")[0].split()[2].decode() if row.startswith(b"100") else ""
    return git.read(blob) if blob else b""


def _listed_on_disk(root: Path, jobs: str) -> bytes:
    return read_file(root / ignore_file(jobs)) or b""
