"""Fields of a form as the JSON of the same call: dotted names are members, texts become what the shape has."""

from collections.abc import Mapping
from typing import Any

from chronos_gitops.server.api.openapi.shapes import Schema

_FLAGS = {"true": True, "on": True, "false": False}


def typed(pairs: Mapping[str, str], shape: Schema) -> dict[str, Any]:
    """``select.tags.team=x`` as ``{"select": {"tags": {"team": "x"}}}``. What a field cannot be stays text, and is
    refused where every other value is."""
    found: dict[str, Any] = {}
    for name, text in pairs.items():
        _put(found, name, text, shape)
    return found


def _put(found: dict[str, Any], name: str, text: str, shape: Schema) -> None:
    members: Schema = shape.get("properties", {})
    first, dot, rest = name.partition(".")
    if dot and members.get(first, {}).get("type") == "object":
        inner = found.setdefault(first, {})
        if "properties" in members[first]:
            _put(inner, rest, text, members[first])
        else:
            inner[rest] = text
        return
    found[name] = _value(text, members.get(name, {}))


def _value(text: str, schema: Schema) -> Any:
    kind = schema.get("type")
    if kind == "boolean":
        return _FLAGS.get(text, text)
    if kind == "integer" and text.isascii() and text.isdigit():
        return int(text[:18])
    return text.replace(",", " ").split() if kind == "array" else text
