"""The runner's credentials for a git server: read at each attempt, so that a new password needs no restart.

A password travels in the environment of the one command that speaks (``http.<host>.extraHeader``, git-config(1)): no
command line and no file of ours holds it, and no other host is sent it. An askpass program would do the same with a
file that must be executable in the data folder, which hardened mounts (noexec) refuse.
"""

import base64
import shlex
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from chronos_gitops.config.groups import GitAccess
from chronos_gitops.git.errors import AuthenticationFailed, CertificateRejected, ClientCertificateRejected, GitError
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.process.small_files import read_small_file

_MOST_BYTES = 1 << 16
_DEFAULT_USER = "git"
SSH: Final = (
    "ssh",
    *("-o", "BatchMode=yes"),
    *("-o", "StrictHostKeyChecking=yes"),
    *("-o", "ConnectTimeout=15"),
    *("-o", "LogLevel=ERROR"),  # without the banner that a company shows to everybody
)
_HTTP: Final = ("http", "https")
_OWN_FILES: Final = (".ssh/known_hosts", ".ssh/config", ".netrc")


@dataclass(frozen=True, slots=True)
class GitCredentials:
    """The operator's credentials for the repository's server. A password file takes precedence over a password. Forges
    accept any user name beside a token, so ``git`` is the default."""

    given: GitAccess = field(default_factory=GitAccess)

    def config(self, location: str) -> tuple[tuple[str, str], ...]:
        """Git settings that carry the password to the host of this URL. AuthenticationFailed for a file that is not
        there or empty."""
        parts = urlsplit(location)
        password = self._password() if parts.scheme in _HTTP else ""
        if not password:
            return ()
        pair = base64.b64encode(f"{self.given.username or _DEFAULT_USER}:{password}".encode()).decode()
        key = f"http.{parts.scheme}://{parts.netloc}/.extraHeader"
        # An empty value forgets the ones before, here that of user info in the URL: two headers would be refused.
        return ((key, ""), (key, f"Authorization: Basic {pair}"))

    def environment(self, location: str) -> Mapping[str, str]:
        """Variables for git's transports: TLS files, and an ssh command line with strict host keys. GitError that names
        a TLS file which cannot be read."""
        is_tls = urlsplit(location).scheme == "https"
        return {**(self._tls() if is_tls else {}), **self._ssh()}

    def files(self) -> Hashable:
        """Another value once one of the files that decide about an answer of the server was changed or replaced."""
        return tuple(_seen(path) for path in self._files())

    def key_fault(self) -> str:
        """The fault of the SSH key file, as far as the file itself shows it; empty when it looks valid. ssh skips an
        invalid key and is then refused; a missing passphrase is not reported at all."""
        path = self.given.ssh_key_file
        return "" if path is None else _key_fault(path)

    def _tls(self) -> Mapping[str, str]:
        # Variables win over settings, and over those of the machine.
        given = (
            ("GIT_SSL_CAINFO", "git.ca_file", self.given.ca_file, CertificateRejected),
            ("GIT_SSL_CERT", "git.cert_file", self.given.cert_file, ClientCertificateRejected),
            ("GIT_SSL_KEY", "git.key_file", self.given.key_file, ClientCertificateRejected),
        )
        for _, setting, path, error in given:
            if path is not None:
                _refuse_unreadable(setting, path, error)
        return {variable: str(path) for variable, _, path, _ in given if path is not None}

    def _ssh(self) -> Mapping[str, str]:
        words = list(SSH)
        if self.given.ssh_key_file is not None:
            words += ["-o", "IdentitiesOnly=yes", "-i", str(self.given.ssh_key_file)]
        if self.given.known_hosts_file is not None:
            words += ["-o", f'UserKnownHostsFile="{self.given.known_hosts_file}"', "-o", "GlobalKnownHostsFile=none"]
        return {} if len(words) == len(SSH) else {"GIT_SSH_COMMAND": shlex.join(words)}

    def _files(self) -> Iterator[Path]:
        given = self.given
        named = (given.password_file, given.ssh_key_file, given.known_hosts_file)
        yield from (path for path in (*named, given.ca_file, given.cert_file, given.key_file) if path is not None)
        try:
            home = Path.home()
        except RuntimeError:  # a user without an entry and without HOME
            return
        yield from (home / name for name in _OWN_FILES)

    def _password(self) -> str:
        if self.given.password_file is None:
            return self.given.password
        try:
            content = read_small_file(self.given.password_file, limit=_MOST_BYTES).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            message = f"the password of the repository cannot be read from {self.given.password_file}: {reason}"
            raise AuthenticationFailed(message, hint="it is read again at the next attempt") from error
        if not content or not content.isprintable():
            raise AuthenticationFailed(
                f"{self.given.password_file} holds no password", hint="write the password or token there, on one line"
            )
        return content


def _seen(path: Path) -> Hashable:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_mode


def _refuse_unreadable(setting: str, path: Path, error: type[GitError]) -> None:
    try:
        content = read_small_file(path)
    except OSError as fault:
        message = f"{setting}: {path} cannot be read: {fault.strerror}"
        raise error(message, hint="the file is read again at the next attempt") from fault
    if b"-----BEGIN" not in content:
        raise error(f"{setting}: {path} holds no PEM block", hint="write it in PEM, -----BEGIN ...")
    if b"ENCRYPTED" in content:
        raise error(f"{setting}: {path} has a passphrase", hint="the runner cannot ask for it; use a key without one")


def _key_fault(path: Path) -> str:
    try:
        mode, content = path.stat().st_mode, read_small_file(path)
    except OSError as error:
        return f"git.ssh_key_file: {path} cannot be read: {error.strerror}"
    if mode & 0o077:
        return (
            f"git.ssh_key_file: {path} has mode {mode & 0o777:04o}, and ssh ignores keys that others can read; use 0600"
        )
    if _has_passphrase(content):
        return f"git.ssh_key_file: {path} has a passphrase, and the runner cannot ask for it; use a key without one"
    if b"PRIVATE KEY-----" not in content:
        return f"git.ssh_key_file: {path} holds no private key"
    return ""


def _has_passphrase(key: bytes) -> bool:
    """PEM says ENCRYPTED; OpenSSH's own format (PROTOCOL.key) names a cipher, ``none`` without a passphrase."""
    if b"ENCRYPTED" in key:
        return True
    lines = [line for line in key.splitlines() if not line.startswith(b"-----")]
    try:
        head = base64.b64decode(b"".join(lines)[:64])
    except ValueError:
        return False
    return head.startswith(b"openssh-key-v1\0") and head[19:23] != b"none"
