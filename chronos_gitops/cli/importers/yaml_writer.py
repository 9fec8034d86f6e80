"""A job's document as YAML that a person would have written."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_PLAIN: Final = re.compile(
    r"[A-Za-z][\w./@+-]*(?: [\w./@+(-][\w./@+()-]*)*\Z|https?://[\w./-]+\Z|(?:[0-9]+(?:ms|s|m|h))+\Z", re.ASCII
)
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_LONGEST: Final = 100


def yaml_of(document: Mapping[str, Any]) -> str:
    """Text, numbers, booleans, maps and lists of scalars, in the order given."""
    return "".join(f"{line}\n" for line in _lines(document, ""))


def _lines(document: Mapping[str, Any], margin: str) -> Iterator[str]:
    for key, value in document.items():
        name = f"{margin}{_scalar(key)}:"
        if isinstance(value, Mapping) and value:
            yield name
            yield from _lines(value, f"{margin}  ")
        elif isinstance(value, str) and _is_block(value):
            yield f"{name} |{'' if value.endswith(chr(10)) else '-'}"
            yield from (f"{margin}  {line}".rstrip() for line in value.removesuffix("\n").split("\n"))
        else:
            yield f"{name} {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_scalar, value))}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.match(value) and value.lower() not in _WORDS and len(value) <= _LONGEST:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return quoted if quoted.isprintable() else "".join(map(_escaped, quoted))


def _escaped(letter: str) -> str:
    """YAML has escapes of its own beyond the BMP, where JSON needs two."""
    if letter.isprintable():
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"


def _is_block(value: str) -> bool:
    """Whether the text reads best as lines of its own, and nothing is lost by it."""
    lines = value.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and all(line.isprintable() and line == line.rstrip() for line in lines)
        and bool(lines[0])
        and not lines[0].startswith(" ")
        and bool(lines[-1])
    )
