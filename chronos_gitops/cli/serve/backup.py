"""``backup``: the state of a runner on SQLite as one file."""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.settings_flags import config_option, runner_flags
from chronos_gitops.errors import UsageError
from chronos_gitops.plurals import plural

if TYPE_CHECKING:
    from chronos_gitops.config.settings import Settings

LEDGER: Final = "ledger.db"


@click.command("backup")
@click.option(
    "--to", "target", metavar="FILE", required=True, type=click.Path(path_type=Path), help="Backup file to write."
)
@runner_flags
@config_option
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(target: Path, config: Path | None, style: Format, **flags: Any) -> None:
    """Back up the ledger and the state files of a runner on SQLite to FILE. The runner may be running.

    Takes the arguments of run, to find the data folder. The copy of the ledger is a consistent snapshot.

    \b
    Example:
      chronos-gitops backup --to chronos.backup . --data /var/lib/chronos-gitops
    """
    from chronos_gitops import __version__
    from chronos_gitops.config import load
    from chronos_gitops.engine.sql.store import ledger_copy
    from chronos_gitops.schedule.timestamps import rfc3339
    from chronos_gitops.state import archive

    settings = load.load(flags, os.environ, config)
    ledger = ledger_of(settings)
    if not ledger.is_file():
        raise UsageError(f"there is no ledger at {ledger}", hint="give the arguments of run, such as --data")
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise UsageError(f"{target} cannot be written", hint="name a file in a folder that exists")
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.absolute().parent) as folder:
        copied = Path(folder, LEDGER)
        ledger_copy.copy(ledger, copied)
        count = ledger_copy.inspect(copied)
        members = {LEDGER: copied} | {path.name: path for path in archive.state_files(settings.data)}
        about = {"version": __version__, "created_at": rfc3339(datetime.now(UTC)), "executions": count}
        manifest = archive.write(target.absolute(), members, about)
    words = f"{plural(count, 'execution')} and {plural(len(members) - 1, 'state file')} in {target}"
    tell(style, manifest, lambda: words)


def ledger_of(settings: "Settings") -> Path:
    """UsageError for engines that keep executions on a server."""
    from chronos_gitops.engine.factory import ledger_file

    found = ledger_file(settings)
    if found is None:
        raise UsageError(
            "executions are kept by a server with this engine", hint="use its own backup: pg_dump for PostgreSQL"
        )
    return found
