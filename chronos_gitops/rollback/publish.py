"""Publishes a rollback commit: into a checkout, by a push, or onto a branch for review."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from chronos_gitops.errors import ChronosError, ConflictError
from chronos_gitops.git.client import Git
from chronos_gitops.git.commit import Change, FileEdit, build
from chronos_gitops.git.refs import heads
from chronos_gitops.git.remote.mirror import Mirror
from chronos_gitops.git.remote.push import PushResult
from chronos_gitops.git.worktree.access import LOCK_WAIT_S, ref_locked, refuse_unwritable
from chronos_gitops.git.worktree.commit import Checkout
from chronos_gitops.jobs.planning.plan import Plan
from chronos_gitops.process import failpoints
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.sleep import sleep
from chronos_gitops.rollback.commit_policy import DEFAULT, CommitPolicy
from chronos_gitops.sync.source import BranchSource, Source

_LOCK_STEP_S: Final = 0.1


class PushRefused(ChronosError):
    """The server takes the commit neither on the branch nor on one for review."""

    kind = "push-refused"


@dataclass(frozen=True, slots=True)
class Proposal:
    """``branch`` holds one commit on top of ``base``; ``message`` is the commit's own, ``plan`` what it changes."""

    branch: str
    base: str
    message: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """An open pull or merge request; ``url`` is its page."""

    number: int
    url: str

    def document(self) -> dict[str, Any]:
        return {"number": self.number, "url": self.url}


OpenRequest = Callable[[Proposal], ReviewRequest]
"""Opens the request, or finds the open one of these branches. A ChronosError while the forge cannot be asked."""


@dataclass(frozen=True, slots=True)
class Review:
    """The request for a branch that waits for review, None with an ``error`` while the forge cannot be asked."""

    request: ReviewRequest | None
    error: str = ""

    def document(self) -> dict[str, Any]:
        if self.request is None:
            return {"request": None, "request_error": self.error}
        return {"request": self.request.document()}


@dataclass(frozen=True, slots=True)
class PublishedCommit:
    """``branch`` is None when the commit is on the followed branch. ``review`` is None where no forge is asked."""

    commit: str
    branch: str | None = None
    review: Review | None = None

    @property
    def is_for_review(self) -> bool:
        """True on a branch of its own; a ``ref`` of the server's own, like Gerrit's, is a review already."""
        return self.branch is not None and not self.branch.startswith("refs/")

    def document(self) -> dict[str, Any]:
        """Where it waits for review."""
        return {"branch": self.branch} | ({} if self.review is None else self.review.document())


def publish(
    source: Source, head: str, change: Change, *, proposal: str, policy: CommitPolicy = DEFAULT
) -> PublishedCommit | None:
    """The commit on top of ``head``, or None when the branch has moved on: then nothing was changed anywhere."""
    if policy.needs_review or policy.push_ref:
        assert isinstance(source, BranchSource)  # config.load refuses it for a checkout
        proposed = build(source.mirror.git, head, change)
        return _push_for_review(source.mirror, proposed, proposal, "", ref=policy.push_ref)
    with checkout_of(source) as checkout:
        if checkout is not None:
            commit = checkout.commit(head, change)
            return None if commit is None else PublishedCommit(commit)
    assert isinstance(source, BranchSource)
    assert source.branch is not None
    return _push(source.mirror, source.branch, head, change, proposal)


def refuse(source: Source, edits: Sequence[FileEdit]) -> None:
    """ConflictError for what would keep the commit of these files from being written, as far as it shows before."""
    with checkout_of(source) as checkout:
        if checkout is not None:
            checkout.refuse_unwritable(edits)
            checkout.refuse_dirty(edits)
            return
    assert isinstance(source, BranchSource)
    place = source.local_repository
    if place is not None and source.branch is not None and any(edit.blob != edit.before for edit in edits):
        refuse_unwritable(place, heads(source.branch), ())


@contextlib.contextmanager
def checkout_of(source: Source) -> Iterator[Checkout | None]:
    """The checkout whose files must follow the commit, for as long as the block runs."""
    place = source.checkout
    if place is None:
        yield None
        return
    is_ours = isinstance(source, BranchSource)
    git = Git(place) if is_ours else source.git
    try:
        checkout = Checkout(git)
        checkout.recover()
        yield checkout
    finally:
        if is_ours:
            git.close()


def _push(mirror: Mirror, branch: str, head: str, change: Change, proposal: str) -> PublishedCommit | None:
    commit = build(mirror.git, head, change)
    failpoints.reach("before-push")
    outcome, said = _push_past_locks(mirror, commit, heads(branch))
    if outcome is PushResult.DONE:
        failpoints.reach("after-push")
        return PublishedCommit(commit)
    if outcome is PushResult.LOST:
        return None
    _refuse_read_only(outcome, said)
    return _push_for_review(mirror, commit, proposal, said)


def _push_past_locks(mirror: Mirror, commit: str, ref: str) -> tuple[PushResult, str]:
    """A lock that another git command holds is gone within 2 s; RefLocked for one that was left behind."""
    until = time.monotonic() + LOCK_WAIT_S
    while True:
        outcome, said = mirror.push(commit, ref)
        if outcome is not PushResult.LOCKED:
            return outcome, said
        if time.monotonic() > until:
            raise ref_locked(said, "" if mirror.address.path is not None else str(mirror.address))
        sleep(_LOCK_STEP_S)


def _push_for_review(mirror: Mirror, commit: str, proposal: str, said: str, *, ref: str = "") -> PublishedCommit:
    """The name holds job, version and base: if the branch is there already, it proposes the same. A ``ref`` of the
    server's own, like Gerrit's, takes the place of such a branch."""
    outcome, why = _push_past_locks(mirror, commit, ref or heads(proposal))
    if outcome is PushResult.DONE:
        return PublishedCommit(commit, ref or proposal)
    _refuse_read_only(outcome, why)
    if outcome is PushResult.REFUSED or ref:
        raise PushRefused(f"the repository refused the commit: {said or why}", hint="check the runner's permissions")
    there = mirror.fetch(proposal)
    if _tree(mirror.git, there) != _tree(mirror.git, commit):
        raise ConflictError(f"the branch {proposal} holds something else", hint="delete it, or merge it")
    return PublishedCommit(there, proposal)


def _refuse_read_only(outcome: PushResult, said: str) -> None:
    if outcome is PushResult.READ_ONLY:
        message = f"the runner may read the repository, not write to it: {said}"
        raise PushRefused(message, hint="give its account, token or deploy key the right to push")


def _tree(git: Git, commit: str) -> bytes:
    return git.run("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")
