"""``resume``: the end of a pause."""

import click

from chronos_gitops.cli.api_client import RunnerClient, job_path, runner_options
from chronos_gitops.cli.output import Format, tell


@click.command("resume")
@click.argument("job")
@runner_options
def command(job: str, server: str | None, token: str | None, style: Format) -> None:
    """End the pause of JOB. Scheduled times that passed during the pause follow its missed_run_policy."""
    resumed = RunnerClient(server, token).post(job_path(job, "/resume"))
    tell(style, resumed, lambda: f"{resumed['name']} is {resumed['state']}, next run {resumed['next_run'] or 'never'}")
