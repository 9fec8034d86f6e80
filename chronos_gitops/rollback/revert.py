"""Reverts: former content becomes one new commit on top of the branch, and the follower applies it like any other.

A request names the content: a version of one job (``to_version``) or what was before a commit (``before_commit``).
Everything else is decided here: what stands in the way, today's validation, the commit, and an answer that was lost.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from chronos_gitops.errors import ChronosError, ConflictError
from chronos_gitops.git.commit import FileEdit, Person, clean, standing
from chronos_gitops.git.log import Commit
from chronos_gitops.git.signatures.signers import Signers
from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.jobs.planning import plan as planning
from chronos_gitops.jobs.planning.held import disabled_by_layers
from chronos_gitops.jobs.validation.validate import TreeResult
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.rollback.commit_policy import DEFAULT, CommitPolicy
from chronos_gitops.rollback.committer import (
    RUNNER,
    CommitTarget,
    Committer,
    InvalidVersion,
    RequestIdReused,
    diff,
    errors_of,
)
from chronos_gitops.rollback.publish import OpenRequest, Proposal, PublishedCommit, Review
from chronos_gitops.versions.history import Index

__all__ = ["FormerContent", "HeadHistory", "ProposedCommit", "RevertRequest", "Reverter"]

Plan = TypeVar("Plan")
Result = TypeVar("Result", bound="RevertResult")
PlanOut = TypeVar("PlanOut", covariant=True)
ResultOut = TypeVar("ResultOut", covariant=True)


class CommitOutsideFolders(ChronosError):
    """A defect: the request was let through, and its commit is not the caller's to make. Nothing was written."""

    kind = "commit-outside-folders"


@dataclass(frozen=True, slots=True)
class FormerContent:
    """The files that a revert writes, those that go away first.

    ``restored`` are the jobs that must be valid afterwards, each with its path. ``own`` are paths that these jobs have
    now; at any other path nothing may stand. ``layers`` are paths that must be on disk as they are committed.
    ``proposal`` is the branch for review where the branch is protected. ``keeps_valid``: every
    job that is valid now stays so, unless its file goes.
    """

    files: tuple[FileEdit, ...]
    restored: Mapping[str, str]
    own: frozenset[str]
    message: str
    proposal: str
    layers: tuple[str, ...] = ()
    keeps_valid: bool = False


@dataclass(frozen=True, slots=True)
class HeadHistory:
    """The history at the head: versions, contents, and the former histories of a rewritten branch."""

    index: Index
    read: Callable[[str], bytes]
    followed: CommitTarget


@dataclass(frozen=True, slots=True)
class RevertEffect:
    """The tree after a revert; ``before`` is the tree as it stands, read only where the content ``keeps_valid``.
    ``now`` says which jobs have ended."""

    after: TreeResult
    before: TreeResult | None
    now: datetime

    @property
    def disabled(self) -> int:
        """The number of jobs that restored layers disable or end."""
        return 0 if self.before is None else len(disabled_by_layers(self.before.jobs, self.after.jobs, self.now))


class RevertResult(Protocol):
    """``commit`` is the new one; ``branch`` is set when it waits there for review."""

    @property
    def changed(self) -> bool: ...

    @property
    def commit(self) -> str | None: ...

    @property
    def branch(self) -> str | None: ...


class ProposedCommit(Protocol[PlanOut, ResultOut]):
    """The changes that one request makes at one head."""

    @property
    def content(self) -> FormerContent: ...

    def plan(self, *, changed: bool, diff: str) -> PlanOut:
        """Describe the commit without making it."""

    def result(self, landed: PublishedCommit | None) -> ResultOut:
        """The answer; None where nothing had to change."""

    def judged(self, effect: RevertEffect) -> "ProposedCommit[PlanOut, ResultOut]":
        """The same draft with what its message and its warnings say of the tree after it."""

    def refusal(self, lost: Sequence[str]) -> str:
        """Why the content may not run today; ``lost`` are the jobs that would not."""


