"""``events``: what changed, newest first, or as it happens."""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import click

from chronos_gitops.cli import job_words
from chronos_gitops.cli.client.api_client import RunnerAway, RunnerClient, runner_options
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.tables import table
from chronos_gitops.jobs.validation.quoting import cut
from chronos_gitops.process.sleep import sleep

_PATH = "/api/v1/events"
_HEADER = ("at", "type", "about", "message")
_LONGEST_MESSAGE = 100
_AGAIN_S = 5.0
_PAUSE_S = 1.0


@click.command("events")
@click.argument("job", required=False, shell_complete=job_words.from_runner)
@click.option("--type", "kind", metavar="TYPE", help="Only events of this type, such as job_failing.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Maximum number of items.")
@click.option(
    "--follow",
    "-f",
    "follows",
    is_flag=True,
    help="Print the last items, oldest first, then each new event; ends at Ctrl-C.",
)
@runner_options
def command(
    job: str | None, kind: str | None, limit: int, follows: bool, server: str | None, token: str | None, style: Format
) -> None:
    """List events of JOB, or of all jobs, newest first: applied and refused commits, jobs that fail or recover,
    requests of callers.

    With --follow and --format json each line is one event.
    """
    runner = RunnerClient(server, token)
    wanted = {name: value for name, value in (("type", kind), ("job", job)) if value}
    items = list(runner.items(_PATH, {"limit": str(min(limit, 1000))} | wanted, limit))
    if not follows:
        return tell(style, {"items": items}, lambda: table(_HEADER, map(_row, items)) if items else "no events")
    newest = items or list(runner.items(_PATH, {"limit": "1"}, 1))
    for event in chain(reversed(items), _new(runner, wanted, newest[0]["id"] if newest else 0)):
        click.echo(json.dumps(event, ensure_ascii=False) if style == "json" else "  ".join(_row(event)))
    return None


def _new(runner: RunnerClient, wanted: dict[str, str], last: int) -> Iterator[dict[str, Any]]:
    """Goes on where a runner that restarts, or ends a long stream, left off."""
    is_away = False
    while True:
        try:
            for event in runner.stream(_PATH, wanted, after=last):
                is_away, last = False, event["id"]
                yield event
        except RunnerAway as error:
            if not is_away:
                click.echo(f"{error.message}; trying again every {_AGAIN_S:.0f} s", err=True)
            is_away = True
        sleep(_AGAIN_S if is_away else _PAUSE_S)


def _row(event: dict[str, Any]) -> tuple[str, ...]:
    about = event["job"] or (event["commit"] or "")[:12] or "-"
    by = f" (by {event['by']})" if event["by"] else ""
    return event["at"], event["type"], about, cut(f"{event['message']}{by}", _LONGEST_MESSAGE, "…")
