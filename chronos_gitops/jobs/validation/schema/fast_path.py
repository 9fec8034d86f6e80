"""A quick "valid" for documents of one JSON schema (draft-07): its keywords as functions, made once.

It may say False for a valid document, never True for an invalid one: whatever it does not accept, jsonschema looks at.
Of the keywords it knows those of our schema, and nothing of a schema with any other.
"""

import re
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, Final

Check = Callable[[Any], bool]

_TYPES: Final[Mapping[str, type]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "object": dict,
    "array": list,
    "null": type(None),
}
_ANNOTATIONS: Final = frozenset({"$schema", "$id", "title", "description", "examples", "default", "definitions"})


class UnknownKeywordError(ValueError):
    """The schema says something that this module does not know."""


def compile_schema_check(schema: Mapping[str, Any], top: Mapping[str, Any] | None = None) -> Check:
    """``top`` is the schema of which it is a part. UnknownKeywordError for one that is not understood as a whole."""
    return _all_of(schema, schema if top is None else top)


def _all_of(schema: Any, top: Mapping[str, Any]) -> Check:
    if isinstance(schema, bool):
        return lambda _: schema
    checks = _checks(schema, top)
    return reduce(_both, checks) if checks else lambda _: True


def _both(one: Check, other: Check) -> Check:
    return lambda value: one(value) and other(value)


def _checks(schema: Mapping[str, Any], top: Mapping[str, Any]) -> list[Check]:
    if "$ref" in schema:  # and whatever stands beside it counts for nothing in draft-07
        return [_all_of(_referred(schema["$ref"], top), top)]
    unknown = schema.keys() - _KEYWORDS.keys() - _ANNOTATIONS
    if unknown:
        raise UnknownKeywordError(", ".join(sorted(unknown)))
    makers = dict.fromkeys(maker for keyword, maker in _KEYWORDS.items() if keyword in schema)
    return [maker(schema, top) for maker in makers]


def _referred(reference: str, top: Mapping[str, Any]) -> Any:
    place: Any = top
    for step in reference.removeprefix("#/").split("/"):
        place = place[step]
    return place


def _type(schema: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
    """Of the exact types that a document is made of: so True is no integer, and 3.0 is left to jsonschema."""
    named = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    types = {_TYPES[name] for name in named if name != "number"} | ({int, float} if "number" in named else set())
    return lambda value: type(value) in types


def _properties(schema: Mapping[str, Any], top: Mapping[str, Any]) -> Check:
    known = {name: _all_of(one, top) for name, one in schema.get("properties", {}).items()}
    other = _all_of(schema.get("additionalProperties", True), top)

    def check(value: Any) -> bool:
        if type(value) is dict:
            for name, one in value.items():
                if not known.get(name, other)(one):
                    return False
        return True

    return check


def _required(schema: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
    names = schema["required"]
    return lambda value: type(value) is not dict or all(name in value for name in names)


def _enum(schema: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
    words = frozenset(schema["enum"])  # of text: 1 and True would be the same in a set
    return lambda value: type(value) is str and value in words


def _const(schema: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
    word = schema["const"]
    return lambda value: type(value) is str and value == word


def _pattern(schema: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
    """``$`` of Python's re also matches before a last line break; in JSON Schema (ECMA 262) it does not."""
    search = re.compile(schema["pattern"].removesuffix("$") + r"\Z", re.ASCII).search
    return lambda value: type(value) is not str or search(value) is not None


def _length(schema: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
    least, most = schema.get("minLength", 0), schema.get("maxLength", float("inf"))
    return lambda value: type(value) is not str or least <= len(value) <= most


def _count(schema: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
    least, most = schema.get("minItems", 0), schema.get("maxItems", float("inf"))
    return lambda value: type(value) is not list or least <= len(value) <= most


def _range(schema: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
    least, most = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    return lambda value: not isinstance(value, int | float) or least <= value <= most


def _properties_count(schema: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
    most = schema["maxProperties"]
    return lambda value: type(value) is not dict or len(value) <= most


def _items(schema: Mapping[str, Any], top: Mapping[str, Any]) -> Check:
    each = _all_of(schema["items"], top)
    return lambda value: type(value) is not list or all(map(each, value))


def _every(schema: Mapping[str, Any], top: Mapping[str, Any]) -> Check:
    checks = [_all_of(one, top) for one in schema["allOf"]]
    return lambda value: all(check(value) for check in checks)


def _if(schema: Mapping[str, Any], top: Mapping[str, Any]) -> Check:
    """An ``if`` must be evaluated exactly: False for a valid document would skip its ``then``."""
    _check_exact(schema["if"])
    condition, then = _all_of(schema["if"], top), _all_of(schema.get("then", True), top)
    return lambda value: not condition(value) or then(value)


def _check_exact(schema: Mapping[str, Any]) -> None:
    unknown = schema.keys() - _EXACT
    if unknown:
        raise UnknownKeywordError(f"{', '.join(sorted(unknown))} below if")
    for one in schema.get("properties", {}).values():
        _check_exact(one)


_EXACT: Final = frozenset({"const", "required", "properties"})
_KEYWORDS: Final[Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Check]]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minLength": _length,
    "maxLength": _length,
    "pattern": _pattern,
    "minimum": _range,
    "maximum": _range,
    "minItems": _count,
    "maxItems": _count,
    "maxProperties": _properties_count,
    "items": _items,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _properties,
    "allOf": _every,
    "if": _if,
    "then": _if,
}
