"""``pause``: an operator's stop of jobs, at runtime; never a commit."""

from datetime import datetime

import click

from chronos_gitops.cli.client import bulk
from chronos_gitops.cli.client.api_client import RunnerClient, job_path, runner_options
from chronos_gitops.cli.options import read_instant
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.errors import UsageError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.schedule.timestamps import rfc3339


@click.command("pause")
@bulk.selection_options
@click.option("--reason", required=True, metavar="TEXT", help="Reason, shown with the pause.")
@click.option("--for", "length", metavar="DURATION", help="Length of the pause, such as 2h.")
@click.option("--until", callback=read_instant, metavar="TIME", help="End of the pause, such as 2026-03-08T07:00Z.")
@click.option("--dry-run", is_flag=True, help="Show the jobs and their outcomes; change nothing.")
@runner_options
def command(
    jobs: tuple[str, ...],
    tags: tuple[str, ...],
    folder: str | None,
    every: bool,
    expect_jobs: int | None,
    yes: bool,
    reason: str,
    length: str | None,
    until: datetime | None,
    dry_run: bool,
    server: str | None,
    token: str | None,
    style: Format,
) -> int:
    """Pause jobs until they are resumed. Running executions finish.

    \b
    Examples:
      chronos-gitops pause daily-backup --for 2h --reason "disk replacement"
      chronos-gitops pause --tag team=billing --for 2h --reason "database upgrade"
    """
    if length and until:
        raise UsageError("--for and --until both say when the pause ends", hint="give one of them")
    end = {"for": length} if length else {"until": rfc3339(until)} if until else {}
    selection, runner = bulk.BulkSelection(jobs, tags, folder, every), RunnerClient(server, token)
    if selection.one_job and not dry_run and expect_jobs is None:
        paused = runner.post(job_path(selection.one_job, "/pause"), {"reason": reason, **end})
        ended = f" until {paused['pause']['until']}" if end else ""
        tell(style, paused, lambda: f"{paused['name']} is {paused['state']}{ended}")
        return ExitCode.FINE
    body = {"select": selection.document(), "reason": reason, **end}
    return bulk.change(runner, "pause", body, dry_run=dry_run, yes=yes, expected=expect_jobs, style=style)
