"""How a command prints its answer: as JSON, or in words."""

import json
from collections.abc import Callable
from typing import Any, Literal

import click

Format = Literal["text", "json"]


def tell(style: Format, value: Any, text: Callable[[], str]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2) if style == "json" else text())
