"""Output of a command: as JSON, or as text."""

import json
import sys
from collections.abc import Callable
from typing import Any, Literal

import click

from chronos_gitops.errors import UsageError

Format = Literal["text", "json"]


def tell(style: Format, value: Any, text: Callable[[], str]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2) if style == "json" else text())


def standard_input(most: int) -> bytes:
    """Reads at most this number of bytes of standard input. UsageError if it is closed."""
    if sys.stdin is None:
        raise UsageError("standard input is closed", hint="name a file instead of -, or use a pipe")
    return sys.stdin.buffer.read(most)
