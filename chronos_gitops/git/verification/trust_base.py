"""The start of verification: the head that was verified last, and the commits that the operator trusts."""

from contextlib import closing

from chronos_gitops.git.client import Git
from chronos_gitops.git.incomplete_clone import PresentObjects, boundary
from chronos_gitops.git.signatures.errors import VerificationFailed
from chronos_gitops.git.verification.verified_history import VerifiedHistory
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class TrustBase:
    """``excluded`` are the commits whose histories are not verified again: the anchor, and the commit that the operator
    named where the anchor does not reach it. What they reach was verified, but for what ``bases`` reach; ``is_certain``
    says whether that can be told here."""

    git: Git
    anchor: str | None
    excluded: tuple[str, ...]
    bases: tuple[str, ...]
    is_certain: bool

    @classmethod
    def of(cls, git: Git, history: VerifiedHistory, since: str | None) -> "TrustBase | None":
        """None where nothing was verified yet and the operator named no commit. VerificationFailed when the commit
        that the operator named is needed and not here."""
        if history.anchor is None and since is None:
            return None
        known = [commit for commit in (history.anchor, *history.bases) if commit is not None]
        with closing(PresentObjects(git)) as objects:  # of a mirror without all contents, too
            missing = objects.git.missing(known)
            trusted = None if since is None else objects.git.resolve(since)
        anchor = None if history.anchor in missing else history.anchor
        if since is not None and trusted is None and anchor is None:
            hint = "name a commit of the followed branch by its full id"
            raise VerificationFailed(f"verify_since names {since}, which is not in the repository", hint=hint)
        if trusted is not None and anchor is not None and not _is_outside(git, anchor, trusted):
            trusted = None
        named = () if trusted is None else (trusted,)
        return cls(
            git=git,
            anchor=anchor,
            excluded=(*(() if anchor is None else (anchor,)), *named),
            bases=tuple(dict.fromkeys((*history.bases, *named))),
            is_certain=anchor is not None and not missing and not boundary(git),
        )

    def was_verified(self, commit: str) -> bool:
        """True if a commit of the excluded histories was itself verified, or named by the operator; no, where that
        cannot be told."""
        if commit == self.anchor or commit in self.bases:
            return True
        return self.is_certain and all(_is_outside(self.git, base, commit) for base in self.bases)


def _is_outside(git: Git, head: str, commit: str) -> bool:
    """True if ``head`` certainly does not reach the commit."""
    return git.attempt("merge-base", "--is-ancestor", "--end-of-options", commit, head).code == 1
