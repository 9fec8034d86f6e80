"""``trigger``: one manual execution, now."""

import click

from chronos_gitops.cli.api_client import RunnerClient, job_path, runner_options
from chronos_gitops.cli.output import Format, tell


@click.command("trigger")
@click.argument("job")
@click.option("--dry-run", is_flag=True, help="Show the request as a curl command, masked; send nothing.")
@runner_options
def command(job: str, dry_run: bool, server: str | None, token: str | None, style: Format) -> None:
    """Trigger JOB now, independent of its schedule."""
    if dry_run:
        planned = RunnerClient(server, token).post(job_path(job, "/trigger"), {"dry_run": True})
        return tell(style, planned, lambda: str(planned["curl"]))
    execution = RunnerClient(server, token).post(job_path(job, "/trigger"))
    return tell(style, execution, lambda: f"{execution['job']} is {execution['status']}: execution {execution['id']}")
