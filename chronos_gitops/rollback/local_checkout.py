"""A checkout without a runner: what the commands that work offline ask."""

import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from chronos_gitops.errors import NotFoundError, UsageError
from chronos_gitops.git.client import Git, author_of
from chronos_gitops.git.commit import Person
from chronos_gitops.git.discovery import CHECKOUT_HINT, discover
from chronos_gitops.git.errors import PathMissing
from chronos_gitops.git.incomplete_clone import PresentObjects
from chronos_gitops.git.tree import NoFiles
from chronos_gitops.jobs.validation.validate import Files, TreeResult, validate_tree
from chronos_gitops.sync.content.tree_layers import read_layers_at
from chronos_gitops.sync.source import Source, WorktreeSource, jobs_folder, jobs_in
from chronos_gitops.versions.history import History, Index
from chronos_gitops.versions.version import Version


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Offline:
    """Versions of the branch that is checked out; ``Reverter`` takes it in place of a follower."""

    def __init__(self, path: Path, jobs: str = "jobs", *, now: Callable[[], datetime] = _utc_now) -> None:
        self.place = discover(path.absolute(), hint=CHECKOUT_HINT)
        self.now = now
        self.jobs = jobs_in(jobs_folder(jobs), path.absolute(), self.place)
        self._worktree = None if self.place.root is None else WorktreeSource(self.place, jobs=self.jobs)
        self.git = Git(self.place) if self._worktree is None else self._worktree.git
        self._objects = PresentObjects(self.git) if self._worktree is None else self._worktree.objects
        self._history = History(self._objects, self.jobs)

    @property
    def source(self) -> Source:
        """UsageError in a bare repository, which has no files to commit from."""
        if self._worktree is None:
            raise UsageError(f"{self.place.git_dir} has no files on disk", hint="use a checkout, or ask a runner")
        return self._worktree

    def index(self) -> Index:
        """NotFoundError in a repository without a commit."""
        head = self.git.resolve("HEAD")
        if head is None:
            raise NotFoundError("the repository has no commit yet", hint="commit the job first")
        return self._history.index(head)

    def index_of(self, head: str | None) -> Index:
        return self._history.index(head)

    def former(self, job: str, commit: str) -> Version | None:  # noqa: ARG002 - nothing was followed here
        return None

    def refresh(self) -> str | None:
        return self.source.refresh(patient=True)

    def files(self, head: str) -> Files:
        try:
            return self.source.tip(head).files
        except PathMissing:
            return NoFiles()

    def judge(self, files: Files, index: Index) -> TreeResult:
        return validate_tree(files, incumbents=index, layers=read_layers_at(files, self.git, index.head))

    def read(self, blob: str) -> bytes:
        """The content of a version."""
        return self._objects.git.read(blob)

    def push_command(self) -> str | None:
        """The command that publishes the branch that is checked out; None where there is no remote, or no branch."""
        head = self.git.head_ref()
        if head is None:
            return None
        branch = head.removeprefix("refs/heads/")
        if self._setting(f"branch.{branch}.remote") and self._setting(f"branch.{branch}.merge"):
            return "git push"
        remotes = self.git.attempt("remote").stdout.decode("utf-8", "replace").split()
        remote = "origin" if "origin" in remotes else next(iter(remotes), None)
        return None if remote is None else f"git push {shlex.quote(remote)} {shlex.quote(branch)}"

    def _setting(self, name: str) -> bool:
        return self.git.attempt("config", "--get", name).code == 0

    def author(self) -> Person:
        """The author in git's configuration."""
        name, email = author_of(self.place) or ("", "")
        return Person(name, email).cleaned()

    def sync(self, *, expecting: str | None = None) -> None:
        """A runner, if there is one, notices by itself."""
