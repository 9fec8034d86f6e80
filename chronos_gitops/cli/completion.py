"""Shell completion: the scripts and the answers are click's own."""

import os
from typing import Final

import click
from click import shell_completion

PROGRAM: Final = "chronos-gitops"
SHELLS: Final = ("bash", "zsh", "fish")
_VARIABLE: Final = "_CHRONOS_GITOPS_COMPLETE"


def script(root: click.Command, shell: str) -> str:
    """The completion script of a shell: a function that asks this program for matching words."""
    return _of(root, shell).source()


def answer(root: click.Command) -> str | None:
    """The words that fit what a shell has so far, as its script expects them; None when no shell asks."""
    shell, _, instruction = os.environ.get(_VARIABLE, "").partition("_")
    if shell not in SHELLS or instruction != "complete":
        return None
    return _of(root, shell).complete()


def _of(root: click.Command, shell: str) -> shell_completion.ShellComplete:
    kind = shell_completion.get_completion_class(shell)
    assert kind is not None, shell
    return kind(root, {}, PROGRAM, _VARIABLE)
