"""Limits of request bodies: the document states those that ``params.body`` enforces."""

import re
from typing import Any, Final

from chronos_gitops.server.api.endpoint import JsonBody
from chronos_gitops.server.api.openapi.shapes import Schema, nullable

HIGHEST: Final = 1_000_000_000
MOST_ENTRIES: Final = 1000
_PRINTABLE: Final = r"[^\x00-\x08\x0b-\x1f\x7f-\x9f]*"
_PATTERN: Final = f"^{_PRINTABLE}$"
_NOT_BLANK: Final = rf"^(?=[\s\S]*\S){_PRINTABLE}$"
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def is_clean(text: str) -> bool:
    """Text that every store, log and commit message can hold: no control characters, no lone surrogates."""
    return re.fullmatch(_PRINTABLE, text) is not None and _SURROGATES.search(text) is None


def is_blank(value: Any, schema: Schema) -> bool:
    """A text without a visible character, where ``shapes.REASON`` asks for one."""
    return isinstance(value, str) and schema.get("pattern") == r"\S" and not value.strip()


def stated(schema: Schema, declared: JsonBody) -> Schema:
    """The shape of a body with every limit. Optional fields may be null, which is the same as absent."""
    fields = {name: _field(found, declared, name) for name, found in schema["properties"].items()}
    required = schema.get("required", ())
    return schema | {
        "properties": {name: found if name in required else nullable(found) for name, found in fields.items()}
    }


def _field(schema: Schema, declared: JsonBody, name: str = "") -> Schema:
    if "oneOf" in schema:
        return schema | {"oneOf": [_field(one, declared, name) for one in schema["oneOf"]]}
    kind = schema["type"]
    if kind == "string" and "enum" not in schema and name not in declared.free:
        pattern = _NOT_BLANK if schema.get("pattern") == r"\S" else _PATTERN
        return schema | {"maxLength": declared.longest, "pattern": pattern}
    if kind == "integer":
        return {"minimum": 0, "maximum": HIGHEST} | schema
    if kind == "array":
        return {"maxItems": MOST_ENTRIES} | schema | {"items": _field(schema["items"], declared)}
    if kind == "object" and "properties" in schema:
        return stated(schema, declared)
    return _map(schema, declared) if kind == "object" else schema


def _map(schema: Schema, declared: JsonBody) -> Schema:
    names = {"maxLength": declared.longest, "pattern": _PATTERN}
    return schema | {"propertyNames": names, "additionalProperties": _field(schema["additionalProperties"], declared)}
