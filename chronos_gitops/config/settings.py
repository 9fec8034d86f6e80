"""Every setting of a runner, each declared at its field (see config.setting)."""

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

from chronos_gitops.config import notifications, parsers, toml_tables
from chronos_gitops.config.callers.issuers import Callers
from chronos_gitops.config.callers.proxy import Proxy
from chronos_gitops.config.channels import Channel
from chronos_gitops.config.forge import ForgeSettings
from chronos_gitops.config.groups import (
    Egress,
    GitAccess,
    Heartbeat,
    Identity,
    OpenTelemetry,
    PreflightSettings,
    PushSecrets,
    Series,
    TemporalAccess,
)
from chronos_gitops.config.model import Token
from chronos_gitops.config.runner_commits import RunnerCommits
from chronos_gitops.config.setting import Setting, declared, group, required, setting
from chronos_gitops.jobs.secrets.audiences import Audiences
from chronos_gitops.jobs.secrets.bindings import Bindings, SecretBinding, Unbound
from chronos_gitops.process.lazy_dataclass import dataclass

Follow = Literal["worktree", "branch"]
OnInvalid = Literal["quarantine", "reject"]
LogFormat = Literal["auto", "plain", "json"]
_UNBOUND: Mapping[str, SecretBinding] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One runner's settings. ``repo`` is an absolute path or a URL; ``port`` 0 takes a free one."""

    repo: str = field(
        kw_only=False,
        repr=False,
        metadata=required(
            Setting(
                "repo",
                parsers.repository,
                "Repository to follow: a checkout, a bare repository or a URL.",
                "CHRONOS_REPO",
                "repo",
                metavar="",
                words="the current folder",
            )
        ),
    )
    jobs_folder: str = setting(
        "jobs",
        parsers.folder,
        "Folder of the job files in the repository.",
        default="jobs",
        variable="CHRONOS_JOBS",
        flag="jobs",
        metavar="FOLDER",
    )
    follow: Follow | None = setting(
        "follow",
        parsers.choice("worktree", "branch"),
        "Run the files on disk, or the commits of a branch.",
        default=None,
        variable="CHRONOS_FOLLOW",
        flag="follow",
        metavar="worktree|branch",
        words="worktree; branch for a URL or a bare repository",
    )
    branch: str | None = setting(
        "branch",
        parsers.text,
        "Branch to follow.",
        default=None,
        variable="CHRONOS_BRANCH",
        flag="branch",
        metavar="NAME",
        words="the repository's HEAD",
    )
    interval: timedelta = setting(
        "interval",
        parsers.duration(timedelta(seconds=1)),
        "Interval between fetches from the remote.",
        default=timedelta(seconds=60),
        variable="CHRONOS_INTERVAL",
        flag="interval",
        metavar="DURATION",
    )
    host: str = setting(
        "listen",
        parsers.listen,
        "Address of the API and the page.",
        default="127.0.0.1",
        variable="CHRONOS_LISTEN",
        flag="listen",
        metavar="HOST:PORT",
        spread=("host", "port"),
        default_text="127.0.0.1:8080",
    )
    port: int = 8080
    public_url: str = setting(
        "public_url",
        parsers.public_url,
        "Address at which people and targets reach this runner: notifications link to it, and targets send "
        "callbacks (`webhook.completion: callback`) to it.",
        default="",
        variable="CHRONOS_PUBLIC_URL",
        words="for callbacks, the listen address",
    )
    data: Path = field(
        kw_only=False,
        metadata=required(
            Setting(
                "data",
                parsers.path,
                "Data folder: the runner's state.",
                "CHRONOS_DATA",
                "data",
                metavar="DIR",
                words="a folder for the repository in ~/.local/state/chronos-gitops, or in $XDG_STATE_HOME",
            )
        ),
    )
    git: GitAccess = group(GitAccess)
    environment: str | None = setting(
        "environment",
        parsers.environment,
        "Environment whose jobs run. The repository has to declare it.",
        default=None,
        variable="CHRONOS_ENVIRONMENT",
        flag="environment",
        metavar="NAME",
        words="none, if the repository declares none",
    )
    on_invalid: OnInvalid = setting(
        "on_invalid",
        parsers.choice("quarantine", "reject"),
        "Effect of an invalid file: keep the job's last good version (quarantine), or refuse the commit (reject).",
        default="quarantine",
        variable="CHRONOS_ON_INVALID",
        flag="on_invalid",
        metavar="quarantine|reject",
    )
    engine: str = setting(
        "engine",
        parsers.engine,
        "Store of executions: sqlite[:///FILE], postgresql://..., temporal://...",
        default="sqlite",
        variable="CHRONOS_ENGINE",
        flag="engine",
        metavar="ENGINE",
        is_secret=True,
    )
    drain: timedelta = setting(
        "drain",
        parsers.duration(timedelta()),
        "Maximum time for running executions to end after SIGTERM.",
        default=timedelta(seconds=25),
        variable="CHRONOS_DRAIN",
        flag="drain",
        metavar="DURATION",
    )
    egress: Egress = group(Egress)
    secrets_folder: Path | None = setting(
        "secrets.folder",
        parsers.path,
        "Folder with one file per secret, read when a request is sent.",
        default=None,
        variable="CHRONOS_SECRETS_FOLDER",
    )
    secrets_unbound: Unbound | None = setting(
        "secrets.unbound",
        parsers.choice("refuse", "anywhere"),
        "Use of a secret without a binding: `refuse` (the default if callers authenticate), or allow it `anywhere`.",
        default=None,
        variable="CHRONOS_SECRETS_UNBOUND",
    )
    secret_bindings: Mapping[str, SecretBinding] = setting(
        "secrets.bind",
        toml_tables.bindings,
        "`[secrets.bind.NAME]` with `folders` and `origins`: the folders whose jobs may use a secret, and the "
        "origins that it may be sent to.",
        default=_UNBOUND,
    )
    tokens: tuple[Token, ...] = setting(
        "tokens",
        toml_tables.tokens,
        "`[[tokens]]` with `name`, `sha256`, `roles` (read, operate, rollback; or metrics, feed, sync) and, "
        "optionally, "
        "`folders`, `tags`, `expires`; `chronos-gitops token create` prints one.",
        default=(),
    )
    callers: Callers = group(Callers)
    proxy: Proxy = group(Proxy)
    session_lifetime: timedelta = setting(
        "sessions.lifetime",
        parsers.duration(timedelta(minutes=1), timedelta(hours=24)),
        "Lifetime of a browser session, at most 24h; use does not extend it.",
        default=timedelta(hours=12),
        variable="CHRONOS_SESSIONS_LIFETIME",
    )
    audit_max_size: int = setting(
        "audit.max_size",
        parsers.size(64 * 1024),
        "Maximum size of an audit log file; then a new one begins.",
        default=64 * 1024**2,
        default_text="64MiB",
        variable="CHRONOS_AUDIT_MAX_SIZE",
    )
    audit_keep: int = setting(
        "audit.keep",
        parsers.at_least(1),
        "Number of audit log files to keep, including the current one.",
        default=8,
        variable="CHRONOS_AUDIT_KEEP",
    )
    cors_origins: tuple[str, ...] = setting(
        "cors_origins",
        parsers.origins,
        "Origins of other sites whose pages may call the API, with a token.",
        default=(),
        variable="CHRONOS_CORS_ORIGINS",
    )
    hosts: tuple[str, ...] = setting(
        "hosts",
        parsers.host_names,
        "Values of the Host header to accept, besides localhost, loopback addresses and the runner's own names.",
        default=(),
        variable="CHRONOS_HOSTS",
    )
    push_secrets: PushSecrets = group(PushSecrets)
    commits: RunnerCommits = group(RunnerCommits)
    forge: ForgeSettings = group(ForgeSettings)
    channels: tuple[Channel, ...] = setting(
        "notify",
        notifications.channels,
        "`[[notify]]` with `name`, `type` (webhook, slack, email) and the fields of that type: a channel that receives "
        "notifications. [Send notifications](../how-to/notify.md) has examples.",
        default=(),
    )
    heartbeat: Heartbeat = group(Heartbeat)
    otel: OpenTelemetry = group(OpenTelemetry)
    preflight: PreflightSettings = group(PreflightSettings)
    identity: Identity = group(Identity)
    verify_commits: Path | None = setting(
        "verify_commits",
        parsers.path,
        "File of allowed signers (SSH keys): run only commits that one of them signed.",
        default=None,
        variable="CHRONOS_VERIFY_COMMITS",
        flag="verify_commits",
        metavar="FILE",
    )
    verify_since: str | None = setting(
        "verify_since",
        parsers.commit_id,
        "With `verify_commits`: full id of a trusted commit. Verification starts after it while the data folder has no "
        "verified head. Set it if the data folder is not persistent.",
        default=None,
        variable="CHRONOS_VERIFY_SINCE",
    )
    verify_revoked_file: Path | None = setting(
        "verify.revoked_file",
        parsers.path,
        "With `verify_commits`: file of revoked keys, one public key per line, or an OpenSSH revocation list "
        "(`ssh-keygen -k`). The file has to exist and may be empty.",
        default=None,
        variable="CHRONOS_VERIFY_REVOKED_FILE",
    )
    signing_key: Path | None = setting(
        "signing_key",
        parsers.path,
        "Private SSH key that signs the runner's own commits (rollbacks and undos).",
        default=None,
        variable="CHRONOS_SIGNING_KEY",
        flag="signing_key",
        metavar="FILE",
    )
    max_in_flight: int = setting(
        "limits.in_flight",
        parsers.at_least(1),
        "Maximum number of concurrent requests.",
        default=200,
        variable="CHRONOS_MAX_IN_FLIGHT",
    )
    max_in_flight_per_host: int = setting(
        "limits.in_flight_per_host",
        parsers.at_least(1),
        "Maximum number of concurrent requests to one host, which also gets at most twice the number of free slots.",
        default=50,
        variable="CHRONOS_MAX_IN_FLIGHT_PER_HOST",
    )
    max_pending: int = setting(
        "limits.pending",
        parsers.at_least(1),
        "Maximum number of unfinished executions of a runner. Above it, jobs with `concurrency: allow` skip "
        "scheduled times.",
        default=5000,
        variable="CHRONOS_MAX_PENDING",
    )
    rate_per_host: int = setting(
        "limits.rate_per_host",
        parsers.at_least(0),
        "Maximum number of requests per second to one host; 0 disables the limit.",
        default=0,
        variable="CHRONOS_RATE_PER_HOST",
    )
    breaker_after: int = setting(
        "limits.breaker_after",
        parsers.at_least(0),
        "Consecutive failures after which the circuit breaker of a host opens for 30 s; 0 disables it.",
        default=10,
        variable="CHRONOS_BREAKER_AFTER",
    )
    retention_days: int = setting(
        "retention.days",
        parsers.at_least(1),
        "Days to keep executions; failed ones are kept twice as long.",
        default=100,
        variable="CHRONOS_RETENTION_DAYS",
    )
    retention_rows: int = setting(
        "retention.rows",
        parsers.at_least(1),
        "Maximum number of executions to keep per job, and twice as many failed ones.",
        default=10000,
        variable="CHRONOS_RETENTION_ROWS",
    )
    temporal: TemporalAccess = group(TemporalAccess)
    metrics: Series = group(Series)
    failpoint: str = setting(
        "failpoint",
        parsers.failpoint,
        "For tests of this project only: the place where the runner kills itself.",
        default="",
        variable="CHRONOS_FAILPOINT",
    )
    log_format: LogFormat = setting(
        "log.format",
        parsers.choice("auto", "plain", "json"),
        "Format of log lines on stderr.",
        default="auto",
        variable="CHRONOS_LOG_FORMAT",
        flag="log_format",
        metavar="auto|plain|json",
    )
    log_level: str = setting(
        "log.level",
        parsers.choice("debug", "info", "warning", "error"),
        "Lowest level of log lines: debug, info, warning or error.",
        default="info",
        variable="CHRONOS_LOG_LEVEL",
        flag="log_level",
        metavar="LEVEL",
    )
    secret_values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @property
    def bindings(self) -> Bindings:
        """The jobs that may use each secret. By default one without a binding is refused to every job if callers
        authenticate, and allowed to every job otherwise."""
        unbound = self.secrets_unbound or ("refuse" if self.has_callers else "anywhere")
        return Bindings(self.secret_bindings, unbound, Audiences(self.identity.audiences))

    @property
    def has_callers(self) -> bool:
        """True if callers authenticate. Otherwise every program on this machine may do everything."""
        return bool(self.tokens or self.callers.issuers or self.proxy.user_header)

    @property
    def own_names(self) -> frozenset[str]:
        """Names under which it answers beside those of the machine: `hosts`, and those it is known or listens by."""
        public = urlsplit(self.public_url).hostname
        return frozenset({*self.hosts, *([public] if public else []), self.host.lower()})

    @property
    def listens_on_loopback(self) -> bool:
        return parsers.is_loopback(self.host)

    def callback_url(self, port: int) -> str:
        """Where targets reach the runner that listens on ``port``: ``public_url``, else the address it listens on.
        Empty without ``public_url`` on a runner that listens on every address of its machine."""
        if self.public_url or parsers.is_unspecified(self.host):
            return self.public_url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}"


TABLE = tuple(declared(Settings))
