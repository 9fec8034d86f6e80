"""A job's document as YAML that a person would have written."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

_PLAIN: Final = re.compile(
    r"[A-Za-z][\w./@+-]*(?: [\w./@+(-][\w./@+()-]*)*\Z|https?://[\w./-]+\Z|(?:[0-9]+(?:ms|s|m|h))+\Z", re.ASCII
)
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_LONGEST: Final = 100


_COMMENT_COLUMN: Final = 48

Path = tuple[str, ...]
Comment = Callable[[Path], str]


def yaml_of(document: Mapping[str, Any], comment: Comment | None = None) -> str:
    """Text, numbers, booleans, maps and lists, in the order given. ``comment`` gives the one at the end of the line of
    each key; further lines of a text in block style cannot have one."""
    return "".join(f"{line}\n" for line in _lines(document, (), comment))


def _lines(document: Mapping[str, Any], above: Path, comment: Comment | None) -> Iterator[str]:
    margin = "  " * len(above)
    for key, value in document.items():
        path = (*above, key)
        head, block = _written(value, f"{margin}  ")
        line = f"{margin}{_scalar(key)}:{head and ' '}{head}"
        yield line if comment is None else f"{line:<{_COMMENT_COLUMN}}  # {comment(path)}"
        yield from block
        if isinstance(value, Mapping):
            yield from _lines(value, path, comment)


def _written(value: Any, margin: str) -> tuple[str, Sequence[str]]:
    """The value behind its key, and the lines of a text in block style."""
    if isinstance(value, Mapping) and value:
        return "", ()
    if isinstance(value, str) and _is_block(value):
        lines = value.removesuffix("\n").split("\n")
        return "|" if value.endswith("\n") else "|-", [f"{margin}{line}".rstrip() for line in lines]
    return _flow(value), ()


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_scalar(key)}: {_flow(one)}' for key, one in value.items())}}}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_flow, value))}]"
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
    """True if the text reads best as lines of its own, and nothing is lost by it."""
    lines = value.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and all(line.isprintable() and line == line.rstrip() for line in lines)
        and bool(lines[0])
        and not lines[0].startswith(" ")
        and bool(lines[-1])
    )
