"""``secrets``: the secrets that jobs use, whether they have values, and where they may be used."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from chronos_gitops.cli.checkout.environments import check_environment, environment_option
from chronos_gitops.errors import UsageError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.jobs.secrets.usage import FAILING, SecretState

if TYPE_CHECKING:
    from chronos_gitops.cli.checkout.current_tree import CurrentTree
    from chronos_gitops.config.settings import Settings
    from chronos_gitops.jobs.secrets.references import Field
    from chronos_gitops.jobs.secrets.usage import SecretReport, SecretUse
    from chronos_gitops.jobs.validation.document import SourceSpan

Item = Mapping[str, Any]


@click.command("secrets")
@click.argument("repo", required=False, type=click.Path(path_type=Path))
@click.option("--jobs", metavar="FOLDER", help="The jobs folder in the checkout.  [default: jobs]")
@click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help="The runner's chronos.toml.")
@environment_option
@click.option("--server", metavar="URL", help="Runner to ask, instead of looking at a checkout.")
@click.option("--token", metavar="TOKEN", help="A bearer token for --server.  [env var: CHRONOS_TOKEN]")
@click.option("--format", "style", type=click.Choice(["text", "json", "toml"]), default="text", show_default=True)
def command(
    repo: Path | None,
    jobs: str | None,
    config: Path | None,
    environment: str | None,
    server: str | None,
    token: str | None,
    style: Literal["text", "json", "toml"],
) -> int:
    """List the secrets that the jobs in REPO (a checkout; default: the current folder) use, one use per line.

    The command looks for values as the runner does: in the variables CHRONOS_SECRET_<NAME>, then in the
    secrets.folder of --config. Without both the state of a secret is unknown. Values are never shown. The format toml
    prints a binding for each secret that has none, to paste into chronos.toml.

    Exits with 1 if executions would fail because a value is missing, empty, unreadable or too large, or a use is
    unbound or refused, and with 3 if no job uses a secret. With the format toml it exits with 0 or 3.

    \b
    Examples:
      chronos-gitops secrets --config chronos.toml
      chronos-gitops secrets --server https://chronos.example.com --format json
      chronos-gitops secrets --config chronos.toml --format toml
    """
    from chronos_gitops.cli.reports import secrets

    if server is not None and (repo is not None or config is not None or environment is not None):
        message = "--server asks a runner; REPO, --config and --environment look at a checkout"
        raise UsageError(message, hint="leave one of them out")
    items = _local(repo or Path(), jobs, config, environment) if server is None else _remote(server, token)
    click.echo(secrets.render(items, style, jobs or "jobs"), nl=False)
    if not any(item["uses"] for item in items):
        click.echo("no job uses a secret", err=True)
        return ExitCode.NOTHING
    failing = any(SecretState(item["state"]) in FAILING for item in items)
    return ExitCode.FAILED if failing and style != "toml" else ExitCode.FINE


def _remote(server: str, token: str | None) -> Sequence[Item]:
    from chronos_gitops.cli.client.api_client import RunnerClient

    return list(RunnerClient(server, token).items("/api/v1/secrets", {"limit": "1000"}))


def _local(repo: Path, jobs: str | None, config: Path | None, environment: str | None) -> Sequence[Item]:
    from chronos_gitops.cli.checkout.current_tree import current
    from chronos_gitops.config import load
    from chronos_gitops.git.client import Git
    from chronos_gitops.git.discovery import discover
    from chronos_gitops.jobs.secrets.usage import item, report, uses
    from chronos_gitops.webhooks.credentials.secrets import Secrets

    settings = load.load({"jobs": jobs}, os.environ, config)
    tree = current(Git(discover(repo.absolute())), settings.jobs_folder, environment)
    check_environment(environment, tree.loaded.layers.environments, is_required=True)
    _note_invalid(tree)
    secrets = Secrets(settings.secret_values, settings.secrets_folder, settings.bindings)
    known = secrets.names() | settings.bindings.by_name.keys()
    found = uses(tree.jobs, settings.bindings)
    places = _Places(tree, environment)
    reports = report(found, settings.bindings, secrets.state if _has_values(settings) else _unknown, known)
    return [item(one, place=places.of, next_use=_next_use(one, tree)) for one in reports]


def _has_values(settings: "Settings") -> bool:
    return bool(settings.secret_values) or settings.secrets_folder is not None


def _unknown(_name: str) -> SecretState:
    return SecretState.UNKNOWN


def _note_invalid(tree: "CurrentTree") -> None:
    broken = sum(1 for parsed in tree.loaded.files if parsed.job is None)
    if broken:
        click.echo(f"note: {broken} invalid file{'s are' if broken > 1 else ' is'} not looked at", err=True)


def _next_use(found: "SecretReport", tree: "CurrentTree") -> datetime | None:
    now = datetime.now(UTC)
    names = {use.job for use in found.uses}
    enabled = [one.job for one in tree.jobs if one.job.name in names and one.job.enabled]
    return min((tick for job in enabled for tick in job.timing.upcoming(now, 1)), default=None)


class _Places:
    """Places of references, each file read once."""

    def __init__(self, tree: "CurrentTree", environment: str | None) -> None:
        self._tree = tree
        self._environment = environment
        self._known: dict[str, Mapping[tuple[Field, str], SourceSpan]] = {}

    def of(self, use: "SecretUse") -> "SourceSpan":
        if use.path not in self._known:
            self._known[use.path] = self._read(use.path)
        return self._known[use.path][use.field, use.name]

    def _read(self, path: str) -> "Mapping[tuple[Field, str], SourceSpan]":
        from chronos_gitops.jobs.layers.parts import parts_of
        from chronos_gitops.jobs.secrets.usage import places
        from chronos_gitops.jobs.validation import document

        own = parts_of(document.read(path, self._tree.content(path)))
        return places(self._tree.loaded.layers.job(path, own, self._environment))
