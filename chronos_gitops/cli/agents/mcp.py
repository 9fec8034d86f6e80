"""``mcp``: read-only tools for agents, by the Model Context Protocol over standard input and output."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from chronos_gitops import __version__
from chronos_gitops.cli.agents.tools import Tools
from chronos_gitops.cli.client.api_client import RunnerClient, server_options
from chronos_gitops.errors import ChronosError, UsageError

_INSTRUCTIONS = """\
chronos-gitops runs scheduled webhooks whose definitions are YAML files in a git repository. These tools read: jobs and
executions of a runner, and the files of a checkout. To change a job, edit its file in a branch, check it with
validate_jobs and plan_change, and leave the commit to review. Triggers, pauses and rollbacks are for people."""


@click.command("mcp")
@server_options
@click.option(
    "--checkout",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    help="Checkout whose job files are validated and planned.",
)
@click.option("--jobs", metavar="FOLDER", default="jobs", show_default=True, help="The jobs folder in the checkout.")
def command(server: str | None, token: str | None, checkout: Path, jobs: str) -> None:
    """Serve read-only tools to AI agents: a Model Context Protocol server on standard input and output.

    Use a token with only the role read. The command needs the extra mcp.
    """
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
        from mcp.types import ToolAnnotations
    except ModuleNotFoundError as error:
        raise UsageError(
            f"mcp needs the package {error.name}, which is not installed", hint="pip install 'chronos-gitops[mcp]'"
        ) from None

    def told(tool: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        @functools.wraps(tool)
        def call(*given: Any, **named: Any) -> dict[str, Any]:
            try:
                return tool(*given, **named)
            except ChronosError as error:
                raise ToolError(f"{error} ({error.hint})" if error.hint else str(error)) from error

        return call

    served = MCPServer("chronos-gitops", instructions=_INSTRUCTIONS, version=__version__, log_level="WARNING")
    for tool in Tools(RunnerClient(server, token), checkout.resolve(), jobs).all():
        served.tool(annotations=ToolAnnotations(read_only_hint=True, destructive_hint=False))(told(tool))
    if sys.stdin is None:
        raise UsageError("standard input is closed", hint="let an agent's program start it, which writes to it")
    try:
        served.run("stdio")
    except ExceptionGroup as group:
        raise _cause(group) from None


def _cause(group: ExceptionGroup[Exception]) -> Exception:
    """The first error of the tasks that have failed together."""
    first = group.exceptions[0]
    return _cause(first) if isinstance(first, ExceptionGroup) else first
