"""``config``: the settings that a runner would have, and what is wrong with them."""

import os
from pathlib import Path
from typing import Any

import click

from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.settings_flags import config_option, runner_flags
from chronos_gitops.exit_codes import ExitCode

_format_option = click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)


@click.group("config")
def command() -> None:
    """Check and show the settings of a runner. Both commands take the arguments of run."""


@command.command("check")
@runner_flags
@config_option
@_format_option
def check(config: Path | None, style: Format, **flags: Any) -> int:
    """Check flags, CHRONOS_* variables and chronos.toml, and the files that they name, without starting a runner.

    Exits with 1 if a runner with these settings would not start.
    """
    from chronos_gitops.cli.setup import finding, settings_check

    found = list(settings_check.check(flags, os.environ, config))
    tell(style, finding.document(found), lambda: finding.text(found))
    return finding.exit_code(found)


@command.command("show")
@runner_flags
@config_option
@click.option("--all", "shows_all", is_flag=True, help="Settings with their defaults, too.")
@_format_option
def show(config: Path | None, shows_all: bool, style: Format, **flags: Any) -> int:
    """Show the settings that are set, each with its value and source. Secrets are redacted."""
    from chronos_gitops.cli.reports import settings
    from chronos_gitops.cli.reports.tables import table
    from chronos_gitops.config import load

    sources = load.sources(flags, os.environ, config)
    found = list(settings.shown(load.load(flags, os.environ, config), sources))
    told = [one for one in found if shows_all or one.key in sources]
    rows = [(one.key, _text(one.value), one.source) for one in told]
    tell(
        style,
        {"items": [one.document() for one in told]},
        lambda: (
            table(("setting", "value", "source"), rows) if rows else "no setting is given; --all shows the defaults"
        ),
    )
    return ExitCode.FINE


def _text(value: Any) -> str:
    import json

    if value in (None, "", [], {}):
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
