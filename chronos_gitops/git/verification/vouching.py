"""Signed commits that vouch for commits below them (the trailer ``Chronos-Vouch: <full id>``)."""

from collections.abc import Sequence
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.log import contains
from chronos_gitops.git.verification.commit_graph import CommitNode, commits_after
from chronos_gitops.git.verification.commit_judge import CommitJudge
from chronos_gitops.git.verification.verified_history import Vouch

_MOST_TRIED: Final = 10


def claimed(git: Git, base: str, head: str) -> tuple[Vouch, ...]:
    """Commits after ``base`` that other commits there vouch for, newest first. Signatures are not checked."""
    walk = commits_after(git, head, [base])
    authors = {commit.sha: commit.author for commit in walk}
    return tuple(
        Vouch(named, authors[named], commit.sha, commit.author)
        for commit in reversed(walk)
        for named in dict.fromkeys(commit.vouches)
        if named in authors and named != commit.sha
    )


class Vouchers:
    """The commits of one walk that name others of it."""

    def __init__(self, git: Git, judge: CommitJudge, walk: Sequence[CommitNode]) -> None:
        self._git = git
        self._judge = judge
        inside = {commit.sha for commit in walk}
        self._naming: dict[str, list[CommitNode]] = {}
        for commit in reversed(walk):
            for named in dict.fromkeys(commit.vouches):
                if named in inside:
                    self._naming.setdefault(named, []).append(commit)

    def find(self, commit: CommitNode) -> Vouch | None:
        """By the newest signed commit that names this one and contains it; of many only ten are tried."""
        for one in self._naming.get(commit.sha, ())[:_MOST_TRIED]:
            if one.sha != commit.sha and self._judge.is_signed(one) and contains(self._git, one.sha, commit.sha):
                return Vouch(commit.sha, commit.author, one.sha, one.author)
        return None
