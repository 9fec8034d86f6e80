"""How the runner shows who it is to a git server: read again at each attempt, so that a new password needs no restart.

A password travels in the environment of the one command that speaks (``http.<host>.extraHeader``, git-config(1)): no
command line and no file of ours holds it, and no other host is sent it. An askpass program would do the same with a
file that must be executable in the data folder, which hardened mounts (noexec) refuse.
"""

import base64
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chronos_gitops.repo.faults import AuthenticationFailed
from chronos_gitops.settings.model import GitAccess

_MOST_BYTES = 1 << 16
_DEFAULT_USER = "git"
_SSH = ("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=15")


@dataclass(frozen=True, slots=True)
class Access:
    """What the operator gave for the repository's server. Of the two passwords the file wins.

    Forges take any user name beside a token, so ``git`` stands in when none is given.
    """

    given: GitAccess = field(default_factory=GitAccess)

    def config(self, location: str) -> tuple[tuple[str, str], ...]:
        """Git settings that carry the password to the host of this URL. AuthenticationFailed for a file that is not
        there or empty."""
        parts = urlsplit(location)
        password = self._password() if parts.scheme in ("http", "https") else ""
        if not password:
            return ()
        pair = base64.b64encode(f"{self.given.username or _DEFAULT_USER}:{password}".encode()).decode()
        key = f"http.{parts.scheme}://{parts.netloc}/.extraHeader"
        # An empty value forgets the ones before, here that of user info in the URL: two headers would be refused.
        return ((key, ""), (key, f"Authorization: Basic {pair}"))

    def environment(self) -> Mapping[str, str]:
        """ssh's command line, with strict host keys; empty where the operator named neither a key nor known hosts."""
        words = list(_SSH)
        if self.given.ssh_key_file is not None:
            words += ["-o", "IdentitiesOnly=yes", "-i", str(self.given.ssh_key_file)]
        if self.given.known_hosts_file is not None:
            words += ["-o", f'UserKnownHostsFile="{self.given.known_hosts_file}"', "-o", "GlobalKnownHostsFile=none"]
        return {} if len(words) == len(_SSH) else {"GIT_SSH_COMMAND": shlex.join(words)}

    def _password(self) -> str:
        if self.given.password_file is None:
            return self.given.password
        try:
            with self.given.password_file.open("rb") as file:
                content = file.read(_MOST_BYTES).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            message = f"the password of the repository cannot be read from {self.given.password_file}: {reason}"
            raise AuthenticationFailed(message, hint="it is read again at the next attempt") from error
        if not content or not content.isprintable():
            raise AuthenticationFailed(
                f"{self.given.password_file} holds no password", hint="write the password or token there, on one line"
            )
        return content
