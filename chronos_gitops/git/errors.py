"""Git errors, as typed reasons that a status page can show."""

import os
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Final

from chronos_gitops.errors import ChronosError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.git.remote.address import redact
from chronos_gitops.process.lazy_dataclass import dataclass

OLDEST_GIT: Final = (2, 39)
INSTALL_GIT: Final = f"install git {OLDEST_GIT[0]}.{OLDEST_GIT[1]} or newer"


class GitError(ChronosError):
    """A git command failed; ``kind`` is the typed reason of CONTRACT 3.

    ``is_rejection``: asking again changes nothing until a person, or a file that rotates, changes a credential, a key
    or an address. ``retry_after`` is the time that the server asked for.
    """

    kind = "GitOperationFailed"
    is_rejection: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", retry_after: timedelta = timedelta()) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class GitMissing(GitError):
    kind = "GitMissing"
    exit_code = ExitCode.USAGE

    def __init__(self, message: str = "git was not found in PATH", *, hint: str = INSTALL_GIT) -> None:
        super().__init__(message, hint=hint)


class AuthenticationFailed(GitError):
    kind = "AuthenticationFailed"
    is_rejection = True


class HostKeyMismatch(GitError):
    """The server's SSH key is unknown, or another one than before."""

    kind = "HostKeyMismatch"
    is_rejection = True


class CertificateRejected(GitError):
    """The server's TLS certificate is not trusted here."""

    kind = "CertificateRejected"
    is_rejection = True


class ClientCertificateRejected(GitError):
    """The server asks for a TLS certificate of the runner; it got none, or none that it takes."""

    kind = "ClientCertificateRejected"
    is_rejection = True


class RepositoryMoved(GitError):
    kind = "RepositoryMoved"
    is_rejection = True


class NotAGitServer(GitError):
    """A page for a browser came back, mostly a login."""

    kind = "NotAGitServer"
    is_rejection = True


class RequestRefused(GitError):
    """The server takes the request itself for wrong (HTTP 400 and its like)."""

    kind = "RequestRefused"
    is_rejection = True


class RateLimited(GitError):
    kind = "RateLimited"


class BranchNotFound(GitError):
    kind = "BranchNotFound"


class PathMissing(GitError):
    kind = "PathMissing"


class PathUnreadable(GitError):
    kind = "PathUnreadable"


class NetworkError(GitError):
    kind = "NetworkError"


class ConnectionEnded(GitError):
    """The server ended a TLS connection without an answer: it restarts, or it wants a client certificate."""

    kind = "ConnectionEnded"


class Timeout(GitError):
    kind = "Timeout"


class NotARepository(GitError):
    kind = "NotARepository"
    exit_code = ExitCode.USAGE


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


class PartialClone(GitError):
    """A partial clone cannot be fetched from: it lacks objects itself."""

    kind = "PartialClone"


class Locked(GitError):
    """A lock file of git is in the way: another command works there, or one that was killed has left it."""

    kind = "Locked"


class Stopped(GitError):
    """The gateway was closed while the command ran."""

    kind = "Stopped"


@dataclass(frozen=True, slots=True)
class _Fault:
    """A pattern in git's words (LC_ALL=C). Git has no codes for these: its status is 128 for all of them."""

    pattern: str
    error: type[GitError]
    hint: str = ""


