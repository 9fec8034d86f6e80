"""The runner's own commits: one at a time, on the newest head, built again when the head moves."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final, Protocol, TypeVar

from chronos_gitops.errors import ChronosError, ConflictError, NotFoundError
from chronos_gitops.git.client import Git
from chronos_gitops.git.commit import Change, FileEdit, Person, clean, standing
from chronos_gitops.git.log import Commit, recent
from chronos_gitops.git.signatures.signers import Signers
from chronos_gitops.git.signatures.signing_key import refuse_unusable
from chronos_gitops.jobs.planning import text_diff
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.files import EditedFiles, Files, TreeEntry
from chronos_gitops.jobs.validation.validate import TreeResult
from chronos_gitops.process.sleep import sleep
from chronos_gitops.rollback.commit_message import REQUEST_ID, trailers
from chronos_gitops.rollback.commit_policy import DEFAULT, CommitPolicy
from chronos_gitops.rollback.publish import PublishedCommit, publish, refuse
from chronos_gitops.schedule.backoff import Backoff
from chronos_gitops.sync.source import Source
from chronos_gitops.versions.history import Index
from chronos_gitops.versions.version import Version

RUNNER: Final = Person("chronos-gitops", "chronos-gitops@localhost")
_TRIES: Final = 5
_BACKOFF: Final = Backoff(timedelta(milliseconds=50), timedelta(seconds=1))
_REMEMBERED: Final = 200
Made = TypeVar("Made")


class InvalidVersion(ChronosError):
    """The content of that version may not run today; ``problems`` say why."""

    kind = "invalid-version"

    def __init__(self, message: str, *, problems: Sequence[Problem] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class RequestIdReused(ConflictError):
    """One request id stands for one call."""

    kind = "idempotency-key-reused"


class CommitTarget(Protocol):
    """The parts of a follower that a rollback uses; a command on a checkout has its own."""

    @property
    def source(self) -> Source: ...

    def refresh(self) -> str | None:
        """The head of the followed branch now."""

    def files(self, head: str) -> Files:
        """The job files at this head, or on disk over it; none when there is no jobs folder."""

    def index_of(self, head: str | None) -> Index: ...

    def former(self, job: str, commit: str) -> Version | None:
        """The version that a commit made in a history that ran here and was rewritten since."""

    def judge(self, files: Files, index: Index) -> TreeResult: ...

    def sync(self, *, expecting: str | None = None) -> object:
        """Applies what was committed; ``expecting`` is our own commit, which a server may show a little later."""

    def now(self) -> datetime:
        """The time a commit is dated with."""


class Committer:
    """Safe to use from any thread; ``signing_key`` is an SSH key that commits are signed with.

    ``turn`` is entered around each commit: where several runners push to one branch they do it one after the other.
    With ``signers`` no commit is made that this runner would refuse: the key must be one of theirs.
    """

    def __init__(
        self,
        followed: CommitTarget,
        *,
        committer: Person = RUNNER,
        signing_key: Path | None = None,
        signers: Signers | None = None,
        turn: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
        policy: CommitPolicy = DEFAULT,
    ) -> None:
        self._policy = policy
        self.followed = followed
        self._signers = signers
        self._committer = committer
        self._signing_key = signing_key
        self._lock = threading.Lock()
        self._turn = turn
        self._random = Random()

    @property
    def git(self) -> Git:
        return self.followed.source.git

    @contextlib.contextmanager
    def alone(self) -> Iterator[str]:
        """One at a time; the head of the branch now. NotFoundError in a repository without a commit."""
        with self._lock:
            yield self._head()

    def retry_on_conflict(self, attempt: Callable[[str], Made | None]) -> Made:
        """Call ``attempt`` with the head, and again with the new head while it returns None because another commit was
        first. The branch decides races by compare-and-swap, and the loser builds on the new tip."""
        if self._signers is not None:
            refuse_unusable(self._signing_key, self._signers)
        with self._lock, self._turn():
            for number in range(_TRIES):
                # Two writers that lose to each other in step would do so five times.
                sleep(_BACKOFF.wait(number, self._random).total_seconds() if number else 0)
                made = attempt(self._head())
                if made is not None:
                    return made
        raise ConflictError(f"the branch moved {_TRIES} times meanwhile; nothing was changed", hint="try again")

    def index(self, head: str) -> Index:
        return self.followed.index_of(head)

    def find_by_request_id(self, request_id: str, author: Person, head: str) -> tuple[Commit, Mapping[str, str]] | None:
        """The commit of this author's request with its trailers: the answer may have been lost on its way."""
        if not request_id:
            return None
        theirs = (
            commit
            for commit in recent(self.git, head, _REMEMBERED)
            if (commit.author_name, commit.author_email) == (author.name, author.email)
        )
        told = ((commit, trailers(commit)) for commit in theirs)
        return next((made for made in told if made[1].get(REQUEST_ID) == clean(request_id)), None)

    def with_current_blobs(self, files: Sequence[FileEdit], head: str) -> tuple[FileEdit, ...]:
        """The same with what stands at each path now. ConflictError where a checkout has something uncommitted."""
        there = standing(self.git, head, [file.path for file in files])
        edits = tuple(
            replace(file, mode=there[file.path][0], before=there[file.path][1]) if file.path in there else file
            for file in files
        )
        refuse(self.followed.source, edits)
        return edits

    def refuse_uncommitted(self, paths: Sequence[str], head: str) -> None:
        """ConflictError where a checkout has one of these files in another state than the head."""
        if paths:
            there = standing(self.git, head, paths)
            blobs = {path: there[path][1] if path in there else "" for path in paths}
            refuse(self.followed.source, [FileEdit(path, blob, blob) for path, blob in blobs.items()])

    def judged(self, files: Sequence[FileEdit], head: str) -> TreeResult:
        """Today's rules over the whole tree as it would be."""
        written = {TreeEntry(edit.path, edit.blob, len(edit.content)): edit.content for edit in files if edit.blob}
        edited = EditedFiles(self.followed.files(head), written, {edit.path for edit in files})
        return self.followed.judge(edited, self.index(head))

    def land(
        self, files: Sequence[FileEdit], head: str, *, message: str, author: Person, proposal: str
    ) -> PublishedCommit | None:
        """None when the branch has moved on from ``head``; then nothing was changed."""
        change = Change(
            files=tuple(files),
            message=self._policy.written(message, author=author, committer=self._committer),
            author=author,
            committer=self._committer,
            at=self.followed.now(),
            signing_key=self._signing_key,
        )
        return publish(self.followed.source, head, change, proposal=proposal, policy=self._policy)

    def _head(self) -> str:
        head = self.followed.refresh()
        if head is None:
            raise NotFoundError("the repository has no commit yet", hint="commit the job first")
        return head


def errors_of(loaded: TreeResult, paths: Sequence[str]) -> list[Problem]:
    """Why these files make no job; those of layers above them included."""
    found = {parsed.path: parsed for parsed in loaded.files}
    return [error for path in paths if path in found for error in found[path].errors]


def diff(path: str, before: bytes, after: bytes) -> str:
    """Unified, as git shows it."""
    old, new = (_diff_lines(content.decode("utf-8", "replace")) for content in (before, after))
    names = (f"a/{path}" if before else "/dev/null", f"b/{path}" if after else "/dev/null")
    found = text_diff.unified(old, new, before=names[0], after=names[1])
    return found.text + (f"(cut after {text_diff.MAX_LINES:,} lines)\n" if found.truncated else "")


def _diff_lines(text: str) -> list[str]:
    lines = text.split("\n")
    last = lines.pop()
    return [*lines, f"{last}\n\\ No newline at end of file"] if last else lines
