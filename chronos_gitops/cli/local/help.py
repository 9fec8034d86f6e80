"""``help``: the help of a command, by its name."""

import click

from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.validation.suggestions import did_you_mean


@click.command("help")
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of COMMAND, or the list of commands."""
    found = context.find_root()
    for word in words:
        group = found.command
        inner = group.get_command(found, word) if isinstance(group, click.Group) else None
        if inner is None:
            names = group.list_commands(found) if isinstance(group, click.Group) else []
            hint = did_you_mean(word, names) or f"{found.command_path} --help lists what there is"
            raise UsageError(f'there is no command "{found.command_path} {word}"', hint=hint)
        found = click.Context(inner, info_name=word, parent=found)
    click.echo(found.get_help())
