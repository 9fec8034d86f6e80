"""What the operator decided: frozen values, whole when they exist."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from chronos_gitops.config.channels import Channel, Heartbeat
from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.secret_bindings import Bindings, SecretBinding, Unbound

Follow = Literal["worktree", "branch"]
OnInvalid = Literal["quarantine", "reject"]
EgressLevel = Literal["public", "internal", "any"]
LogFormat = Literal["auto", "plain", "json"]

ROLES = ("read", "operate", "rollback")


class SettingsError(UsageError):
    """A setting that cannot mean anything; the message begins with where it was found."""

    kind = "settings"


@dataclass(frozen=True, slots=True)
class Token:
    """A caller of the API. ``sha256`` is the lower-case hex digest of the bearer token, which is written nowhere.

    With ``tags`` it sees and touches only the jobs that have all of them; from ``expires`` on it is worth nothing.
    """

    name: str
    sha256: str = field(repr=False)
    roles: frozenset[str]
    tags: tuple[tuple[str, str], ...] = ()
    expires: datetime | None = None

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
class Egress:
    """Which addresses webhooks may reach (CONTRACT 5).

    ``allow`` holds ``host:port``, ``address:port`` and networks that the level would refuse; ``only``, when it is not
    empty, all hosts, ports and networks that there are. ``ca_file`` (PEM) is trusted beside the system's authorities;
    ``hosts`` are names, addresses and ``*.example.com``.
    """

    level: EgressLevel = "internal"
    allow: tuple[str, ...] = ()
    ca_file: Path | None = None
    only: tuple[str, ...] = ()
    hosts: Mapping[str, HostTls] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class GitAccess:
    """What the git server is shown. Files are read at each attempt; ``password`` may be a token.

    ``ca_file`` (PEM) replaces the machine's authorities for git; ``cert_file`` and ``key_file`` are a client
    certificate and its key."""

    username: str = ""
    password: str = field(default="", repr=False)
    password_file: Path | None = None
    ssh_key_file: Path | None = None
    known_hosts_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class TemporalAccess:
    """What a Temporal server is shown; with any of these the connection is made over TLS. ``tls_ca_file`` (PEM) stands
    in for the system's authorities, ``tls_cert_file`` and ``tls_key_file`` go together. Files are read at each
    connection."""

    tls_ca_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    api_key_file: Path | None = None
    api_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Series:
    """Of metrics: ``per_job`` jobs have series of their own, later ones share the label ``other``; ``tags`` are the
    keys of a job's tags that ``chronos_job_info`` shows."""

    per_job: int = 500
    tags: tuple[str, ...] = ("team", "environment")


@dataclass(frozen=True, slots=True)
class Settings:
    """One runner's settings. ``repo`` is an absolute path or a URL; ``port`` 0 takes a free one."""

    repo: str = field(repr=False)  # a URL may carry a password
    data: Path
    jobs_folder: str = "jobs"
    follow: Follow | None = None
    branch: str | None = None
    interval: timedelta = timedelta(seconds=60)
    host: str = "127.0.0.1"
    port: int = 8080
    git: GitAccess = GitAccess()
    temporal: TemporalAccess = TemporalAccess()
    on_invalid: OnInvalid = "quarantine"
    egress: Egress = field(default_factory=Egress)
    engine: str = field(default="sqlite", repr=False)  # a database URL may carry a password
    secrets_folder: Path | None = None
    secret_values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    secret_bindings: Mapping[str, SecretBinding] = field(default_factory=lambda: MappingProxyType({}))
    secrets_unbound: Unbound | None = None  # None: refused as soon as there are callers
    tokens: tuple[Token, ...] = ()
    cors_origins: tuple[str, ...] = ()  # pages of other sites that may ask, with a token
    public_url: str = ""  # where targets reach this runner, without a trailing slash; empty: where it listens
    hosts: tuple[str, ...] = ()  # names that a Host header may have beside those of this machine
    github_hook_secrets: tuple[str, ...] = field(default=(), repr=False)
    gitlab_hook_secrets: tuple[str, ...] = field(default=(), repr=False)
    gitea_hook_secrets: tuple[str, ...] = field(default=(), repr=False)
    channels: tuple[Channel, ...] = ()  # who is told that something fails
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    verify_commits: Path | None = None  # allowed signers (ssh-keygen(1)); what they did not sign does not run
    signing_key: Path | None = None
    max_in_flight: int = 200
    max_in_flight_per_host: int = 50
    max_pending: int = 5000
    rate_per_host: int = 0  # requests a second; 0: no limit
    breaker_after: int = 10  # failures in a row until a host is left alone; 0: never
    retention_days: int = 100
    retention_rows: int = 10_000
    metrics: Series = Series()
    failpoint: str = ""
    drain: timedelta = timedelta(seconds=25)
    log_format: LogFormat = "auto"
    log_level: str = "info"

    @property
    def bindings(self) -> Bindings:
        """Who may use which secret. Several folders refuse nothing: a commit must not change what is permitted."""
        return Bindings(self.secret_bindings, self.secrets_unbound or ("refuse" if self.tokens else "anywhere"))

    @property
    def listens_on_loopback(self) -> bool:
        return _is_loopback(self.host)

    def callback_url(self, port: int) -> str:
        """Where targets reach the runner that listens on ``port``; empty when nobody has said it and it listens on
        every address of its machine, for then it does not know."""
        if self.public_url or _is_unspecified(self.host):
            return self.public_url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