class RevertRequest(Protocol[PlanOut, ResultOut]):
    """One way to name the content. A repeated ``request_id`` gets the first answer."""

    @property
    def requested_by(self) -> Person: ...

    @property
    def request_id(self) -> str: ...

    def draft(self, history: HeadHistory) -> ProposedCommit[PlanOut, ResultOut]:
        """NotFoundError, ConflictError, InvalidVersion, or a GitError."""

    def repeated(self, history: HeadHistory, commit: Commit, trailers: Mapping[str, str]) -> ResultOut | None:
        """The answer that this commit was made for; None when it was made for another request."""


@dataclass(frozen=True, slots=True)
class _Checked(Generic[Plan, Result]):
    """A draft that nothing stands in the way of, with what is at each path now."""

    draft: ProposedCommit[Plan, Result]
    files: tuple[FileEdit, ...]
    head: str
    effect: RevertEffect | None = None

    @property
    def changed(self) -> bool:
        return any(file.blob != file.before for file in self.files)


@dataclass(frozen=True, slots=True)
class _Done(Generic[Plan, Result]):
    """``proposed`` is a commit for which a request is to be opened, with what was checked for it."""

    result: Result
    proposed: tuple[_Checked[Plan, Result], PublishedCommit] | None = None


class Reverter:
    """Plans and performs reverts, one after the other. Safe to call from any thread."""

    def __init__(
        self,
        followed: CommitTarget,
        *,
        committer: Person = RUNNER,
        signing_key: Path | None = None,
        signers: Signers | None = None,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
        policy: CommitPolicy = DEFAULT,
        open_request: OpenRequest | None = None,
    ) -> None:
        self._open_request = open_request
        self._followed = followed
        self._committer = Committer(
            followed, committer=committer, signing_key=signing_key, signers=signers, turn=turn, policy=policy
        )

    def plan(self, request: RevertRequest[Plan, Result]) -> Plan:
        """Everything but the commit. NotFoundError, ConflictError, InvalidVersion, or a GitError."""
        with self._committer.alone() as head:
            checked = self._checked(request, head)
            unified = "".join(diff(file.path, self._before(file), file.content) for file in checked.files)
            return checked.draft.plan(changed=checked.changed, diff=unified)

    def perform(
        self,
        request: RevertRequest[Plan, Result],
        may_write: Callable[[str], bool] = lambda path: True,  # noqa: ARG005 - every path
    ) -> Result:
        """One new commit, applied when this returns, or proposed for review. Raises what ``plan`` raises, and
        CommitOutsideFolders before it would change a path that ``may_write`` denies."""
        done = self._committer.retry_on_conflict(lambda head: self._attempt(request, head, may_write))
        result = done.result if done.proposed is None else self._reviewed(*done.proposed)
        if result.changed:
            self._followed.sync(expecting=None if result.branch else result.commit)
        return result

    def _reviewed(self, checked: _Checked[Plan, Result], commit: PublishedCommit) -> Result:
        """Asks for the review when the next revert may begin: a forge may take its time."""
        assert self._open_request is not None
        try:
            review = Review(self._open_request(self._proposal(checked, commit)))
        except ChronosError as error:
            review = Review(None, error.message)
        return checked.draft.result(replace(commit, review=review))

    def _proposal(self, checked: _Checked[Plan, Result], commit: PublishedCommit) -> Proposal:
        effect, base = checked.effect, self._followed.source.branch
        assert commit.branch is not None
        assert effect is not None
        assert base is not None
        before = effect.before or self._committer.judged((), checked.head)
        changes = planning.plan(_job_set(before), _job_set(effect.after), at=effect.now)
        return Proposal(commit.branch, base, checked.draft.content.message, changes)

    def _attempt(
        self, request: RevertRequest[Plan, Result], head: str, may_write: Callable[[str], bool]
    ) -> _Done[Plan, Result] | None:
        made = self._committer.find_by_request_id(request.request_id, request.requested_by, head)
        if made is not None:
            answered = request.repeated(self._history(head), *made)
            if answered is None:
                raise RequestIdReused(f'request id "{clean(request.request_id)}" was used for another rollback')
            return _Done(answered)
        checked = self._checked(request, head)
        if not checked.changed:
            return _Done(checked.draft.result(None))
        if not all(may_write(file.path) for file in checked.files if file.blob != file.before):
            raise CommitOutsideFolders("the commit would change files outside the caller's folders")
        content = checked.draft.content
        landed = self._committer.land(
            checked.files, head, message=content.message, author=request.requested_by, proposal=content.proposal
        )
        if landed is None:
            return None
        asks = landed.is_for_review and self._open_request is not None
        return _Done(checked.draft.result(landed), (checked, landed) if asks else None)

    def _checked(self, request: RevertRequest[Plan, Result], head: str) -> _Checked[Plan, Result]:
        draft = request.draft(self._history(head))
        self._refuse_occupied(draft.content, head)
        self._committer.refuse_uncommitted(draft.content.layers, head)
        checked = _Checked(draft, self._committer.with_current_blobs(draft.content.files, head), head)
        if not checked.changed:
            return checked
        after = self._committer.judged(checked.files, head)
        before = self._committer.judged((), head) if draft.content.keeps_valid else None
        effect = RevertEffect(after, before, self._followed.now())
        self._refuse_invalid(checked, effect)
        return replace(checked, draft=draft.judged(effect), effect=effect)

    def _history(self, head: str) -> HeadHistory:
        return HeadHistory(self._committer.index(head), self._committer.git.read, self._followed)

    def _before(self, file: FileEdit) -> bytes:
        return self._committer.git.read(file.before) if file.before else b""

    def _refuse_occupied(self, content: FormerContent, head: str) -> None:
        """A job goes back to where it was, unless something that stays has moved in."""
        paths = [file.path for file in content.files if file.blob and file.path not in content.own]
        for path in standing(self._committer.git, head, paths):
            owner = self._committer.index(head).name_at(path)
            what = f'the job "{owner}"' if owner else "something else"
            raise ConflictError(f"{path} now holds {what}", hint="move that file away first")

    def _refuse_invalid(self, checked: _Checked[Plan, Result], effect: RevertEffect) -> None:
        """By today's rules. A job that comes back to a path would come before, and push out, another file that has its
        name by now: the findings of such a file count, too."""
        content, loaded = checked.draft.content, effect.after
        back = {job for job, path in content.restored.items() if path not in content.own}
        others = {parsed.path for parsed in loaded.files if parsed.name in back}
        problems = errors_of(loaded, sorted({*content.restored.values(), *others}))
        jobs = loaded.jobs
        lost = [job for job, path in content.restored.items() if job not in jobs or jobs[job].path != path]
        lost += _invalidated(checked.files, effect)
        if problems or lost:
            hint = str(problems[0]) if problems else ""
            raise InvalidVersion(checked.draft.refusal(lost), problems=problems, hint=hint)


def _job_set(judged: TreeResult) -> JobSet:
    """The valid jobs of a tree, with their calendars."""
    found = (
        JobVersion(bound(one.job, one.path, one.identity.environment, judged.calendars), one.path, one.identity)
        for one in judged.jobs.values()
        if one.job is not None
    )
    return JobSet.of(None, found, judged.calendars)


def _invalidated(files: Sequence[FileEdit], effect: RevertEffect) -> list[str]:
    """Jobs that become invalid though their files stay."""
    if effect.before is None:
        return []
    gone, now = {file.path for file in files if not file.blob}, effect.before.jobs
    return sorted(name for name in now.keys() - effect.after.jobs.keys() if now[name].path not in gone)
