"""Settings that belong together and are handed on as one value."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from chronos_gitops.config import notifications, parsers, toml_tables
from chronos_gitops.config.channels import SecretValue
from chronos_gitops.config.model import EgressLevel, FolderEgress, HostTls, Responses
from chronos_gitops.config.setting import Setting, setting
from chronos_gitops.jobs.promises import preflight_window
from chronos_gitops.jobs.secrets.audiences import AudienceBinding
from chronos_gitops.process.lazy_dataclass import dataclass

_NO_HOSTS: Mapping[str, HostTls] = MappingProxyType({})
_NO_FOLDERS: Mapping[str, FolderEgress] = MappingProxyType({})
_NO_AUDIENCES: Mapping[str, AudienceBinding] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Egress:
    """Which addresses webhooks may reach (CONTRACT 5).

    ``allow`` holds ``host:port``, ``address:port`` and networks that the level would refuse; ``only``, when it is not
    empty, all hosts, ports and networks that there are. ``ca_file`` (PEM) is trusted beside the system's authorities;
    ``hosts`` are names, addresses and ``*.example.com``. ``responses``: whether the beginning of a response is kept.
    ``folders`` are exceptions for the jobs of a folder, a path from the repository root.
    """

    level: EgressLevel = setting(
        "egress.level",
        parsers.choice("public", "internal", "any"),
        "Addresses that webhooks may reach: public, internal or any.",
        default="internal",
        variable="CHRONOS_EGRESS",
        flag="egress",
        metavar="LEVEL",
    )
    allow: tuple[str, ...] = setting(
        "egress.allow",
        parsers.texts,
        "Exceptions to the level: `host:port`, `address:port` and networks that webhooks may reach all the same.",
        default=(),
        variable="CHRONOS_EGRESS_ALLOW",
    )
    only: tuple[str, ...] = setting(
        "egress.only",
        parsers.texts,
        "The only hosts, ports and networks that webhooks may reach. By default, all that the level allows.",
        default=(),
        variable="CHRONOS_EGRESS_ONLY",
    )
    private_hosts: tuple[str, ...] = setting(
        "egress.private_hosts",
        parsers.private_hosts,
        "Private hosts for which the note `private-host` is omitted, such as *.svc.cluster.local.",
        default=(),
        variable="CHRONOS_PRIVATE_HOSTS",
    )
    ca_file: Path | None = setting(
        "egress.ca_file",
        parsers.path,
        "Certificate authorities (PEM) to trust in addition to the system's.",
        default=None,
        variable="CHRONOS_EGRESS_CA_FILE",
    )
    hosts: Mapping[str, HostTls] = setting(
        "egress.hosts",
        toml_tables.hosts,
        '`[egress.hosts."HOST"]` with `ca_file`, `cert_file`, `key_file`: TLS settings of one host.',
        default=_NO_HOSTS,
    )
    responses: Responses = setting(
        "egress.responses",
        parsers.choice("excerpt", "none"),
        "Part of each response to store: its first 4 KiB (excerpt), or none.",
        default="excerpt",
        variable="CHRONOS_EGRESS_RESPONSES",
    )
    folders: Mapping[str, FolderEgress] = setting(
        "egress.folders",
        toml_tables.egress_folders,
        '`[egress.folders."jobs/billing"]` with `level`, `allow`, `responses`: settings for the jobs of one folder.',
        default=_NO_FOLDERS,
    )


@dataclass(frozen=True, slots=True)
class GitAccess:
    """Credentials and TLS settings for the git server. Files are read at each attempt; ``password`` may be a token.
    ``ca_file`` (PEM) replaces the machine's authorities for git; ``cert_file`` and ``key_file`` are a client
    certificate and its key."""

    username: str = setting(
        "git.username",
        parsers.text,
        "User name for the git server.",
        default="",
        variable="CHRONOS_GIT_USERNAME",
    )
    password: str = setting(
        "git.password",
        parsers.secret,
        "Password or token for the git server; prefer `git.password_file`.",
        default="",
        variable="CHRONOS_GIT_PASSWORD",
        is_secret=True,
    )
    password_file: Path | None = setting(
        "git.password_file",
        parsers.path,
        "File with the password or token, read at each fetch and push.",
        default=None,
        variable="CHRONOS_GIT_PASSWORD_FILE",
    )
    ssh_key_file: Path | None = setting(
        "git.ssh_key_file",
        parsers.path,
        "Private key for a repository over SSH, read at each fetch and push.",
        default=None,
        variable="CHRONOS_GIT_SSH_KEY_FILE",
    )
    known_hosts_file: Path | None = setting(
        "git.known_hosts_file",
        parsers.path,
        "File of trusted host keys for SSH.",
        default=None,
        variable="CHRONOS_GIT_KNOWN_HOSTS_FILE",
    )
    ca_file: Path | None = setting(
        "git.ca_file",
        parsers.path,
        "Certificate authorities (PEM) to trust for the git server, instead of the machine's.",
        default=None,
        variable="CHRONOS_GIT_CA_FILE",
    )
    cert_file: Path | None = setting(
        "git.cert_file",
        parsers.path,
        "Client certificate (PEM) for the git server; requires `git.key_file`.",
        default=None,
        variable="CHRONOS_GIT_CERT_FILE",
    )
    key_file: Path | None = setting(
        "git.key_file",
        parsers.path,
        "Private key (PEM, without a passphrase) of `git.cert_file`.",
        default=None,
        variable="CHRONOS_GIT_KEY_FILE",
    )


@dataclass(frozen=True, slots=True)
class TemporalAccess:
    """Credentials and TLS settings for the Temporal server; with any of these the connection uses TLS. ``tls_ca_file``
    (PEM) replaces the system's authorities, ``tls_cert_file`` and ``tls_key_file`` go together. Files are read at each
    connection."""

    tls_ca_file: Path | None = setting(
        "temporal.tls_ca_file",
        parsers.path,
        "Certificate authority (PEM) to trust for the Temporal server, instead of the system's.",
        default=None,
        variable="CHRONOS_TEMPORAL_TLS_CA_FILE",
    )
    tls_cert_file: Path | None = setting(
        "temporal.tls_cert_file",
        parsers.path,
        "Client certificate (PEM) for the Temporal server; requires `temporal.tls_key_file`.",
        default=None,
        variable="CHRONOS_TEMPORAL_TLS_CERT_FILE",
    )
    tls_key_file: Path | None = setting(
        "temporal.tls_key_file",
        parsers.path,
        "Private key (PEM) of `temporal.tls_cert_file`.",
        default=None,
        variable="CHRONOS_TEMPORAL_TLS_KEY_FILE",
    )
    api_key_file: Path | None = setting(
        "temporal.api_key_file",
        parsers.path,
        "File with the API key for Temporal, read at each connection.",
        default=None,
        variable="CHRONOS_TEMPORAL_API_KEY_FILE",
    )
    api_key: str = setting(
        "temporal.api_key",
        parsers.secret,
        "API key for Temporal; prefer `temporal.api_key_file`.",
        default="",
        variable="CHRONOS_TEMPORAL_API_KEY",
        is_secret=True,
    )
    encryption_key_files: tuple[Path, ...] = setting(
        "temporal.encryption_key_files",
        parsers.paths,
        "Key files for the payloads that Temporal stores: the first key encrypts, all decrypt.",
        default=(),
        variable="CHRONOS_TEMPORAL_ENCRYPTION_KEY_FILES",
    )


@dataclass(frozen=True, slots=True)
class Identity:
    """Identity tokens of jobs. Without an ``issuer`` it is ``public_url``."""

    key_files: tuple[Path, ...] = setting(
        "identity.key_files",
        parsers.paths,
        "Files of RSA keys (PEM) for identity tokens, read every minute: the first key signs, all are published.",
        default=(),
        variable="CHRONOS_IDENTITY_KEY_FILES",
    )
    issuer: str = setting(
        "identity.issuer",
        parsers.public_url,
        "Issuer of identity tokens: the address below which their public keys are published.",
        default="",
        variable="CHRONOS_IDENTITY_ISSUER",
        words="`public_url`",
    )
    audiences: Mapping[str, AudienceBinding] = setting(
        "identity.audiences",
        toml_tables.audiences,
        '`[identity.audiences."NAME"]` with `folders` and `origins`: the jobs that may request tokens for an audience '
        "other than the origin of their URL.",
        default=_NO_AUDIENCES,
    )


@dataclass(frozen=True, slots=True)
class Series:
    """Of metrics: ``per_job`` jobs have series of their own, later ones share the label ``other``; ``tags`` are the
    keys of a job's tags that ``chronos_job_info`` shows."""

    per_job: int = setting(
        "metrics.per_job",
        parsers.at_least(0),
        "Maximum number of jobs with series of their own in `/metrics`; the others share the value `other`.",
        default=500,
        variable="CHRONOS_METRICS_PER_JOB",
    )
    tags: tuple[str, ...] = setting(
        "metrics.tags",
        parsers.texts,
        "Tag keys that `chronos_job_info` has as labels, such as `tag_team`.",
        default=("team", "environment"),
        variable="CHRONOS_METRICS_TAGS",
    )


