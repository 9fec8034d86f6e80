"""Questions of commands that wait, to a runner that may restart meanwhile."""

import time
from collections.abc import Callable
from typing import Any, Final

import click

from chronos_gitops.cli.client.api_client import RunnerAway, RunnerClient
from chronos_gitops.process.sleep import sleep

LONGEST_AWAY_S: Final = 120.0
"""Seconds without an answer after which a command that waits gives up."""
_AGAIN_S = 2.0


def get(runner: RunnerClient, path: str, *, until: float | None, now: Callable[[], float] = time.monotonic) -> Any:
    """The answer of a runner that is asked again while it is away; RunnerAway when it stays away. ``until`` is a time
    of ``now``."""
    give_up = now() + LONGEST_AWAY_S
    if until is not None:
        give_up = min(give_up, until)
    is_away = False
    while True:
        try:
            return runner.get(path)
        except RunnerAway as error:
            if now() >= give_up:
                raise
            if not is_away:
                click.echo(f"{error.message}; trying again every {_AGAIN_S:.0f} s", err=True)
            is_away = True
            sleep(_AGAIN_S)
