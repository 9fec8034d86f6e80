"""``cancel``: the end of one execution, asked for by an operator."""

from urllib.parse import quote

import click

from chronos_gitops.cli.client.api_client import RunnerClient, runner_options
from chronos_gitops.cli.output import Format, tell


@click.command("cancel")
@click.argument("execution")
@runner_options
def command(execution: str, server: str | None, token: str | None, style: Format) -> None:
    """Cancel EXECUTION (an id): a running request is aborted, and a waiting execution does not start."""
    ended = RunnerClient(server, token).post(f"/api/v1/executions/{quote(execution, safe='')}/cancel")
    tell(style, ended, lambda: f"{ended['job']} is {ended['status']}: execution {ended['id']}")
