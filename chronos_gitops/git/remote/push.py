"""A push of one commit to one branch of the followed repository, and what the server's answer means."""

import re
from enum import StrEnum
from typing import Final

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import AuthenticationFailed, GitError, lock_in, words
from chronos_gitops.git.remote.server import Remote

_READ_ONLY: Final = re.compile(
    r"read[ -]only|does not have write access|not authorized to write|not allowed to (?:push|write)", re.IGNORECASE
)  # of deploy keys, as GitHub, GitLab, Gitea and Bitbucket say it


class PushResult(StrEnum):
    """Result of a push. LOST: another push was first. LOCKED: the branch has a lock file. REFUSED: the server's rules
    forbid it. READ_ONLY: our credentials may read the repository, not write to it."""

    DONE = "done"
    LOST = "lost"
    LOCKED = "locked"
    REFUSED = "refused"
    READ_ONLY = "read-only"


def push(git: Git, remote: Remote, commit: str, ref: str, *, timeout: float) -> tuple[PushResult, str]:
    """A plain push, never forced: the server itself compares and swaps. With LOCKED comes the path of the lock, else
    what was said."""
    done = remote.ask(
        git,
        "push",
        "--porcelain",
        "--no-verify",
        "--no-follow-tags",
        "--end-of-options",
        remote.address.location,
        f"{commit}:{ref}",
        timeout=timeout,
    )
    said = done.stdout.decode("utf-8", "replace")
    outcome = next((line for line in said.splitlines() if line[:2] in ("!\t", "*\t", " \t", "=\t")), None)
    if outcome is None:
        error = remote.failure("git push", done)
        # The branch was just fetched, so what is refused is to write.
        if isinstance(error, AuthenticationFailed) or _READ_ONLY.search(error.message):
            return PushResult.READ_ONLY, words(done.stderr)
        raise error
    if not outcome.startswith("!"):
        return PushResult.DONE, ""
    lock = lock_in(done.stderr)
    if lock:
        return PushResult.LOCKED, lock
    return _refusal(outcome.split("\t")[-1]), words(done.stderr)


def _refusal(summary: str) -> PushResult:
    """``[rejected] (fetch first)`` or ``[remote rejected] (pre-receive hook declined)``, see git-push(1)."""
    if not summary.startswith("[remote rejected]"):
        return PushResult.LOST
    raced = ("failed to update ref", "cannot lock ref", "incorrect old value", "reference already exists")
    if any(words in summary for words in raced):
        return PushResult.LOST
    if "unpacker error" in summary or "internal" in summary:
        raise GitError(f"the repository could not store the commit: {summary[:200]}")
    return PushResult.REFUSED
