"""Every command with its arguments and options, from the click tree: the text that ``--help`` prints."""

from collections.abc import Iterator

import click
from harness.reference.markdown import head, table

from chronos_gitops.cli.exit_table import EVERYWHERE, TABLE
from chronos_gitops.cli.main import COMMANDS, group

_WIDTH = 100


def page() -> str:
    parts = [head("The command line", "the commands themselves", "Each command prints its text with `--help`.")]
    for title, section in COMMANDS.items():
        rows = [(f"[{name}](#chronos-gitops-{name})", entry.help) for name, entry in section.items()]
        parts += [f"**{title}**", table(("command", "what it does"), rows)]
    with group.make_context("chronos-gitops", [], resilient_parsing=True) as root:
        for section in COMMANDS.values():
            for name in section:
                command = group.get_command(root, name)
                assert command is not None, name
                parts += _texts(command, root, name)
    return "\n\n".join([*parts, *_exit_codes()]) + "\n"


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes"
    yield table(("code", "meaning"), [(str(code.value), text) for code, text in EVERYWHERE.items()])
    yield "Every command may exit with 0, 2, 70 and 130. The meaning of 1 and 3:"
    yield table(("command", "1", "3"), [(f"`{name}`", ends.failed, ends.nothing) for name, ends in TABLE.items()])


def _texts(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    # The width of the terminal must have no say in a page.
    with click.Context(command, parent=parent, info_name=name, terminal_width=_WIDTH, max_content_width=_WIDTH) as at:
        yield f"## {at.command_path}"
        yield f"```text\n{command.get_help(at).rstrip()}\n```"
        if isinstance(command, click.Group):
            for child in command.list_commands(at):
                found = command.get_command(at, child)
                assert found is not None, child
                yield from _texts(found, at, child)
