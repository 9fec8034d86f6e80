"""``resume``: the end of a pause."""

import click

from chronos_gitops.cli.api_client import RunnerClient, job_path, runner_options
from chronos_gitops.cli.output import Format, tell


@click.command("resume")
@click.argument("job")
@runner_options
def command(job: str, server: str | None, token: str | None, style: Format) -> None:
    """Let JOB run again; ticks that fell in the pause follow its missed-run policy."""
    resumed = RunnerClient(server, token).post(job_path(job, "/resume"))
    tell(style, resumed, lambda: f"{resumed['name']} is {resumed['state']}, next run {resumed['next_run'] or 'never'}")
