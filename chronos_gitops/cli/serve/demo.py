"""``demo``: the main job, end to end, on real git and real HTTP."""

import json
import os
import signal
import sys
from datetime import timedelta

import click

from chronos_gitops.schedule import durations


def _read_duration(_context: click.Context, _option: click.Parameter, value: str | None) -> timedelta | None:
    from chronos_gitops.cli.demo.main import SHORTEST

    try:
        length = None if value is None else durations.parse(value)
    except durations.DurationError as error:
        raise click.BadParameter(str(error)) from error
    if length is not None and length < SHORTEST:
        raise click.BadParameter(f"the acts need {durations.render(SHORTEST)}")
    return length


@click.command("demo")
@click.option(
    "--duration", "length", metavar="DURATION", callback=_read_duration, help="Stop after this duration, such as 20s."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON; progress goes to stderr.")
def command(length: timedelta | None, as_json: bool) -> None:
    """Demonstrate the product with a temporary git repository, a local target, a runner, four acts and a live table.

    The demo sends nothing to other machines, and leaves no files. Without --duration it runs until Ctrl-C.
    """
    from chronos_gitops.cli.demo.main import play
    from chronos_gitops.cli.demo.terminal import Screen

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the runner and the folder go away then, too
    summary = play(duration=length, environ=os.environ, screen=Screen(sys.stderr if as_json else sys.stdout))
    click.echo(json.dumps(summary.document(), indent=2) if as_json else f"\n{summary.text()}")
