"""``approve``: let deletions and disablings through that a runner holds."""

import sys

import click

from chronos_gitops.cli.client.api_client import RunnerClient, runner_options
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.errors import UsageError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.plurals import plural


@click.command("approve")
@click.argument("checksum", required=False)
@click.option("--yes", is_flag=True, help="Do not ask. Needs CHECKSUM, so that nothing else is approved.")
@runner_options
def command(checksum: str | None, yes: bool, server: str | None, token: str | None, style: Format) -> int:
    """Approve held deletions and disablings of jobs: exactly those with CHECKSUM, which `status` shows.

    Exits with 3 if nothing is held.

    \b
    Examples:
      chronos-gitops approve
      chronos-gitops approve sha256:5f2c9a --yes
    """
    if yes and checksum is None:
        raise UsageError("--yes needs CHECKSUM", hint="`chronos-gitops status` shows it")
    runner = RunnerClient(server, token)
    held = runner.get("/api/v1/sync")["held"]
    if held is None:
        tell(style, {"held": None}, lambda: "nothing is held")
        return ExitCode.NOTHING
    if not yes:
        _ask(held["names"], held["disabled"])
    found = runner.post("/api/v1/sync/approve", {"checksum": checksum or held["checksum"]})
    tell(style, found, lambda: f"approved; {plural(found['jobs'], 'job')} now")
    return ExitCode.FINE


def _ask(deleted: list[str], disabled: list[str]) -> None:
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError("there is no terminal to confirm it", hint="give the checksum, and --yes")
    for word, names in (("delete", deleted), ("disable", disabled)):
        if names:
            click.echo(f"{word}: {', '.join(names)}", err=True)
    click.confirm(f"Approve {plural(len(deleted) + len(disabled), 'change')}?", abort=True, err=True)
