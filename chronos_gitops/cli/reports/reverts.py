"""Output that ``rollback`` and ``undo`` share: the planned commit, and problems that refuse it."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from chronos_gitops.jobs.validation.quoting import printable


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
