"""Judges single commits: signed, a clean merge of commits that pass, or neither, and then why."""

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.signatures import check, diagnosis
from chronos_gitops.git.signatures.signers import SignerPaths
from chronos_gitops.git.verification import clean_merge
from chronos_gitops.git.verification.clean_merge import FetchBlobs, Merge
from chronos_gitops.git.verification.commit_graph import CommitNode, commit_node
from chronos_gitops.process.lazy_dataclass import dataclass

_AT_ONCE: Final = 50
_MOST_KNOWN: Final = 50_000


@dataclass(slots=True)
class Judgements:
    """Results for commits, by id. All hold for one fingerprint of the signer files."""

    signed: dict[str, bool] = field(default_factory=dict)
    merges: dict[str, Merge] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)
    _fingerprint: str = ""

    def hold_for(self, fingerprint: str) -> None:
        """Forgets what other files said, and everything when it is much: then it is checked again."""
        if fingerprint != self._fingerprint or len(self.signed) > _MOST_KNOWN:
            self.signed, self.merges, self.reasons, self.alone, self._fingerprint = {}, {}, {}, set(), fingerprint


class CommitJudge:
    """One pass over a repository. ``known`` outlives it: no commit is checked twice."""

    def __init__(self, git: Git, signers: SignerPaths, known: Judgements, fetch: FetchBlobs) -> None:
        self._git = git
        self._signers = signers
        self._known = known
        self._fetch = fetch

    def check(self, commits: Sequence[CommitNode]) -> None:
        """Checks the signatures of many commits in one process; ``is_signed`` then answers at once."""
        fresh = [commit.sha for commit in commits if commit.sha not in self._known.signed]
        for start in range(0, len(fresh), _AT_ONCE):
            few = fresh[start : start + _AT_ONCE]
            good = check.signed(self._git, few, self._signers)
            self._known.signed |= {commit: commit in good for commit in few}

    def is_signed(self, commit: CommitNode) -> bool:
        self.check([commit])
        return self._known.signed[commit.sha]

    def fault(self, commit: CommitNode, is_verified: Callable[[str], bool]) -> str | None:
        """Why the commit does not pass, None where it does. A clean merge passes when its parents do: those that
        ``is_verified`` says yes to, and those that pass alone."""
        if self.is_signed(commit):
            return None
        merge = self._merge(commit)
        if merge is Merge.CLEAN:
            return self._fault_of_parents(commit, is_verified)
        return f"{self._reason(commit)}; {merge}" if merge is not Merge.NONE else self._reason(commit)

    def fault_alone(self, commit: CommitNode) -> str | None:
        """The same for a commit without a verified history: it, or what its clean merges come from, is signed."""
        waiting, seen = [commit], {commit.sha}
        while waiting:
            one = waiting.pop()
            if one.sha in self._known.alone or self.is_signed(one):
                continue
            if self._merge(one) is not Merge.CLEAN:
                why = self.fault(one, lambda _: False)
                return why if one.sha == commit.sha else f"is a merge that contains {one.sha[:12]}, which {why}"
            parents = [parent for parent in one.parents if parent not in seen]
            seen.update(parents)
            waiting += [commit_node(self._git, parent) for parent in parents]
        self._known.alone |= seen
        return None

    def _fault_of_parents(self, commit: CommitNode, is_verified: Callable[[str], bool]) -> str | None:
        for parent in commit.parents:
            if not is_verified(parent) and (why := self.fault_alone(commit_node(self._git, parent))) is not None:
                return f"is a merge of {parent[:12]}, which {why}"
        return None

    def _merge(self, commit: CommitNode) -> Merge:
        if commit.sha not in self._known.merges:
            self._known.merges[commit.sha] = clean_merge.judge(self._git, commit, self._fetch)
        return self._known.merges[commit.sha]

    def _reason(self, commit: CommitNode) -> str:
        if commit.sha not in self._known.reasons:
            self._known.reasons[commit.sha] = diagnosis.reason(self._git, commit.sha, self._signers)
        return self._known.reasons[commit.sha]
