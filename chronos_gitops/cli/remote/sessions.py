"""``sessions``: the logins of browsers, listed and ended."""

from typing import Any
from urllib.parse import quote

import click

from chronos_gitops.cli.client.api_client import RunnerClient, runner_options
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.tables import table
from chronos_gitops.errors import NotFoundError, UsageError
from chronos_gitops.plurals import plural

_HEADER = ("id", "name", "via", "address", "began", "until", "")
_SHOWN = 12


@click.group("sessions", no_args_is_help=True)
def command() -> None:
    """List and end browser sessions."""


@command.command("list")
@click.option("--name", metavar="NAME", help="Only sessions of the caller with this name.")
@runner_options
def list_sessions(name: str | None, server: str | None, token: str | None, style: Format) -> None:
    """List your sessions, newest first. The role operate also lists those of others."""
    found = list(RunnerClient(server, token).items("/api/v1/sessions", {"name": name} if name else {}))
    tell(style, {"items": found}, lambda: table(_HEADER, map(_row, found)) if found else "no sessions")


@command.command("end")
@click.argument("session", required=False)
@click.option("--name", metavar="NAME", help="End every session of the caller with this name.")
@runner_options
def end(session: str | None, name: str | None, server: str | None, token: str | None, style: Format) -> None:
    """End SESSION (an id, or the beginning of one). Within 5 seconds every runner refuses its cookie.

    \b
    Examples:
      chronos-gitops sessions end 3f2a9c41b7d0
      chronos-gitops sessions end --name ada
    """
    if (session is None) == (name is None):
        raise UsageError("name either a session or, with --name, a caller", hint="`sessions list` shows both")
    runner = RunnerClient(server, token)
    if session is not None:
        ended = runner.delete(f"/api/v1/sessions/{quote(_whole(runner, session), safe='')}")
    else:
        ended = runner.delete("/api/v1/sessions", {"name": str(name)})
    tell(style, ended, lambda: f"{plural(ended['ended'], 'session')} ended")


def _whole(runner: RunnerClient, beginning: str) -> str:
    """The id that begins so. NotFoundError for none, UsageError for several."""
    found = [one["id"] for one in runner.items("/api/v1/sessions", {}) if one["id"].startswith(beginning)]
    if not found:
        raise NotFoundError(f'there is no session "{beginning}"', hint="`chronos-gitops sessions list` shows them")
    if len(found) > 1:
        raise UsageError(f'{len(found)} sessions begin with "{beginning}"', hint="write more of the id")
    return str(found[0])


def _row(session: dict[str, Any]) -> tuple[str, ...]:
    shown = (session[field] for field in ("name", "via", "address", "began_at", "until"))
    return session["id"][:_SHOWN], *shown, "this one" if session["current"] else ""
