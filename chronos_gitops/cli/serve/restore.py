"""``restore``: the state of a runner from a backup."""

import os
from pathlib import Path
from typing import Any

import click

from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.serve.backup import LEDGER, ledger_of
from chronos_gitops.cli.settings_flags import config_option, runner_flags
from chronos_gitops.errors import UsageError
from chronos_gitops.plurals import plural


@click.command("restore")
@click.option(
    "--from", "source", metavar="FILE", required=True, type=click.Path(path_type=Path), help="Backup file to restore."
)
@runner_flags
@config_option
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(source: Path, config: Path | None, style: Format, **flags: Any) -> None:
    """Restore a runner's state from FILE to an empty data folder. All checksums are verified first.

    Takes the arguments of run, to find the data folder. Nothing is overwritten: move an old data folder away first.

    \b
    Example:
      chronos-gitops restore --from chronos.backup . --data /var/lib/chronos-gitops
    """
    from chronos_gitops.config import load
    from chronos_gitops.engine.sql.store import ledger_copy
    from chronos_gitops.state import archive
    from chronos_gitops.state.data_lock import DataLock

    settings = load.load(flags, os.environ, config)
    ledger = ledger_of(settings)
    if not source.is_file():
        raise UsageError(f"there is no file {source}", hint="name one that backup wrote")
    lock = DataLock(settings.data)
    try:
        if ledger.exists() or archive.state_files(settings.data):
            raise UsageError(
                f"{settings.data} has state already", hint="move it away, or name another folder with --data"
            )
        with archive.unpacked(source, settings.data) as (folder, manifest):
            count = ledger_copy.inspect(folder / LEDGER)
            names = [one["name"] for one in manifest["files"] if one["name"] != LEDGER]
            archive.move_into(folder, settings.data, names)
            archive.move_file(folder / LEDGER, ledger)
    finally:
        lock.release()
    tell(
        style, manifest, lambda: f"{plural(count, 'execution')} of {manifest['created_at']} restored to {settings.data}"
    )
