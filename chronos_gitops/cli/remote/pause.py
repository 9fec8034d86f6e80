"""``pause``: an operator's stop of one job, at runtime; never a commit."""

from datetime import datetime

import click

from chronos_gitops.cli.api_client import RunnerClient, job_path, runner_options
from chronos_gitops.cli.options import read_instant
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.schedule.timestamps import rfc3339


@click.command("pause")
@click.argument("job")
@click.option("--reason", required=True, metavar="TEXT", help="Reason, shown with the pause.")
@click.option("--until", callback=read_instant, metavar="TIME", help="End of the pause, such as 2026-03-08T07:00Z.")
@runner_options
def command(
    job: str, reason: str, until: datetime | None, server: str | None, token: str | None, style: Format
) -> None:
    """Pause JOB until it is resumed. Running executions finish."""
    body = {"reason": reason} | ({"until": rfc3339(until)} if until else {})
    paused = RunnerClient(server, token).post(job_path(job, "/pause"), body)
    end = f" until {rfc3339(until)}" if until else ""
    tell(style, paused, lambda: f"{paused['name']} is {paused['state']}{end}")