@dataclass(frozen=True, slots=True)
class PreflightSettings:
    """The daily preflight; ``at`` is a wall clock time of ``timezone``, empty for none."""

    at: str = setting(
        "preflight.at",
        parsers.wall_clock,
        "Time of the daily preflight, such as 16:00.",
        default="",
        variable="CHRONOS_PREFLIGHT_AT",
        words="never",
    )
    timezone: str = setting(
        "preflight.timezone",
        parsers.timezone,
        "Time zone of `preflight.at`.",
        default="UTC",
        variable="CHRONOS_PREFLIGHT_TIMEZONE",
    )
    within: timedelta = setting(
        "preflight.within",
        parsers.duration(preflight_window.SHORTEST, preflight_window.LONGEST),
        "Period that the daily preflight covers, 1m to 168h.",
        default=preflight_window.DEFAULT,
        variable="CHRONOS_PREFLIGHT_WITHIN",
    )


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The address that is asked every ``interval`` while the scheduler is alive; None for no heartbeat."""

    url: SecretValue | None = setting(
        "heartbeat.url",
        notifications.address,
        "Address to which the runner sends a GET while the scheduler is alive; prefer `heartbeat.url_file`.",
        default=None,
        variable="CHRONOS_HEARTBEAT_URL",
        alternative=Setting(
            "heartbeat.url_file",
            notifications.address_file,
            "File with that address, read at each request.",
            "CHRONOS_HEARTBEAT_URL_FILE",
        ),
    )
    interval: timedelta = setting(
        "heartbeat.interval",
        parsers.duration(timedelta(seconds=1)),
        "Interval between heartbeat requests.",
        default=timedelta(seconds=60),
        variable="CHRONOS_HEARTBEAT_INTERVAL",
    )


@dataclass(frozen=True, slots=True)
class OpenTelemetry:
    """Where spans are sent; "" for no spans."""

    endpoint: str = setting(
        "otel.endpoint",
        parsers.public_url,
        "Address of an OpenTelemetry collector (OTLP over HTTP), such as `http://localhost:4318`; needs the extra "
        "`otel`. `OTEL_EXPORTER_OTLP_HEADERS` adds headers.",
        default="",
        variable="CHRONOS_OTEL_ENDPOINT",
    )
    service: str = setting(
        "otel.service",
        parsers.text,
        "Service name in spans.",
        default="chronos-gitops",
        variable="CHRONOS_OTEL_SERVICE",
    )


@dataclass(frozen=True, slots=True)
class PushSecrets:
    """Secrets that authenticate push webhooks, by forge. A forge without one has no push webhook."""

    github: tuple[str, ...] = setting(
        "hooks.github_secrets",
        parsers.secrets,
        "Secrets that sign GitHub's push webhooks, comma-separated; several during rotation.",
        default=(),
        variable="CHRONOS_HOOK_SECRET_GITHUB",
        is_secret=True,
    )

    gitlab: tuple[str, ...] = setting(
        "hooks.gitlab_secrets",
        parsers.secrets,
        "Secrets of GitLab's push webhooks.",
        default=(),
        variable="CHRONOS_HOOK_SECRET_GITLAB",
        is_secret=True,
    )

    gitea: tuple[str, ...] = setting(
        "hooks.gitea_secrets",
        parsers.secrets,
        "Secrets of Gitea's and Forgejo's push webhooks.",
        default=(),
        variable="CHRONOS_HOOK_SECRET_GITEA",
        is_secret=True,
    )

    bitbucket: tuple[str, ...] = setting(
        "hooks.bitbucket_secrets",
        parsers.secrets,
        "Secrets that sign Bitbucket's push webhooks, Cloud or Data Center.",
        default=(),
        variable="CHRONOS_HOOK_SECRET_BITBUCKET",
        is_secret=True,
    )

    azure: tuple[str, ...] = setting(
        "hooks.azure_secrets",
        parsers.secrets,
        "Passwords that Azure DevOps sends with its service hooks (basic authentication).",
        default=(),
        variable="CHRONOS_HOOK_SECRET_AZURE",
        is_secret=True,
    )

    codecommit: tuple[str, ...] = setting(
        "hooks.codecommit_secrets",
        parsers.secrets,
        "Passwords or API keys that Amazon EventBridge sends with events of CodeCommit.",
        default=(),
        variable="CHRONOS_HOOK_SECRET_CODECOMMIT",
        is_secret=True,
    )

    def of(self, forge: str) -> tuple[str, ...]:
        """() for a forge that has no hook, and for what is no forge."""
        known = {one.name for one in fields(self)}
        found: tuple[str, ...] = getattr(self, forge) if forge in known else ()
        return found
