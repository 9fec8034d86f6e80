"""Output that ``rollback`` and ``undo`` share: the planned commit, the one made, and problems that refuse it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from chronos_gitops.cli.output import Format, tell
from chronos_gitops.jobs.validation.quoting import printable

if TYPE_CHECKING:
    from chronos_gitops.rollback.before_commit import UndoResult
    from chronos_gitops.rollback.local_checkout import Offline
    from chronos_gitops.rollback.to_version import RollbackResult


@contextmanager
def print_problems() -> Iterator[None]:
    """Prints the problems of restored content on standard error, and lets the error through."""
    from chronos_gitops.rollback.committer import InvalidVersion

    try:
        yield
    except InvalidVersion as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        raise


def planned_commit(diff: str, message: str) -> str:
    """The diff, then the message, indented."""
    shown = "\n".join(printable(line) for line in diff.splitlines())
    indented = "\n".join(f"    {line}".rstrip() for line in message.splitlines())
    return f"{shown}\nThe commit would say:\n\n{indented}"


def tell_made(
    style: Format, result: "RollbackResult | UndoResult", checkout: "Offline", in_words: Callable[[], str]
) -> None:
    """The result, and the command that publishes its commit where the checkout has a remote."""
    push = checkout.push_command() if result.changed else None
    tell(
        style,
        result.document() | ({"push": push} if push else {}),
        lambda: in_words() + (f"\nIt is not pushed yet. Push it: {push}" if push else ""),
    )
