"""The server of the followed repository: every command that speaks to it, and what its refusals mean."""

import contextlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from chronos_gitops.git.client import Git
from chronos_gitops.git.errors import (
    AuthenticationFailed,
    ClientCertificateRejected,
    GitError,
    NotAGitServer,
    RepositoryMoved,
    RequestRefused,
    failure,
)
from chronos_gitops.git.remote import http_trace
from chronos_gitops.git.remote.address import RemoteAddress, redact
from chronos_gitops.git.remote.credentials import GitCredentials
from chronos_gitops.git.remote.http_trace import Response
from chronos_gitops.process.lazy_dataclass import dataclass

_PERMANENT: Final = (301, 308)
_HTTP: Final = ("http", "https")
_QUICK: Final = 30.0
_NGINX: Final = ("nginx", "openresty", "tengine", "angie")
_NGINX_STATUSES: Final = (400, 495, 496, 497)


@dataclass(frozen=True, slots=True)
class GitReply:
    """Output of a command, and the headers of the HTTP responses that it received."""

    code: int
    stdout: bytes
    stderr: bytes
    responses: Sequence[Response] = ()


class Remote:
    """One address, and how the runner shows itself to it. Files are read at each command."""

    def __init__(self, address: RemoteAddress, access: GitCredentials) -> None:
        self.address = address
        self._access = access
        self._is_http = urlsplit(address.location).scheme in _HTTP

    def credentials(self) -> Hashable:
        """Another value once a file that decides about the server's answer has changed."""
        return self._access.files()

    def run(self, git: Git, *args: str, stdin: bytes = b"", timeout: float = _QUICK) -> bytes:
        """Run the command and return its output. A typed GitError when it fails, or when no git server answers."""
        reply = self.ask(git, *args, stdin=stdin, timeout=timeout)
        if reply.code != 0:
            raise self.failure(f"git {args[0]}", reply)
        return reply.stdout

    def ask(self, git: Git, *args: str, stdin: bytes = b"", timeout: float = _QUICK) -> GitReply:
        """The same for commands whose status is an answer."""
        with http_trace.recorded() if self._is_http else _unrecorded() as (traced, responses):
            env = {**self._environment(git), **traced}
            done = git.attempt(*args, stdin=stdin, timeout=timeout, env=env)
            reply = GitReply(done.code, done.stdout, done.stderr, responses())
        if any(response.is_page for response in reply.responses):
            raise NotAGitServer(
                f"{self.address} answers with an HTML page, such as a login, and not with git's protocol",
                hint="give the address that git clone takes, and credentials that need no browser",
            )
        return reply

    def failure(self, doing: str, reply: GitReply) -> GitError:
        """The typed error for a command that failed, with what the server said beside its status."""
        error = failure(doing, reply.code, reply.stderr)
        last = reply.responses[-1] if reply.responses else None
        if isinstance(error, RepositoryMoved) and last is not None:
            error = _moved(self.address, last)
        if isinstance(error, RequestRefused) and last is not None:
            error = _refused(self.address, last, error)
        if isinstance(error, AuthenticationFailed) and not self._is_http and (fault := self._access.key_fault()):
            error = AuthenticationFailed(error.message, hint=fault)
        if last is not None:
            error.retry_after = last.retry_after()
        return error

    def _environment(self, git: Git) -> Mapping[str, str]:
        """For the commands that speak to the server only: reading our own copy needs neither password nor protocol."""
        credentials = git.with_config(self._access.config(self.address.location))
        transport = self._access.environment(self.address.location)
        return {**credentials, "GIT_ALLOW_PROTOCOL": self.address.protocols, **transport}


def _refused(address: RemoteAddress, response: Response, error: GitError) -> GitError:
    """nginx and what is built on it answer 400 over HTTPS for a missing or unknown client certificate, and over HTTP
    for a port that speaks TLS (ngx_http_ssl_module, error processing); the page that says so is not printed by git."""
    if response.status not in _NGINX_STATUSES or not response.fields.get("server", "").lower().startswith(_NGINX):
        return error
    if urlsplit(address.location).scheme == "https":
        return ClientCertificateRejected(
            f"{error.message}; nginx answers so without a client certificate, or with one it does not trust",
            hint="set git.cert_file and git.key_file to a certificate that the server accepts",
        )
    return NotAGitServer(
        f"{error.message}; nginx answers so where HTTPS is spoken", hint="write the address with https://"
    )


def _moved(address: RemoteAddress, response: Response) -> GitError:
    """Redirects are not followed: our credentials are for the host that the operator named."""
    target = redact(response.fields.get("location", "")).partition("/info/refs")[0][:200]
    place = f" to {target}" if target else ""
    if response.status in _PERMANENT:
        return RepositoryMoved(f"{address} has moved{place}", hint="start the runner with the new address")
    message = f"{address} redirects{place} (status {response.status}), which is not followed"
    return NotAGitServer(message, hint="check the address, and whether its server asks for a login")


@contextlib.contextmanager
def _unrecorded() -> Iterator[tuple[Mapping[str, str], Callable[[], Sequence[Response]]]]:
    yield {}, tuple
