"""Options without their value: click would take the next option as the value."""

from collections.abc import Iterator, Sequence

import click

from chronos_gitops.errors import UsageError


def refuse(command: click.Command, ctx: click.Context, words: Sequence[str]) -> None:
    """``--server --limit 3`` would ask a server named ``--limit``. ``--reason=--urgent`` is a value on purpose."""
    taking = {name for option in _valued(command) for name in (*option.opts, *option.secondary_opts)}
    rest = iter(words)
    for word in rest:
        if word == "--":
            return
        if isinstance(command, click.Group) and not word.startswith("-"):
            inner = command.get_command(ctx, word)
            if inner is not None:
                refuse(inner, ctx, list(rest))
            return
        if word in taking and (value := next(rest, "")).startswith("--"):
            raise UsageError(
                f'{word} needs a value, and "{value}" is an option',
                hint=f"put the value after {word}, or write {word}={value} if that is the value",
            )


def _valued(command: click.Command) -> Iterator[click.Option]:
    for one in command.params:
        if isinstance(one, click.Option) and not one.is_flag and not one.count:
            yield one
