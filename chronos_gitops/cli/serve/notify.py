"""``notify``: what an operator does with the channels of chronos.toml."""

import os
import uuid
from datetime import UTC, datetime
from pathlib import Path

import click

from chronos_gitops.config import load
from chronos_gitops.config.channels import Channel
from chronos_gitops.errors import UsageError
from chronos_gitops.exit_codes import ExitCode
from chronos_gitops.jobs.validation.suggestions import did_you_mean


@click.group("notify", no_args_is_help=True)
def command() -> None:
    """Send test notifications."""


@command.command("test")
@click.argument("name", required=False)
@click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help="The runner's chronos.toml.")
def test(name: str | None, config: Path | None) -> int:
    """Send a test notification through the channel NAME, or through all channels. Exits with 1 if one was not accepted.

    \b
    Examples:
      chronos-gitops notify test --config chronos.toml
      chronos-gitops notify test backend-team
    """
    from chronos_gitops.notifications import message
    from chronos_gitops.notifications.transports.http import NotificationSender, NotSent

    chosen = load.load({}, os.environ, config)
    outlet = NotificationSender.of(chosen, lambda: datetime.now(UTC))
    failures = 0
    for channel in _channels(chosen.channels, name):
        try:
            outlet.send(channel, message.test(str(uuid.uuid4()), channel.name, outlet.now()))
            click.echo(f"{channel.name}: sent")
        except NotSent as error:
            failures += 1
            click.echo(f"{channel.name}: not sent: {error.message}")
    return ExitCode.FAILED if failures else ExitCode.FINE


def _channels(known: tuple[Channel, ...], name: str | None) -> list[Channel]:
    if not known:
        raise UsageError(
            "the settings have no [[notify]] table",
            hint="name the file with --config FILE; docs/how-to/notify.md has examples",
        )
    found = [channel for channel in known if name in (None, channel.name)]
    if not found:
        names = [channel.name for channel in known]
        raise UsageError(
            f'there is no channel "{name}"', hint=did_you_mean(name or "", names) or f"known ones: {', '.join(names)}"
        )
    return found
