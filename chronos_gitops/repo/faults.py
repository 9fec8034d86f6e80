"""What can go wrong with git, as typed reasons a status page can show."""

import re
from collections.abc import Sequence

from chronos_gitops.errors import ChronosError
from chronos_gitops.repo.address import redact


class GitError(ChronosError):
    """A git command failed; ``kind`` is the typed reason of CONTRACT 3."""

    kind = "GitOperationFailed"


class GitMissing(GitError):
    kind = "GitMissing"


class AuthenticationFailed(GitError):
    kind = "AuthenticationFailed"


class HostKeyMismatch(GitError):
    kind = "HostKeyMismatch"


class BranchNotFound(GitError):
    kind = "BranchNotFound"


class PathMissing(GitError):
    kind = "PathMissing"


class PathUnreadable(GitError):
    kind = "PathUnreadable"


class NetworkError(GitError):
    kind = "NetworkError"


class Timeout(GitError):
    kind = "Timeout"


class NotARepository(GitError):
    kind = "NotARepository"


class DubiousOwnership(GitError):
    kind = "DubiousOwnership"


class ProtocolNotAllowed(GitError):
    kind = "ProtocolNotAllowed"


class OutputTooLarge(GitError):
    kind = "OutputTooLarge"


class ObjectMissing(GitError):
    kind = "ObjectMissing"


class Corrupt(GitError):
    """Our own copy of the repository cannot be used any more; making it anew heals it."""

    kind = "Corrupt"


class ObjectFormatMismatch(GitError):
    """The server's objects have another hash than ours (gitformat hash-function-transition)."""

    kind = "ObjectFormatMismatch"


class Locked(GitError):
    """A lock file of git is in the way: another command works there, or one that was killed has left it."""

    kind = "Locked"


class Stopped(GitError):
    """The gateway was closed while the command ran."""

    kind = "Stopped"


# The first pattern found in git's words (LC_ALL=C) decides. Git has no codes for these: rc is 128 for all of them.
_PATTERNS: Sequence[tuple[str, type[GitError], str]] = (
    (r"could not fetch \S+ from promisor remote", Corrupt, ""),  # first: it is refused the protocol, and says that too
    (r"mismatched algorithms", ObjectFormatMismatch, "fetch it into a repository with the same object format"),
    (r"Unable to create '[^']+\.lock': File exists", Locked, "remove that file when no git command runs there"),
    (r"transport '.*' not allowed", ProtocolNotAllowed, "only the protocol of the repository's own URL is allowed"),
    (r"detected dubious ownership", DubiousOwnership, "another user owns that repository"),
    (r"Host key verification failed", HostKeyMismatch, "add the host to the runner's known_hosts"),
    (
        r"Authentication failed|could not read (?:Username|Password)|Permission denied \(|terminal prompts disabled"
        r"|returned error: 40[13]|HTTP 40[13]|invalid credentials|Access denied",
        AuthenticationFailed,
        "check the credentials the runner was given",
    ),
    (r"couldn't find remote ref|Remote branch .* not found", BranchNotFound, "check --branch"),
    (
        r"Could not resolve host|unable to access|Connection (?:refused|reset|timed out|closed)|early EOF"
        r"|remote end hung up|No route to host|Network is unreachable|RPC failed|Operation too slow",
        NetworkError,
        "it is tried again by itself",
    ),
    (
        r"bad object|object corrupt|is corrupt|unable to read (?:sha1|tree|object)|bad sha1 (?:file|reference)"
        r"|inflate: |unable to unpack|did not send all necessary objects|could not read [0-9a-f]{40}"
        r"|revision walk setup failed|failed to traverse parents"
        r"|reference broken|bad signature|index file smaller than expected|packfile .* (?:cannot|truncated)"
        r"|missing (?:blob|tree|commit)|object file .* is empty|unable to resolve reference|not a valid object",
        Corrupt,
        "",
    ),
    (
        r"not a git repository|does not appear to be a git repository|repository .* not found|does not exist",
        NotARepository,
        "check the address of the repository",
    ),
    (r"Could not read from remote repository", NetworkError, "it is tried again by itself"),
)


def failure(doing: str, code: int, stderr: bytes) -> GitError:
    """The typed error for what git said; never holds credentials or control characters."""
    said = words(stderr)
    for pattern, error, hint in _PATTERNS:
        if re.search(pattern, said, re.IGNORECASE):
            return error(f"{doing}: {said}", hint=hint)
    return GitError(f"{doing}: {said or f'git ended with status {code}'}")


def words(stderr: bytes) -> str:
    """Git's own words on one line, without progress, advice and credentials, at most 400 characters."""
    lines = stderr.decode("utf-8", "replace").replace("\r", "\n").splitlines()
    kept = [re.sub(r"^(?:remote: ?)?(?:(?:fatal|error): )?", "", line).strip() for line in lines if line[:5] != "hint:"]
    text = "; ".join(line for line in kept if line)
    return redact("".join(char if char.isprintable() else " " for char in text))[:400]
