"""JSON and YAML of another scheduler's file."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import yaml

from chronos_gitops.cli.importers.model import NotReadable

_SAFE_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, where PyYAML was built with it: it takes a tenth of the processor time."""


def plain_text(content: bytes) -> str:
    """Of a file in UTF-8. A byte that is none would change what is sent."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise NotReadable(f"line {line} is not UTF-8", hint="convert the file: iconv -f latin1 -t utf-8") from error


def json_documents(content: bytes) -> list[Any]:
    """One document, or several one after the other, as a loop over commands prints them."""
    try:
        return list(_each(content.decode("utf-8-sig")))
    except (ValueError, RecursionError) as error:
        raise NotReadable(f"this is not JSON: {error}") from error


def _each(text: str) -> Iterator[Any]:
    decoder, rest = json.JSONDecoder(), text.strip()
    if not rest:
        raise ValueError("it is empty")
    while rest:
        found, end = decoder.raw_decode(rest)
        yield found
        rest = rest[end:].lstrip()


def yaml_documents(content: bytes) -> list[Any]:
    try:
        return list(yaml.load_all(content, _SAFE_LOADER))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotReadable(f"this is not YAML: {' '.join(str(error).split())[:200]}") from error


def at(value: Any, *keys: str) -> dict[str, Any]:
    """The map at these keys, {} when there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """Of a scalar. Aliases can make lists whose text would have no end, and none of them is a name."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float | date) else ""
