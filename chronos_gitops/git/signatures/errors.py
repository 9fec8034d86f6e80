"""The error of a head that is not applied because commits of it are not signed."""

from chronos_gitops.git.errors import GitError
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class UnverifiedCommit:
    """``why`` continues a sentence that begins with the commit: "is not signed"."""

    commit: str
    author: str
    why: str


class VerificationFailed(GitError):
    """The head is not applied; the last verified JobSet keeps running. ``unverified`` names up to ten commits."""

    kind = "VerificationFailed"

    def __init__(self, message: str, *, hint: str = "", unverified: tuple[UnverifiedCommit, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.unverified = unverified
