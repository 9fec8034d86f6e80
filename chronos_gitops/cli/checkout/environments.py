"""The option ``--environment`` of commands that read the files of a checkout."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.validation.suggestions import did_you_mean


def environment_option(command: Callable[..., Any]) -> Callable[..., Any]:
    words = "Environment to use; for repositories that declare environments."
    return click.option("--environment", metavar="NAME", help=words)(command)


def check_environment(name: str | None, declared: Sequence[str], *, is_required: bool) -> None:
    """UsageError for a name that no file declares, and for none where one has to be chosen."""
    if name is None and declared and is_required:
        raise UsageError("the repository declares environments; name one", hint=_listed(declared))
    if name is not None and name not in declared:
        hint = did_you_mean(name, list(declared)) or _listed(declared)
        raise UsageError(f'"{name}" is not a declared environment', hint=hint)


def _listed(declared: Sequence[str]) -> str:
    if not declared:
        return "a file _environments/<name>.yaml in the jobs folder declares one"
    return f"--environment {' or '.join(declared)}"
