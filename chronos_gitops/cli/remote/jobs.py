"""``jobs``: what the runner runs."""

from typing import Any

import click

from chronos_gitops.cli.client.api_client import RunnerClient, runner_options
from chronos_gitops.cli.options import read_tag
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.tables import table

_HEADER = ("name", "state", "health", "schedule", "timezone", "next run", "version", "last")


@click.command("jobs")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="KEY=VALUE",
    help="Only jobs with this tag; repeat it to require several tags.",
)
@click.option("--state", type=click.Choice(["enabled", "disabled", "paused", "ended"]), help="Only jobs in this state.")
@click.option("-q", "search", metavar="TEXT", help="Only jobs whose name or description has this text.")
@click.option("--sort", metavar="KEY", help="Order, such as health, next_run or -duration_ms.  [default: name]")
@runner_options
def command(
    tags: tuple[str, ...],
    state: str | None,
    search: str | None,
    sort: str | None,
    server: str | None,
    token: str | None,
    style: Format,
) -> None:
    """List jobs, with their state and next run."""
    query = dict(map(read_tag, tags))
    query.update({key: value for key, value in (("state", state), ("q", search), ("sort", sort)) if value})
    items = list(RunnerClient(server, token).items("/api/v1/jobs", query))
    tell(style, {"items": items}, lambda: table(_HEADER, map(_row, items)) if items else "no jobs")


def _row(job: dict[str, Any]) -> tuple[str, ...]:
    last = job.get("last_execution") or {}
    version = f"{job['version'] or '-'}{' draft' if job.get('draft') else ''}"
    return (
        job["name"],
        job["state"],
        job.get("health") or "",
        job["schedule"] if isinstance(job["schedule"], str) else "; ".join(job["schedule"]),
        job["timezone"],
        job.get("next_run") or "",
        version,
        last.get("status") or "",
    )
