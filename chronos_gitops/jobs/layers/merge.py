"""The merge of the parts of a job, weakest first: RFC 7396, with rules of their own for headers, auth and variables.

A fold never merges two parts with each other first, for a ``null`` in one of them would be lost. It changes no part and
no result, so that the fold of a folder's defaults can be shared by all jobs below it.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Final

Path = tuple[str, ...]
Value = Mapping[str, Any]


class _Null(Enum):
    """``null`` as it is written; a key without a value stays None, which no field takes."""

    NULL = "null"


NULL: Final = _Null.NULL
AUTH_TYPE: Final = ("webhook", "auth", "type")
"""The one field whose null removes nothing: it is an error."""


def fold(parts: Iterable[Value], onto: Value | None = None) -> dict[str, Any]:
    """The parts merged from the weakest on; ``onto`` is what an earlier fold of weaker parts gave."""
    result = {} if onto is None else dict(onto)
    for part in parts:
        result = _merged(result, part, ())
    return result


def _merged(base: Value, part: Value, path: Path) -> dict[str, Any]:
    result = dict(base)
    for key, value in part.items():
        if value is NULL:
            result.pop(key, None)
        elif isinstance(value, dict):
            place = (*path, key)
            inherited = result.get(key)
            merge = _SPECIAL.get(place, _merged)
            result[key] = merge(inherited if isinstance(inherited, dict) else {}, value, place)
        else:
            result[key] = value
    return result


def _headers(base: Value, part: Value, _: Path) -> dict[str, Any]:
    """By name without regard to case; the nearer spelling is kept. Two spellings in one part are both kept."""
    nearer = {name.lower() for name in part}
    result = {name: value for name, value in base.items() if name.lower() not in nearer}
    return result | {name: value for name, value in part.items() if value is not NULL}


def _auth(base: Value, part: Value, path: Path) -> dict[str, Any]:
    """One that states its type replaces the inherited one whole; ``type: null`` is left for validation to refuse."""
    if part.get("type") is NULL:
        return _merged({}, {**part, "type": None}, path)
    return _merged({} if "type" in part else base, part, path)


def _by_name(base: Value, part: Value, _: Path) -> dict[str, Any]:
    """Each value is one value: a map replaces, it is never merged."""
    result = dict(base)
    for name, value in part.items():
        if value is NULL:
            result.pop(name, None)
        else:
            result[name] = _without_null(value)
    return result


def _without_null(value: Any) -> Any:
    """A null inside one value removes nothing: it is a value that no field takes."""
    if isinstance(value, dict):
        return {key: _without_null(one) for key, one in value.items()}
    return None if value is NULL else value


_SPECIAL: Final[Mapping[Path, Callable[[Value, Value, Path], dict[str, Any]]]] = {
    ("webhook", "headers"): _headers,
    ("webhook", "auth"): _auth,
    ("variables",): _by_name,
}
