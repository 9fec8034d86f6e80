"""Every setting in one table: its key in chronos.toml, its flag, its variable, and how its value is read."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from chronos_gitops import failpoints
from chronos_gitops.location import is_address
from chronos_gitops.settings import notify, tables, values


class Row(NamedTuple):
    """One setting: its key in chronos.toml, its field, how it is read, and whether flags and environment know it."""

    key: str
    field: str
    parse: Callable[[Any, Path], Any]
    flag: str = ""
    variable: str = ""


def _repo(value: Any, base: Path) -> str:
    return value if is_address(values.text(value)) else str(values.path(value, base))


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
    failpoints.parse(values.text(value))
    return str(value)


_SECOND = timedelta(seconds=1)
TABLE = (
    Row("repo", "repo", _repo, "repo", "CHRONOS_REPO"),
    Row("jobs", "jobs_folder", values.folder, "jobs", "CHRONOS_JOBS"),
    Row("follow", "follow", values.choice("worktree", "branch"), "follow", "CHRONOS_FOLLOW"),
    Row("branch", "branch", values.text, "branch", "CHRONOS_BRANCH"),
    Row("interval", "interval", values.duration(_SECOND), "interval", "CHRONOS_INTERVAL"),
    Row("listen", "listen", values.listen, "listen", "CHRONOS_LISTEN"),
    Row("public_url", "public_url", values.public_url, "", "CHRONOS_PUBLIC_URL"),
    Row("data", "data", values.path, "data", "CHRONOS_DATA"),
    Row("git.username", "git_username", values.text, "", "CHRONOS_GIT_USERNAME"),
    Row("git.password", "git_password", values.secret, "", "CHRONOS_GIT_PASSWORD"),
    Row("git.password_file", "git_password_file", values.path, "", "CHRONOS_GIT_PASSWORD_FILE"),
    Row("git.ssh_key_file", "git_ssh_key_file", values.path, "", "CHRONOS_GIT_SSH_KEY_FILE"),
    Row("git.known_hosts_file", "git_known_hosts_file", values.path, "", "CHRONOS_GIT_KNOWN_HOSTS_FILE"),
    Row("git.ca_file", "git_ca_file", values.path, "", "CHRONOS_GIT_CA_FILE"),
    Row("git.cert_file", "git_cert_file", values.path, "", "CHRONOS_GIT_CERT_FILE"),
    Row("git.key_file", "git_key_file", values.path, "", "CHRONOS_GIT_KEY_FILE"),
    Row("on_invalid", "on_invalid", values.choice("quarantine", "reject"), "on_invalid", "CHRONOS_ON_INVALID"),
    Row("engine", "engine", _engine, "engine", "CHRONOS_ENGINE"),
    Row("drain", "drain", values.duration(timedelta()), "drain", "CHRONOS_DRAIN"),
    Row("egress.level", "egress_level", values.choice("public", "internal", "any"), "egress", "CHRONOS_EGRESS"),
    Row("egress.allow", "egress_allow", values.texts, "", "CHRONOS_EGRESS_ALLOW"),
    Row("egress.only", "egress_only", values.texts, "", "CHRONOS_EGRESS_ONLY"),
    Row("egress.ca_file", "egress_ca", values.path, "", "CHRONOS_EGRESS_CA_FILE"),
    Row("egress.hosts", "egress_hosts", tables.hosts),
    Row("secrets.folder", "secrets_folder", values.path, "", "CHRONOS_SECRETS_FOLDER"),
    Row("secrets.unbound", "secrets_unbound", values.choice("refuse", "anywhere"), "", "CHRONOS_SECRETS_UNBOUND"),
    Row("secrets.bind", "secret_bindings", tables.bindings),
    Row("tokens", "tokens", tables.tokens),
    Row("cors_origins", "cors_origins", values.origins, "", "CHRONOS_CORS_ORIGINS"),
    Row("hosts", "hosts", values.host_names, "", "CHRONOS_HOSTS"),
    Row("hooks.github_secrets", "github_hook_secrets", values.secrets, "", "CHRONOS_HOOK_SECRET_GITHUB"),
    Row("hooks.gitlab_secrets", "gitlab_hook_secrets", values.secrets, "", "CHRONOS_HOOK_SECRET_GITLAB"),
    Row("hooks.gitea_secrets", "gitea_hook_secrets", values.secrets, "", "CHRONOS_HOOK_SECRET_GITEA"),
    Row("notify", "channels", notify.channels),
    Row("heartbeat.url", "heartbeat_url", notify.address, "", "CHRONOS_HEARTBEAT_URL"),
    Row("heartbeat.url_file", "heartbeat_file", notify.address_file, "", "CHRONOS_HEARTBEAT_URL_FILE"),
    Row("heartbeat.interval", "heartbeat_interval", values.duration(_SECOND), "", "CHRONOS_HEARTBEAT_INTERVAL"),
    Row("verify_commits", "verify_commits", values.path, "verify_commits", "CHRONOS_VERIFY_COMMITS"),
    Row("signing_key", "signing_key", values.path, "signing_key", "CHRONOS_SIGNING_KEY"),
    Row("limits.in_flight", "max_in_flight", values.at_least(1), "", "CHRONOS_MAX_IN_FLIGHT"),
    Row(
        "limits.in_flight_per_host", "max_in_flight_per_host", values.at_least(1), "", "CHRONOS_MAX_IN_FLIGHT_PER_HOST"
    ),
    Row("limits.pending", "max_pending", values.at_least(1), "", "CHRONOS_MAX_PENDING"),
    Row("limits.rate_per_host", "rate_per_host", values.at_least(0), "", "CHRONOS_RATE_PER_HOST"),
    Row("limits.breaker_after", "breaker_after", values.at_least(0), "", "CHRONOS_BREAKER_AFTER"),
    Row("retention.days", "retention_days", values.at_least(1), "", "CHRONOS_RETENTION_DAYS"),
    Row("retention.rows", "retention_rows", values.at_least(1), "", "CHRONOS_RETENTION_ROWS"),
    Row("temporal.tls_ca_file", "temporal_tls_ca_file", values.path, "", "CHRONOS_TEMPORAL_TLS_CA_FILE"),
    Row("temporal.tls_cert_file", "temporal_tls_cert_file", values.path, "", "CHRONOS_TEMPORAL_TLS_CERT_FILE"),
    Row("temporal.tls_key_file", "temporal_tls_key_file", values.path, "", "CHRONOS_TEMPORAL_TLS_KEY_FILE"),
    Row("temporal.api_key_file", "temporal_api_key_file", values.path, "", "CHRONOS_TEMPORAL_API_KEY_FILE"),
    Row("temporal.api_key", "temporal_api_key", values.secret, "", "CHRONOS_TEMPORAL_API_KEY"),
    Row("metrics.per_job", "metrics_per_job", values.at_least(0), "", "CHRONOS_METRICS_PER_JOB"),
    Row("metrics.tags", "metrics_tags", values.texts, "", "CHRONOS_METRICS_TAGS"),
    Row("failpoint", "failpoint", _failpoint, "", "CHRONOS_FAILPOINT"),
    Row("log.format", "log_format", values.choice("auto", "plain", "json"), "log_format", "CHRONOS_LOG_FORMAT"),
    Row("log.level", "log_level", values.choice("debug", "info", "warning", "error"), "log_level", "CHRONOS_LOG_LEVEL"),
)
