"""The operator's decisions: frozen values, whole when they exist."""

from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import Literal

from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.folders import is_path_in
from chronos_gitops.process.lazy_dataclass import dataclass

EgressLevel = Literal["public", "internal", "any"]
Responses = Literal["excerpt", "none"]
ROLES = ("read", "operate", "rollback")
NARROW_ROLES = ("metrics", "feed", "sync")
"""Each lets a caller in at one place only: /metrics, next-runs.ics, POST /sync."""


class SettingsError(UsageError):
    """A setting that cannot mean anything; the message begins with where it was found."""

    kind = "settings"


@dataclass(frozen=True, slots=True)
class Grant:
    """Roles for the jobs whose file lies in one of these folders, paths from the repository root; () is all folders.
    ``tags`` narrow that to jobs that have all of them."""

    roles: frozenset[str]
    folders: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def is_limited(self) -> bool:
        """True if some jobs are left out."""
        return bool(self.folders or self.tags)

    def covers(self, path: str | None) -> bool:
        """True if it reaches a row with this path; one without a path is for callers with all folders."""
        return not self.folders or any(is_path_in(path, folder) for folder in self.folders)


@dataclass(frozen=True, slots=True)
class Token:
    """A caller of the API. ``sha256`` is the lower-case hex digest of the bearer token, which is written nowhere.

    ``folders`` and ``tags`` limit it as they limit a Grant; from ``expires`` on it is worth nothing.
    """

    name: str
    sha256: str = field(repr=False)
    roles: frozenset[str]
    tags: tuple[tuple[str, str], ...] = ()
    expires: datetime | None = None
    folders: tuple[str, ...] = ()

    @property
    def grant(self) -> Grant:
        return Grant(self.roles, self.folders, self.tags)

    def is_over(self, now: datetime) -> bool:
        return self.expires is not None and now >= self.expires


@dataclass(frozen=True, slots=True)
class HostTls:
    """PEM files for one host: the authority that is trusted there in place of all others, and the certificate that is
    shown to it; its key may stand in ``cert_file``, too."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class FolderEgress:
    """Egress rules that differ for the jobs of one folder; None for rules that do not differ."""

    level: EgressLevel | None = None
    allow: tuple[str, ...] | None = None
    responses: Responses | None = None
