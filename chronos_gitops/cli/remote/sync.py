"""``sync``: make a runner look at git now."""

import time
from datetime import timedelta
from typing import Any

import click

from chronos_gitops.cli.client import execution_wait, patience
from chronos_gitops.cli.client.api_client import RunnerClient, runner_options
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.process.sleep import sleep

_PATH = "/api/v1/sync"
_EVERY_S = 0.5


@click.command("sync")
@click.option("--wait", "waits", is_flag=True, help="Wait until the newest commit is applied or refused.")
@click.option(
    "--timeout",
    callback=execution_wait.read_duration,
    default="5m",
    show_default=True,
    metavar="DURATION",
    help="With --wait: the longest time to wait.",
)
@runner_options
def command(waits: bool, timeout: timedelta, server: str | None, token: str | None, style: Format) -> int:
    """Fetch and apply the newest commit now. Exits with 1 if it is not applied."""
    runner = RunnerClient(server, token)
    found = runner.post(_PATH)
    deadline = time.monotonic() + timeout.total_seconds()
    while waits and _is_pending(found) and time.monotonic() < deadline:
        sleep(_EVERY_S)
        found = patience.get(runner, _PATH, until=deadline)
    tell(style, found, lambda: _text(found))
    return ExitCode.FINE if _is_applied(found) else ExitCode.FAILED


def _is_applied(sync: dict[str, Any]) -> bool:
    revision = sync["revision"]
    return sync["state"] != "failed" and revision["applied"] is not None and revision["applied"] == revision["desired"]


def _is_pending(sync: dict[str, Any]) -> bool:
    """Neither applied nor refused yet."""
    return sync["state"] != "failed" and not _is_applied(sync)


def _text(sync: dict[str, Any]) -> str:
    applied = (sync["revision"]["applied"] or "nothing")[:12]
    why = ": ".join(word for word in (sync["reason"], sync["message"]) if word)
    return f"{sync['state']}: {applied} is applied{f' ({why})' if why else ''}"
