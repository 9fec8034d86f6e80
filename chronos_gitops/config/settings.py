"""Every setting in one table: its key in chronos.toml, its flag, its variable, and how its value is read."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from chronos_gitops.config import notifications, parsers, tables
from chronos_gitops.config.repository_url import is_address
from chronos_gitops.process import failpoints


class Setting(NamedTuple):
    """One setting: its key in chronos.toml, its field, how it is read, and whether flags and environment know it."""

    key: str
    field: str
    parse: Callable[[Any, Path], Any]
    flag: str = ""
    variable: str = ""


def _repo(value: Any, base: Path) -> str:
    return value if is_address(parsers.text(value)) else str(parsers.path(value, base))


def _engine(value: Any, _base: Path) -> str:
    text = str(value)
    if text == "sqlite" or text.startswith(("postgresql://", "temporal://")):
        return text
    if text.startswith("sqlite://"):
        path = text.removeprefix("sqlite://")
        if path.startswith("/") and not path.endswith("/"):
            return text
        raise ValueError(f'"{text}" names no file; write sqlite:///var/lib/chronos/ledger.db, with three slashes')
    raise ValueError(f'"{text.partition("://")[0]}" is none of sqlite, postgresql://..., temporal://...')


def _failpoint(value: Any, _base: Path) -> str:
    failpoints.parse(parsers.text(value))
    return str(value)


_SECOND = timedelta(seconds=1)
TABLE = (
    Setting("repo", "repo", _repo, "repo", "CHRONOS_REPO"),
    Setting("jobs", "jobs_folder", parsers.folder, "jobs", "CHRONOS_JOBS"),
    Setting("follow", "follow", parsers.choice("worktree", "branch"), "follow", "CHRONOS_FOLLOW"),
    Setting("branch", "branch", parsers.text, "branch", "CHRONOS_BRANCH"),
    Setting("interval", "interval", parsers.duration(_SECOND), "interval", "CHRONOS_INTERVAL"),
    Setting("listen", "listen", parsers.listen, "listen", "CHRONOS_LISTEN"),
    Setting("public_url", "public_url", parsers.public_url, "", "CHRONOS_PUBLIC_URL"),
    Setting("data", "data", parsers.path, "data", "CHRONOS_DATA"),
    Setting("git.username", "git_username", parsers.text, "", "CHRONOS_GIT_USERNAME"),
    Setting("git.password", "git_password", parsers.secret, "", "CHRONOS_GIT_PASSWORD"),
    Setting("git.password_file", "git_password_file", parsers.path, "", "CHRONOS_GIT_PASSWORD_FILE"),
    Setting("git.ssh_key_file", "git_ssh_key_file", parsers.path, "", "CHRONOS_GIT_SSH_KEY_FILE"),
    Setting("git.known_hosts_file", "git_known_hosts_file", parsers.path, "", "CHRONOS_GIT_KNOWN_HOSTS_FILE"),
    Setting("git.ca_file", "git_ca_file", parsers.path, "", "CHRONOS_GIT_CA_FILE"),
    Setting("git.cert_file", "git_cert_file", parsers.path, "", "CHRONOS_GIT_CERT_FILE"),
    Setting("git.key_file", "git_key_file", parsers.path, "", "CHRONOS_GIT_KEY_FILE"),
    Setting("on_invalid", "on_invalid", parsers.choice("quarantine", "reject"), "on_invalid", "CHRONOS_ON_INVALID"),
    Setting("engine", "engine", _engine, "engine", "CHRONOS_ENGINE"),
    Setting("drain", "drain", parsers.duration(timedelta()), "drain", "CHRONOS_DRAIN"),
    Setting("egress.level", "egress_level", parsers.choice("public", "internal", "any"), "egress", "CHRONOS_EGRESS"),
    Setting("egress.allow", "egress_allow", parsers.texts, "", "CHRONOS_EGRESS_ALLOW"),
    Setting("egress.only", "egress_only", parsers.texts, "", "CHRONOS_EGRESS_ONLY"),
    Setting("egress.ca_file", "egress_ca", parsers.path, "", "CHRONOS_EGRESS_CA_FILE"),
    Setting("egress.hosts", "egress_hosts", tables.hosts),
    Setting("secrets.folder", "secrets_folder", parsers.path, "", "CHRONOS_SECRETS_FOLDER"),
    Setting("secrets.unbound", "secrets_unbound", parsers.choice("refuse", "anywhere"), "", "CHRONOS_SECRETS_UNBOUND"),
    Setting("secrets.bind", "secret_bindings", tables.bindings),
    Setting("tokens", "tokens", tables.tokens),
    Setting("cors_origins", "cors_origins", parsers.origins, "", "CHRONOS_CORS_ORIGINS"),
    Setting("hosts", "hosts", parsers.host_names, "", "CHRONOS_HOSTS"),
    Setting("hooks.github_secrets", "github_hook_secrets", parsers.secrets, "", "CHRONOS_HOOK_SECRET_GITHUB"),
    Setting("hooks.gitlab_secrets", "gitlab_hook_secrets", parsers.secrets, "", "CHRONOS_HOOK_SECRET_GITLAB"),
    Setting("hooks.gitea_secrets", "gitea_hook_secrets", parsers.secrets, "", "CHRONOS_HOOK_SECRET_GITEA"),
    Setting("notify", "channels", notifications.channels),
    Setting("heartbeat.url", "heartbeat_url", notifications.address, "", "CHRONOS_HEARTBEAT_URL"),
    Setting("heartbeat.url_file", "heartbeat_file", notifications.address_file, "", "CHRONOS_HEARTBEAT_URL_FILE"),
    Setting("heartbeat.interval", "heartbeat_interval", parsers.duration(_SECOND), "", "CHRONOS_HEARTBEAT_INTERVAL"),
    Setting("verify_commits", "verify_commits", parsers.path, "verify_commits", "CHRONOS_VERIFY_COMMITS"),
    Setting("signing_key", "signing_key", parsers.path, "signing_key", "CHRONOS_SIGNING_KEY"),
    Setting("limits.in_flight", "max_in_flight", parsers.at_least(1), "", "CHRONOS_MAX_IN_FLIGHT"),
    Setting(
        "limits.in_flight_per_host", "max_in_flight_per_host", parsers.at_least(1), "", "CHRONOS_MAX_IN_FLIGHT_PER_HOST"
    ),
    Setting("limits.pending", "max_pending", parsers.at_least(1), "", "CHRONOS_MAX_PENDING"),
    Setting("limits.rate_per_host", "rate_per_host", parsers.at_least(0), "", "CHRONOS_RATE_PER_HOST"),
    Setting("limits.breaker_after", "breaker_after", parsers.at_least(0), "", "CHRONOS_BREAKER_AFTER"),
    Setting("retention.days", "retention_days", parsers.at_least(1), "", "CHRONOS_RETENTION_DAYS"),
    Setting("retention.rows", "retention_rows", parsers.at_least(1), "", "CHRONOS_RETENTION_ROWS"),
    Setting("temporal.tls_ca_file", "temporal_tls_ca_file", parsers.path, "", "CHRONOS_TEMPORAL_TLS_CA_FILE"),
    Setting("temporal.tls_cert_file", "temporal_tls_cert_file", parsers.path, "", "CHRONOS_TEMPORAL_TLS_CERT_FILE"),
    Setting("temporal.tls_key_file", "temporal_tls_key_file", parsers.path, "", "CHRONOS_TEMPORAL_TLS_KEY_FILE"),
    Setting("temporal.api_key_file", "temporal_api_key_file", parsers.path, "", "CHRONOS_TEMPORAL_API_KEY_FILE"),
    Setting("temporal.api_key", "temporal_api_key", parsers.secret, "", "CHRONOS_TEMPORAL_API_KEY"),
    Setting("metrics.per_job", "metrics_per_job", parsers.at_least(0), "", "CHRONOS_METRICS_PER_JOB"),
    Setting("metrics.tags", "metrics_tags", parsers.texts, "", "CHRONOS_METRICS_TAGS"),
    Setting("failpoint", "failpoint", _failpoint, "", "CHRONOS_FAILPOINT"),
    Setting("log.format", "log_format", parsers.choice("auto", "plain", "json"), "log_format", "CHRONOS_LOG_FORMAT"),
    Setting(
        "log.level", "log_level", parsers.choice("debug", "info", "warning", "error"), "log_level", "CHRONOS_LOG_LEVEL"
    ),
)
