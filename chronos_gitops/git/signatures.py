"""Whether somebody who may has signed a commit (SSH signatures, ssh-keygen(1) ALLOWED SIGNERS)."""

from pathlib import Path

from chronos_gitops.errors import UsageError
from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import GitError

_WORDS = {
    "N": "is not signed",
    "B": "has a bad signature",
    "U": "is signed with a key that is not among the allowed signers",
    "X": "has a signature that has expired",
    "Y": "was signed with a key that has expired",
    "R": "was signed with a key that is revoked",
}


class VerificationFailed(GitError):
    """The commit is not taken; what ran before goes on."""

    kind = "VerificationFailed"


class Signers:
    """The operator's list. It is read at every question: a key is withdrawn without a restart."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise UsageError(f"--verify-commits: {file} is not a file", hint="see ALLOWED SIGNERS in ssh-keygen(1)")
        self._file = file

    def verify(self, git: Git, commit: str) -> None:
        """VerificationFailed unless the signature is good and by one of them, see ``%G?`` in git-log(1)."""
        done = git.attempt(
            "-c",
            f"gpg.ssh.allowedSignersFile={self._file}",
            "log",
            "--max-count=1",
            "--no-patch",
            "--format=%G?",
            "--end-of-options",
            commit,
            "--",
        )
        state = done.stdout.decode("ascii", "replace").strip() or "E"
        if state != "G":
            why = _WORDS.get(state, "has a signature that cannot be checked")
            raise VerificationFailed(f"commit {commit[:12]} {why}", hint="what ran before goes on")
