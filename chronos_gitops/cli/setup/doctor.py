"""``doctor``: what is wrong with an installation, each finding with a way out."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.settings_flags import config_option, runner_flags

if TYPE_CHECKING:
    from chronos_gitops.cli.setup.finding import Finding
    from chronos_gitops.config.settings import Settings

Check = Callable[["Settings"], Iterator["Finding"]]


@click.command("doctor")
@runner_flags
@config_option
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(config: Path | None, style: Format, **flags: Any) -> int:
    """Check this installation: settings, git, data folder, disk, limits, clock, engine, repository, secrets. Takes
    the arguments of run. Starts and changes nothing.

    Each finding that is not ok is followed by a remedy. Exits with 1 if a check failed; warnings do not count.
    """
    from chronos_gitops.cli.setup import finding

    found = list(_findings(flags, config))
    tell(style, finding.document(found), lambda: finding.text(found))
    return finding.exit_code(found)


def _findings(flags: dict[str, Any], config: Path | None) -> Iterator["Finding"]:
    from chronos_gitops.cli.setup import machine_checks, repository_checks, settings_check
    from chronos_gitops.cli.setup.finding import guarded
    from chronos_gitops.config import load
    from chronos_gitops.git.errors import INSTALL_GIT

    yield from settings_check.check(flags, os.environ, config)
    yield from guarded("git", machine_checks.git, INSTALL_GIT)
    if any(load.errors(flags, os.environ, config)):
        return
    settings = load.load(flags, os.environ, config)
    checks: tuple[tuple[str, Check, str], ...] = (
        ("data", machine_checks.data, "choose another folder with --data"),
        ("limits", machine_checks.descriptors, "raise ulimit -n"),
        ("clock", machine_checks.clock, "set the clock"),
        ("engine", machine_checks.engine, "correct --engine"),
        ("repository", repository_checks.check, "correct the repository's address"),
    )
    for subject, check, otherwise in checks:
        yield from guarded(subject, lambda check=check: check(settings), otherwise)  # type: ignore[misc]
