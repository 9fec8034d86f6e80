"""The JSON object of a write call, checked against its declared shape; its content type is of no importance."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from flask import Flask, g, request
from werkzeug.exceptions import HTTPException

from chronos_gitops.jobs.validation.suggestions import closest
from chronos_gitops.server.api import endpoint
from chronos_gitops.server.api.auth import origin
from chronos_gitops.server.api.endpoint import JsonBody, RawBody
from chronos_gitops.server.api.openapi.request_limits import HIGHEST, MOST_ENTRIES, is_blank, is_clean
from chronos_gitops.server.api.openapi.schemas import components
from chronos_gitops.server.api.openapi.shapes import Schema
from chronos_gitops.server.api.params import form_fields, form_origin
from chronos_gitops.server.api.problems import ApiError

_TYPES: dict[str, tuple[type, str]] = {
    "string": (str, "a string"),
    "boolean": (bool, "true or false"),
    "integer": (int, "a whole number"),
    "array": (list, "a list of strings"),
    "object": (dict, "an object"),
}
_NOTHING: Schema = {"properties": {}}


class InvalidBody(ApiError):
    kind = "invalid-body"


def install(app: Flask) -> None:
    app.before_request(_check)


def fields() -> dict[str, Any]:
    """The body's fields as declared; no body at all is an empty object, and nulls count as absent."""
    return cast("dict[str, Any]", g.fields)


def _check() -> None:
    declared = endpoint.current()
    if declared is None or request.method in origin.SAFE_METHODS or isinstance(declared.body, RawBody):
        return
    shape = _NOTHING if declared.body is None else components()[declared.body.shape]
    pairs, free = form_origin.pairs(), declared.body or JsonBody("")
    g.fields = _checked(_object() if pairs is None else form_fields.typed(_without_own(pairs), shape), shape, free)


def _checked(given: dict[str, Any], shape: Schema, declared: JsonBody, within: str = "") -> dict[str, Any]:
    """``within`` is the place of an object in the body, ``select.``."""
    known: Schema = shape["properties"]
    found = {name: value for name, value in given.items() if value is not None or name not in known}
    for name, value in found.items():
        if name not in known:
            raise _unknown(within + name, [within + one for one in known])
        found[name] = _value(within + name, value, known[name], declared)
    for name in shape.get("required", ()):
        if name not in found:
            raise InvalidBody(f'"{within}{name}" is missing.', hint=f"The fields are: {', '.join(known)}.")
    return found


def _value(name: str, value: Any, schema: Schema, declared: JsonBody) -> Any:
    kinds = schema.get("oneOf", [schema])
    schema = next((kind for kind in kinds if _is_of(value, kind)), {})
    if not schema:
        raise InvalidBody(f'"{name}" is {" or ".join(_TYPES[kind["type"]][1] for kind in kinds)}.')
    if isinstance(value, str) and name not in declared.free:
        _check_text(name, value, declared.longest)
    if value not in schema.get("enum", (value,)):
        raise InvalidBody(f'"{name}" is one of {", ".join(schema["enum"])}.', hint=schema.get("description", ""))
    if is_blank(value, schema):
        raise InvalidBody(f'"{name}" is empty.', hint=f"{schema['description']}.")
    if schema["type"] == "integer" and not schema.get("minimum", 0) <= value <= HIGHEST:
        raise InvalidBody(f'"{name}" is a whole number from {schema.get("minimum", 0)} to {HIGHEST}.')
    if not value and (schema.get("minItems") or schema.get("minProperties")):
        raise InvalidBody(f'"{name}" is empty.')
    if isinstance(value, list):
        return [_value(name, one, schema["items"], declared) for one in value]
    return _members(name, value, schema, declared) if isinstance(value, dict) else value


def _is_of(value: Any, kind: Schema) -> bool:
    """A list has texts only; ``true`` is no number."""
    if not isinstance(value, _TYPES[kind["type"]][0]) or (kind["type"] == "integer" and isinstance(value, bool)):
        return False
    most = kind.get("maxItems", MOST_ENTRIES)
    return not isinstance(value, list) or (len(value) <= most and all(isinstance(one, str) for one in value))


def _members(name: str, value: dict[str, Any], schema: Schema, declared: JsonBody) -> dict[str, Any]:
    if "properties" in schema:
        return _checked(value, schema, declared, f"{name}.")
    for key in value:
        _check_text(name, key, declared.longest)
    return {key: _value(f"{name}.{key}", one, schema["additionalProperties"], declared) for key, one in value.items()}


def _check_text(name: str, value: str, longest: int) -> None:
    if len(value) > longest:
        raise InvalidBody(f'"{name}" is longer than {longest} characters.')
    if not is_clean(value):
        raise InvalidBody(f'"{name}" has control characters in it.')


def given() -> dict[str, Any]:
    """The same fields without any check, for who writes down what was asked; {} for what cannot be read."""
    try:
        return _object()
    except (InvalidBody, HTTPException):
        return {}


def _object() -> dict[str, Any]:
    content = request.get_data()
    if not content.strip():
        return {}
    filled_in = form_origin.pairs()
    if filled_in is not None:
        return _without_own(filled_in)
    try:
        value = json.loads(content, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise InvalidBody(f"The body is not JSON: {str(error)[:200]}.") from None
    if not isinstance(value, dict):
        raise InvalidBody("The body is not a JSON object.")
    return value


def _without_own(pairs: Mapping[str, str]) -> dict[str, Any]:
    return {name: value for name, value in pairs.items() if not name.startswith("_")}


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field is given twice")
    return found


def _unknown(name: str, known: list[str]) -> InvalidBody:
    meant = closest(name, known)
    suffix = f'; did you mean "{meant}"?' if meant else "."
    takes = f"The fields are: {', '.join(known)}." if known else "This call takes no fields."
    return InvalidBody(f'There is no field "{name[:80]}"{suffix}', hint=takes)
