"""The settings of a runner as arguments of a command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from chronos_gitops.config.settings import TABLE

_F = TypeVar("_F", bound=Callable[..., Any])

config_option = click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help="A chronos.toml.")


def runner_flags(command: _F) -> _F:
    """The argument REPO, and an option for each setting that declares a flag."""
    for row in reversed(TABLE):
        if row.flag and row.flag != "repo":
            command = click.option(row.place, metavar=row.metavar, help=row.help())(command)
    return click.argument("repo", required=False)(command)
