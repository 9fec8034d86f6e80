"""``rollback`` and ``undo`` with ``--server``: the runner makes the commit, pushes it and applies it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from chronos_gitops.cli.client.api_client import RunnerClient
from chronos_gitops.cli.output import Format, tell
from chronos_gitops.cli.reports.reverts import planned_commit

_F = TypeVar("_F", bound=Callable[..., Any])


def revert_options(command: _F) -> _F:
    """The options of both commands. ``--server`` has no environment variable, because these commands change a checkout
    unless the user names a runner."""
    for option in (
        click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True),
        click.option("--token", metavar="TOKEN", help="A bearer token for --server.  [env var: CHRONOS_TOKEN]"),
        click.option("--server", metavar="URL", help="Runner that makes the commit, in place of this checkout."),
        click.option(
            "--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder in the checkout."
        ),
        click.option("--repo", type=click.Path(path_type=Path), default=".", help="The checkout.  [default: .]"),
        click.option(
            "--dry-run", is_flag=True, help="Show the change and the commit message without writing anything."
        ),
        click.option("--reason", metavar="TEXT", default="", help="Reason, recorded in the commit message."),
    ):
        command = option(command)
    return command


def on_runner(
    server: str, token: str | None, path: str, given: Mapping[str, Any], *, style: Format, subject: str
) -> None:
    """``given`` are the fields of the call; ``subject`` is what goes back, as it stands in a sentence."""
    answer = RunnerClient(server, token).post(path, {name: value for name, value in given.items() if value})
    tell(style, answer, lambda: _in_words(answer, subject))


def _in_words(answer: Mapping[str, Any], subject: str) -> str:
    if not answer["changed"]:
        return f"{subject} is what it was: nothing to do"
    if answer.get("dry_run"):
        return planned_commit(answer["unified"], answer["message"])
    commit = str(answer["commit"])[:12]
    if answer.get("branch"):
        return f"commit {commit} waits for review on branch {answer['branch']}: its merge reverts {subject}"
    return f"commit {commit} reverts {subject}; the runner applies it"
