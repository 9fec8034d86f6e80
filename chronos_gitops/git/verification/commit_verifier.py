"""Verifies a head: it, and every commit that it reaches and the last verified head does not, over all parents.

A commit passes when it has a good signature, when it is a clean merge of two parents that pass, or when a signed
commit on top of it vouches for it. Oldest first; what has passed is remembered, so each commit is checked once.
"""

import logging
from collections.abc import Sequence
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.incomplete_clone import boundary
from chronos_gitops.git.signatures.errors import UnverifiedCommit, VerificationFailed
from chronos_gitops.git.signatures.signers import SignerFiles, Signers
from chronos_gitops.git.verification.clean_merge import FetchBlobs
from chronos_gitops.git.verification.commit_graph import CommitNode, commit_node, commits_after
from chronos_gitops.git.verification.commit_judge import CommitJudge, Judgements
from chronos_gitops.git.verification.trust_base import TrustBase
from chronos_gitops.git.verification.verified_history import VerifiedHistory, Vouch
from chronos_gitops.git.verification.vouching import Vouchers

_AT_ONCE: Final = 50
_MOST: Final = 10
_log = logging.getLogger(__name__)


class CommitVerifier:
    """``since`` is the commit that the operator trusts where no head was verified yet; without it, that is a first
    head that passes alone. ``fetch`` brings contents that a merge needs, ``known`` is what is known of commits already.
    Calls come from one thread at a time."""

    def __init__(
        self,
        signers: Signers,
        history: VerifiedHistory,
        *,
        since: str | None = None,
        fetch: FetchBlobs | None = None,
        known: Judgements | None = None,
    ) -> None:
        self._signers = signers
        self._history = history
        self._since = since
        self._fetch = fetch or (lambda _: None)
        self._known = known or Judgements()
        self._verified: tuple[str, str] | None = None
        self.is_message_signed = False
        """True if the last verified head is signed itself. Trailers of an unsigned clean merge do not count."""

    @property
    def vouches(self) -> tuple[Vouch, ...]:
        """The last commits that were vouched for, newest first."""
        return self._history.vouches

    def verify(self, git: Git, head: str) -> None:
        """VerificationFailed unless this head may be applied; then it is the last verified one."""
        files = self._signers.read()
        if self._verified == (head, files.fingerprint):
            return
        self._known.hold_for(files.fingerprint)
        with files.on_disk() as paths:
            judge = CommitJudge(git, paths, self._known, self._fetch)
            base = TrustBase.of(git, self._history, self._since)
            if base is None:
                self._begin(judge, commit_node(git, head))
            else:
                self._go_on(judge, base, head, files)
            self.is_message_signed = judge.is_signed(commit_node(git, head))
        self._verified = (head, files.fingerprint)

    def _begin(self, judge: CommitJudge, head: CommitNode) -> None:
        why = judge.fault_alone(head)
        if why is not None:
            raise _failed([(head, why)], [head], None)
        self._history.advance(head.sha, bases=(head.sha,))
        hint = "set verify_since where the data folder does not last"
        _log.warning("verify_anchor", extra={"commit": head.sha, "hint": hint})

    def _go_on(self, judge: CommitJudge, base: TrustBase, head: str, files: SignerFiles) -> None:
        walk = commits_after(base.git, head, base.excluded)
        _refuse_cut(base.git, walk)
        vouches = self._vouches(judge, base, walk or [commit_node(base.git, head)], files)
        self._history.advance(head, bases=base.bases, vouches=tuple(vouches))
        for vouch in vouches:
            _log.info("commit_vouched", extra={"commit": vouch.commit, "vouched_in": vouch.vouched_in})

    def _vouches(
        self, judge: CommitJudge, base: TrustBase, commits: Sequence[CommitNode], files: SignerFiles
    ) -> Sequence[Vouch]:
        """Those that made commits pass. VerificationFailed when one does not pass; at ten nothing more is checked."""
        inside = {commit.sha for commit in commits}
        vouchers = Vouchers(base.git, judge, commits)
        vouches: list[Vouch] = []
        failed: list[tuple[CommitNode, str]] = []
        passed_before = frozenset(self._history.passed_by(files.fingerprint))
        waiting = [commit for commit in commits if commit.sha not in passed_before]
        for start in range(0, len(waiting), _AT_ONCE):
            few = waiting[start : start + _AT_ONCE]
            judge.check(few)
            faults = [(one, judge.fault(one, lambda it: it in inside or base.was_verified(it))) for one in few]
            self._history.note([one.sha for one, why in faults if why is None], files.fingerprint)
            for one, why in faults:
                if why is None:
                    continue
                vouch = vouchers.find(one)
                vouches += [] if vouch is None else [vouch]
                failed += [(one, why)] if vouch is None else []
            if len(failed) >= _MOST:
                break
        if failed:
            raise _failed(failed[:_MOST], commits, base)
        return vouches


def _refuse_cut(git: Git, walk: Sequence[CommitNode]) -> None:
    """Of a shallow clone a commit may hide parents that are not here and not signed."""
    cut = set(boundary(git))
    found = next((commit for commit in walk if commit.sha in cut), None)
    if found is not None:
        why = "has parents that are not here: the repository is a shallow clone"
        raise VerificationFailed(
            f"commit {found.sha[:12]} by {found.author} {why}",
            hint="git fetch --unshallow there",
            unverified=(UnverifiedCommit(found.sha, found.author, why),),
        )


def _failed(
    failed: Sequence[tuple[CommitNode, str]], commits: Sequence[CommitNode], base: TrustBase | None
) -> VerificationFailed:
    commit, why = failed[0]
    place = "" if base is None else f", {_place(commit, commits, base)},"
    trailer = f"the trailer Chronos-Vouch: {commit.sha}"
    hint = f"rewrite it, or push a signed commit on top with {trailer}"
    if commit.sha == commits[-1].sha and len(failed) == 1:
        hint = f"sign it, or push a signed commit on top with {trailer}"
    if len(failed) > 1:
        hint = f"the sync status lists {len(failed)} such commits; rewrite them, or push a signed commit on top with"
        hint += " a trailer Chronos-Vouch: <full id> for each"
    unverified = tuple(UnverifiedCommit(one.sha, one.author, fault) for one, fault in failed)
    return VerificationFailed(
        f"commit {commit.sha[:12]} by {commit.author}{place} {why}", hint=hint, unverified=unverified
    )


def _place(commit: CommitNode, commits: Sequence[CommitNode], base: TrustBase) -> str:
    """``3rd of 5 since 9f8e7d6c5b4a``."""
    number = 1 + next(index for index, one in enumerate(commits) if one.sha == commit.sha)
    since = base.excluded[0][:12] if base.excluded else "the first commit"
    return f"{_ordinal(number)} of {len(commits)} since {since}"


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