_LOCK: Final = r"Unable to create '([^']+\.lock)': File exists"
_AGAIN: Final = "the runner retries by itself"
# The last line that one of these is found in decides: what a server prints before a login comes first.
_FAULTS: Final[Sequence[_Fault]] = (
    _Fault(r"could not fetch \S+ from promisor remote", Corrupt),
    _Fault(r"mismatched algorithms", ObjectFormatMismatch, "fetch it into a repository with the same object format"),
    _Fault(_LOCK, Locked, "remove that file when no git command runs there"),
    _Fault(r"transport '.*' not allowed", ProtocolNotAllowed, "only the protocol of the URL is allowed"),
    _Fault(r"detected dubious ownership", DubiousOwnership, "another user owns that repository"),
    _Fault(
        r"Host key verification failed",
        HostKeyMismatch,
        "compare the fingerprint with the server's, then add its key to known_hosts",
    ),
    _Fault(
        r"error reading X\.509|could not load (?:PEM )?client certificate|unable to (?:set|use) (?:private key|client"
        r" certificate)|Certificate is required|failed: Handshake failed"
        r"|TLS fatal alert|tlsv1\d? alert|sslv3 alert|alert (?:certificate|handshake|bad certificate)",
        ClientCertificateRejected,
        "if the server asks for a client certificate, set git.cert_file and git.key_file to one that it accepts",
    ),
    _Fault(
        r"certificate verif\w+ failed|certificate problem|certificate subject name|SSL CA cert"
        r"|unable to get local issuer|certificate has expired|self[- ]signed certificate"
        r"|error setting certificate|peer certificate",
        CertificateRejected,
        "set git.ca_file to the authority that signed it, or renew the server's certificate",
    ),
    _Fault(
        r"unexpected TLS packet|wrong version number|packet length too long|HTTP/0\.9 when not allowed",
        NotAGitServer,
        "check scheme and port of the address: one side speaks TLS there, and the other does not",
    ),
    _Fault(
        r"'https://[^']*'.*(?:Connection reset|non-properly terminated|unexpected eof|SSL_ERROR_SYSCALL|not connected"
        r"|Empty reply)",
        ConnectionEnded,
        "if it goes on, the server may ask for a client certificate: set git.cert_file and git.key_file",
    ),
    _Fault(r"returned error: 407|response 407|HTTP code 407", AuthenticationFailed, "check the proxy's password"),
    _Fault(r"returned error: 429|HTTP 429", RateLimited, "the runner waits as long as the server asks for"),
    _Fault(
        r"returned error: 30[12378]|update url base from redirection",
        RepositoryMoved,
        "give the runner the new address",
    ),
    _Fault(
        r"Authentication failed|could not read (?:Username|Password)|Permission denied \(|terminal prompts disabled"
        r"|returned error: 40[13]|HTTP 40[13]|invalid credentials|Access denied",
        AuthenticationFailed,
        "check the credentials the runner was given",
    ),
    _Fault(r"returned error: (?:408|425)|HTTP (?:408|425)", NetworkError, _AGAIN),
    _Fault(
        r"returned error: 4\d\d|HTTP 4\d\d",
        RequestRefused,
        "check the address, and what a proxy or the server's log says about the request",
    ),
    _Fault(r"couldn't find remote ref|Remote branch .* not found", BranchNotFound, "check --branch"),
    _Fault(
        r"Could not resolve (?:host|proxy)|unable to access|Connection (?:refused|reset|timed out|closed)"
        r"|No route to host|Network is unreachable|RPC failed|Operation too slow",
        NetworkError,
        _AGAIN,
    ),
    _Fault(
        r"bad object|object corrupt|is corrupt|unable to read (?:sha1|tree|object)|bad sha1 (?:file|reference)"
        r"|inflate: |unable to unpack|did not send all necessary objects|could not read [0-9a-f]{40}"
        r"|revision walk setup failed|failed to traverse parents"
        r"|reference broken|bad signature|index file smaller than expected|packfile .* (?:cannot|truncated)"
        r"|missing (?:blob|tree|commit)|object file .* is empty|unable to resolve reference|not a valid object"
        r"|far too short to be a packfile|wrong index v\d file size|index file \S+ is|non-monotonic index"
        r"|not a GIT packfile|does not match index|claims to have \d+ objects|end of packfile|offset (?:beyond|before)",
        Corrupt,
    ),
    _Fault(
        r"not a git repository|does not appear to be a git repository|repository .* not found|does not exist"
        r"|Repository not found|could not be found or you don't have permission",
        NotARepository,
        "check the address of the repository, and that the runner's account may read it",
    ),
)
# Said after every failure, so these decide only where nothing else was said.
_VAGUE: Final = r"early EOF|remote end hung up|Could not read from remote repository"
_NOISE: Final = re.compile(r"Please make sure you have the correct access rights|and the repository exists\.|[\W_]*\Z")
_MOST_CHARACTERS: Final = 400


def failure(doing: str, code: int, stderr: bytes) -> GitError:
    """The typed error for what git said; never holds credentials or control characters."""
    said = _lines(stderr)
    fault = next((fault for line in reversed(said) if (fault := _fault_of(line)) is not None), None)
    if fault is None and any(re.search(_VAGUE, line, re.IGNORECASE) for line in said):
        fault = _Fault(_VAGUE, NetworkError, _AGAIN)
    if fault is None:
        return GitError(f"{doing}: {shortened(said) or f'git ended with status {code}'}")
    return fault.error(f"{doing}: {shortened(said)}", hint=fault.hint)


def words(stderr: bytes) -> str:
    """Git's own words on one line, without progress, advice and credentials, at most 400 characters of their end."""
    return shortened(_lines(stderr))


def lock_in(stderr: bytes) -> str:
    """The path of the lock file that was in git's way; empty when none was."""
    found = re.search(_LOCK, " ".join(_lines(stderr)))
    return "" if found is None else os.path.normpath(found[1])


def shortened(said: Sequence[str]) -> str:
    """Joined; what matters stands at the end, after whatever a server prints to everybody."""
    text = "; ".join(said)
    return text if len(text) <= _MOST_CHARACTERS else f"... {text[4 - _MOST_CHARACTERS :]}"


def _fault_of(line: str) -> _Fault | None:
    return next((fault for fault in _FAULTS if re.search(fault.pattern, line, re.IGNORECASE)), None)


def _lines(stderr: bytes) -> Sequence[str]:
    raw = stderr.decode("utf-8", "replace").replace("\r", "\n").splitlines()
    plain = (re.sub(r"^(?:remote: ?)?(?:(?:fatal|error): )?", "", line) for line in raw if line[:5] != "hint:")
    shown = (redact("".join(char if char.isprintable() else " " for char in line)).strip() for line in plain)
    return [line for line in shown if line and not _NOISE.match(line)]
