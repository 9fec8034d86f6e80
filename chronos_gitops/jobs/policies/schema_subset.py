"""The part of JSON Schema draft-07 that a policy may use: nothing in it can hang a runner, and a typo is an error.

Left out are ``$ref``, ``format``, ``patternProperties``, ``dependencies`` and ``pattern``: a regular expression out of
a pull request can take for ever.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.process.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from jsonschema import Draft7Validator

Path = tuple[str | int, ...]
REFUSED: Final = ("$ref", "format", "patternProperties", "dependencies", "pattern")
MOST_VALUES: Final = 2_000
"""In one schema."""
_NEVER: Final[Mapping[str, Any]] = {"not": {}}
_PASSED_ON: Final = frozenset(
    ("properties", "items", "allOf", "then", "else", "additionalProperties", "additionalItems")
)
"""Keywords whose schemas report their own errors, with the path of the value."""
_TYPES: Final = ("string", "number", "integer", "boolean", "object", "array", "null")


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """``path`` leads to the keyword in the schema."""

    path: Path
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SchemaError:
    """A value of the document that a keyword refuses; ``bound`` is what the schema says there. ``keyword`` is "" for
    the schema ``false``, which refuses every value."""

    path: Path
    keyword: str
    bound: str


def validator(schema: Any) -> "Draft7Validator":
    """For a schema without faults; made once for all jobs."""
    from jsonschema import Draft7Validator  # 40 ms that few trees need

    return Draft7Validator(_with_paths(schema))


def _with_paths(schema: Any) -> Any:
    """With ``{not: {}}`` for the ``false`` of a property or an item: jsonschema leaves out the path of what ``false``
    refuses."""
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    for keyword in _PASSED_ON & schema.keys():
        value = schema[keyword]
        if keyword == "properties":
            made[keyword] = {name: _never(one) for name, one in value.items()}
        elif isinstance(value, list):
            made[keyword] = [_never(one) for one in value]
        else:
            made[keyword] = _never(value) if keyword == "items" else _with_paths(value)
    return made


def _never(schema: Any) -> Any:
    return _NEVER if schema is False else _with_paths(schema)


def errors(judge: "Draft7Validator", document: Mapping[str, Any]) -> Iterator[SchemaError]:
    """In the order of the schema."""
    for error in judge.iter_errors(document):
        path = tuple(error.absolute_path)
        if error.validator is None or error.schema is _NEVER:
            yield SchemaError(path, "", "false")
        else:
            yield SchemaError(path, error.validator, json.dumps(error.validator_value))


def size(schema: Any) -> int:
    """The number of values in it, which its cost for each job grows with."""
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    return 1 + sum(map(size, inner))


def faults(schema: Any, path: Path) -> Iterator[SchemaFault]:
    """Parts of the schema that are outside the supported subset, or have a value of the wrong type."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield SchemaFault(path, "a schema is a map, true or false")
        return
    for keyword, value in schema.items():
        here = (*path, keyword)
        if keyword in REFUSED:
            yield SchemaFault(here, f"{keyword} cannot stand in a policy", _instead(keyword))
        elif keyword not in _KEYWORDS:
            hint = did_you_mean(keyword, _KEYWORDS) or "see JSON Schema draft-07"
            yield SchemaFault(here, f'there is no keyword "{short(keyword)}"', hint)
        else:
            yield from _KEYWORDS[keyword](value, here)


def _instead(keyword: str) -> str:
    return "write a rule with match, whose globs take linear time" if keyword.startswith("pattern") else "write it out"


Faults = Callable[[Any, Path], Iterator[SchemaFault]]


def _must(holds: Callable[[Any], bool], wanted: str) -> Faults:
    def check(value: Any, path: Path) -> Iterator[SchemaFault]:
        if not holds(value):
            yield SchemaFault(path, f"{path[-1]} must be {wanted}")

    return check


def _each(value: Any, path: Path) -> Iterator[SchemaFault]:
    if not isinstance(value, list) or not value:
        yield SchemaFault(path, f"{path[-1]} must be a list of schemas")
        return
    for number, one in enumerate(value):
        yield from faults(one, (*path, number))


def _named(value: Any, path: Path) -> Iterator[SchemaFault]:
    if not isinstance(value, dict):
        yield SchemaFault(path, f"{path[-1]} must be a map of schemas")
        return
    for name, one in value.items():
        yield from faults(one, (*path, name))


def _one_or_each(value: Any, path: Path) -> Iterator[SchemaFault]:
    return _each(value, path) if isinstance(value, list) else faults(value, path)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_type(value: Any) -> bool:
    named = value if isinstance(value, list) else [value]
    return bool(named) and all(isinstance(one, str) and one in _TYPES for one in named)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _nothing(_: Any, __: Path) -> Iterator[SchemaFault]:
    return iter(())


_NUMBER: Final = _must(_is_number, "a number")
_COUNT: Final = _must(_is_count, "a whole number, 0 or more")
_KEYWORDS: Final[Mapping[str, Faults]] = {
    "type": _must(_is_type, f"one of {', '.join(_TYPES)}, or a list of them"),
    "enum": _must(lambda value: isinstance(value, list), "a list"),
    "const": _nothing,
    "multipleOf": _must(lambda value: _is_number(value) and value > 0, "a number above 0"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _NUMBER),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _COUNT),
    "required": _must(_is_list_of_texts, "a list of names"),
    "uniqueItems": _must(lambda value: isinstance(value, bool), "true or false"),
    "items": _one_or_each,
    **dict.fromkeys(
        ("additionalItems", "contains", "additionalProperties", "propertyNames", "if", "then", "else", "not"), faults
    ),
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), _each),
    "properties": _named,
    **dict.fromkeys(("$schema", "$comment", "title", "description", "default", "examples"), _nothing),
}
