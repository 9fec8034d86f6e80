"""Every setting with its flag, variable and default, from the table of settings; what it means stands in here."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import timedelta
from typing import Any

import click
from harness.reference.markdown import code, head, table

from chronos_gitops.cli.serve.run import command as run
from chronos_gitops.config.model import Egress, Series, Settings
from chronos_gitops.config.settings import TABLE, Setting
from chronos_gitops.schedule import durations

MEANINGS: Mapping[str, str] = {
    "repo": "The repository: a checkout, a bare repository or a URL.",
    "public_url": "The address under which people and webhook targets reach this runner: messages link to it, and "
    "callbacks (`webhook.completion: callback`) go there.",
    "git.username": "The user name that the git server is shown.",
    "git.password": "The password or token for the git server; better in a file.",
    "git.password_file": "A file with the password or token, read at each attempt.",
    "git.ssh_key_file": "The private key for a repository over ssh, read at each attempt.",
    "git.known_hosts_file": "The host keys that are trusted over ssh.",
    "git.ca_file": "Authorities (PEM) that are trusted for the git server, in place of the machine's.",
    "git.cert_file": "A client certificate (PEM) for the git server; goes with `git.key_file`.",
    "git.key_file": "The key (PEM, without a passphrase) of `git.cert_file`.",
    "drain": "How long running executions may take to end after SIGTERM.",
    "egress.allow": "`host:port`, `address:port` and networks that the level would refuse.",
    "egress.only": "When not empty: all hosts, ports and networks that webhooks may reach.",
    "egress.ca_file": "Authorities (PEM) that are trusted beside the system's.",
    "egress.hosts": '`[egress.hosts."HOST"]` with `ca_file`, `cert_file`, `key_file`: TLS of one host.',
    "secrets.folder": "A folder with one file for each secret, read when a request is sent.",
    "secrets.unbound": "A secret without a binding: `refuse` or `anywhere`. Default: `refuse` where there are tokens.",
    "secrets.bind": "`[secrets.bind.NAME]` with `folders` and `origins`: who may use a secret, and where it may go.",
    "tokens": "`[[tokens]]` with `name`, `sha256`, `roles` (read, operate, rollback), and `tags`, `expires` if wanted; "
    "`chronos-gitops token create` makes one.",
    "notify": "`[[notify]]` with `name`, `type` (webhook, slack, email) and what that one needs: who is told that "
    "something fails; [operations.md](../operations.md#notifications) has examples.",
    "heartbeat.url": "An address that is asked with GET while the scheduler is alive; better in a file.",
    "heartbeat.url_file": "A file with that address, read at each request.",
    "heartbeat.interval": "How often it is asked.",
    "cors_origins": "Origins of other sites whose pages may ask the API, with a token.",
    "hosts": "Names that the Host header may have beside those of this machine.",
    "hooks.github_secrets": "Secrets that sign GitHub's push webhooks; several while one is replaced.",
    "hooks.gitlab_secrets": "Secrets of GitLab's push webhooks.",
    "hooks.gitea_secrets": "Secrets of Gitea's and Forgejo's push webhooks.",
    "limits.in_flight": "Requests at one time.",
    "limits.pending": "Unfinished executions of a runner; beyond, jobs that may overlap skip scheduled times.",
    "limits.in_flight_per_host": "Requests at one time to one host; at most twice as many as are free, too.",
    "limits.rate_per_host": "Requests a second to one host; 0: no limit.",
    "limits.breaker_after": "Failures in a row after which a host is left alone for a while; 0: never.",
    "retention.days": "How many days executions are kept.",
    "temporal.tls_ca_file": "The authority (PEM) of the Temporal server, in place of the system's.",
    "temporal.tls_cert_file": "The client certificate for the Temporal server, with its key file.",
    "temporal.tls_key_file": "The key of the client certificate.",
    "temporal.api_key_file": "A file with the API key for Temporal, read at each connection.",
    "temporal.api_key": "The API key for Temporal; better in a file.",
    "retention.rows": "How many executions of one job are kept.",
    "metrics.per_job": "How many jobs, by name, have series of their own in `/metrics`; later ones share `other`.",
    "metrics.tags": "Keys of tags that `chronos_job_info` shows, as labels like `tag_team`.",
    "failpoint": "For tests of this project only: where the runner kills itself.",
}
_SPECIAL = {
    "repo": "the current folder",
    "follow": "worktree; branch for a URL or a bare repository",
    "branch": "the repository's HEAD",
    "listen": "`127.0.0.1:8080`",
    "public_url": "for callbacks the address that it listens on",
    "data": "the user's state folder",
    "heartbeat.interval": "`60s`",
}
_DEFAULTS = {field.name: field.default for field in fields(Settings)} | {
    f"metrics_{field.name}": field.default for field in fields(Series)
}


def page() -> str:
    words = (
        "Flags of `run` win over `CHRONOS_*` variables, which win over `chronos.toml`. That file is the operator's: it "
        "is read where `--config` or `CHRONOS_CONFIG` points, and never out of the jobs repository. A dot in a key is "
        "a table of TOML: `egress.level` is `level` in `[egress]`. Relative paths in the file are relative to it."
    )
    rows = ((code(row.key), code(_flag(row)), code(row.variable), _default(row), meaning_of(row.key)) for row in TABLE)
    return (
        "\n\n".join(
            [
                head("Settings of a runner", "config/settings.py", words),
                table(("chronos.toml", "flag", "variable", "default", "meaning"), rows),
                "Values of secrets are no settings: `CHRONOS_SECRET_BACKUP_TOKEN` is what `${secret:backup-token}` "
                "stands for. The commands that ask a runner read `CHRONOS_SERVER` and `CHRONOS_TOKEN`.",
            ]
        )
        + "\n"
    )


def meaning_of(key: str) -> str:
    """Empty when nobody has said it: neither a flag's help nor a line of MEANINGS."""
    flag = next((row.flag for row in TABLE if row.key == key), "")
    helps = {option.name: option.help or "" for option in run.params if isinstance(option, click.Option)}
    return MEANINGS.get(key) or helps.get(flag, "").partition("  [default")[0]


def _flag(row: Setting) -> str:
    if row.key == "repo":
        return "run REPO"
    return f"--{row.flag.replace('_', '-')}" if row.flag else ""


def _default(row: Setting) -> str:
    if row.key in _SPECIAL:
        return _SPECIAL[row.key]
    if row.field == "egress_level":
        return code(Egress().level)
    return _told(_DEFAULTS.get(row.field, MISSING))


def _told(value: Any) -> str:
    if value is MISSING or value is None or value in ((), ""):
        return ""
    if isinstance(value, tuple):
        return ", ".join(map(code, value))
    return code(durations.render(value) if isinstance(value, timedelta) else str(value))
