"""The job files that a checkout has now: those on disk, of a bare repository those at HEAD; or those at a commit."""

from collections.abc import Sequence
from functools import cached_property

from chronos_gitops.git.client import Git
from chronos_gitops.git.ignore_file import without_ignored_at, without_ignored_on_disk
from chronos_gitops.git.tree import CommitFiles, Scanner
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.jobs.validation.validate import Files, TreeResult, validate_tree
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.sync.content.tree_layers import read_layers_at
from chronos_gitops.versions.history import History, LazyIndex


@dataclass(frozen=True)
class CurrentTree:
    files: Files
    loaded: TreeResult

    @cached_property
    def jobs(self) -> Sequence[JobVersion]:
        """The valid ones, by name."""
        found = sorted(self.loaded.jobs.items())
        return [JobVersion(one.job, one.path, one.identity) for _, one in found if one.job is not None]

    def content(self, path: str) -> bytes:
        """Of a job file; empty when it has vanished meanwhile."""
        entries = [entry for entry in self.files.entries if entry.path == path]
        return self.files.read(entries).get(path, b"")


def current(git: Git, jobs: str, environment: str | None = None) -> CurrentTree:
    """PathMissing when there is no jobs folder."""
    root, head = git.place.root, git.resolve("HEAD")
    if root is None:
        return at_commit(git, head or "HEAD", jobs, environment)
    files = without_ignored_on_disk(Scanner(root, jobs).scan({}), root, jobs)
    return _judged(files, git, head, jobs, environment)


def at_commit(git: Git, commit: str, jobs: str, environment: str | None = None) -> CurrentTree:
    """The files of the commit, by today's rules. PathMissing when it has no jobs folder."""
    files = without_ignored_at(CommitFiles(git, commit, jobs), git, commit, jobs)
    return _judged(files, git, commit, jobs, environment)


def _judged(files: Files, git: Git, head: str | None, jobs: str, environment: str | None) -> CurrentTree:
    incumbents = LazyIndex(History(git, jobs), head)
    layers = read_layers_at(files, git, head)
    return CurrentTree(files, validate_tree(files, incumbents=incumbents, environment=environment, layers=layers))
