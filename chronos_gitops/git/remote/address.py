"""The address of a repository: a folder or a URL, with its credentials kept apart."""

import base64
import re
from dataclasses import field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from chronos_gitops.config import repository_url
from chronos_gitops.errors import UsageError
from chronos_gitops.process.lazy_dataclass import dataclass

_SCHEMES = {"https": "https", "http": "http:https", "ssh": "ssh", "git": "git", "file": "file"}
_USER_INFO = re.compile(r"(?<=://)[^/\s@]*(?::[^/\s@]*)?@|(?<=://)[^/\s]*:[^/\s]*@")


def redact(text: str) -> str:
    """The text with the user info of every URL replaced, so that it may be shown and logged."""
    return _USER_INFO.sub("***@", text)


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """``location`` is what git is given and never holds a password; ``path`` is set for a local folder.

    ``protocols`` is the value of GIT_ALLOW_PROTOCOL (git(1)). ``config`` holds git settings that carry the credentials
    of an HTTP URL: they travel in the environment, never on a command line that every user of the machine can read.
    """

    location: str
    protocols: str
    path: Path | None = None
    config: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, text: str) -> "RemoteAddress":
        """A path, ``scheme://...`` with https, http, ssh, git or file, or ``[user@]host:path`` as ssh has it."""
        if not text or "\0" in text or "\n" in text:
            raise UsageError("the repository is empty or holds a line break", hint="give a folder or a URL")
        scheme = repository_url.scheme_of(text)
        if scheme is not None:
            return cls._of_url(text, scheme)
        if repository_url.names_helper(text):
            raise UsageError(
                f'"{redact(text)}" names a git remote helper', hint="use https, ssh, git, file or a folder"
            )
        if repository_url.is_address(text):
            return cls._of_scp(text)
        path = Path(text).absolute()
        return cls(str(path), "file", path)

    @classmethod
    def _of_url(cls, text: str, scheme: str) -> "RemoteAddress":
        if scheme not in _SCHEMES:
            raise UsageError(f'"{redact(text)}" has an unknown scheme', hint="use https, ssh, git, file or a folder")
        parts = urlsplit(text)
        if scheme == "file":
            path = Path(unquote(parts.path))
            return cls(str(path), "file", path)
        if not parts.hostname or parts.hostname.startswith("-"):
            raise UsageError(f'"{redact(text)}" names no host', hint="write it as https://host/path.git")
        if scheme not in ("http", "https") or "@" not in parts.netloc:
            return cls(text, _SCHEMES[scheme])
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
        return cls(urlunsplit(bare), _SCHEMES[scheme], config=(_authorization(parts, bare),))

    @classmethod
    def _of_scp(cls, text: str) -> "RemoteAddress":
        if text.startswith("-"):
            raise UsageError(f'"{text}" names no host', hint="write it as git@host:path.git")
        return cls(text, "ssh")

    def __str__(self) -> str:
        return redact(self.location)


def _authorization(parts: SplitResult, bare: SplitResult) -> tuple[str, str]:
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    encoded = base64.b64encode(pair.encode()).decode()
    return f"http.{bare.scheme}://{bare.netloc}/.extraHeader", f"Authorization: Basic {encoded}"
