"""Files of plain lines, ``key: value``, and texts below ``key: |``: read without the parser, as the parser reads them.

Most job files are such. It takes 19 µs where libyaml's events take 23, and what is made of them 36 more, for most lines
stand in many files. Whatever this reader is not sure of it leaves to the parser; it never says what is wrong.
"""

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from chronos_gitops.jobs.validation.yaml import scalars
from chronos_gitops.jobs.validation.yaml.positions import MAX_VALUES, Mark, Path

_MOST_CACHED_LINES: Final = 1_000
"""Of one file; a larger one would push the lines of all others out of the cache."""
_LONGEST_LINE: Final = 1_000
_DEEPEST: Final = 8
# Possessive throughout, so that no line takes long.
_LINE: Final = re.compile(
    r"( *+)"
    r"(?:([A-Za-z_][A-Za-z0-9_-]{0,99}+):"
    r"(?: ++(?:"
    r'"([^"\\]*+)"'
    r"|'([^']*+)'"
    # A plain scalar: nothing in front of it that could be an indicator, and no ": " or " #" in it.
    r"|([^ \-?:,\[\]{}#&*!|>'\"%@`][^:#]*+(?:(?::(?! |\Z)|(?<! )#)[^:#]*+)*+)"
    r"|(\|)"
    r"))?+)?+"
    r" *+(?:(?<![^ ])#.*+)?+\Z"
)
_BELOW: Final = 1
_TEXT: Final = 2

_Line = tuple[int, str, int, Any, int, int, int]
"""Indentation, key, column of the colon, value, its first and last column, where else the value is: 0 for nowhere."""
_NOTHING: Final[_Line] = (-1, "", 0, None, 0, 0, 0)


class Plain(NamedTuple):
    """The document, and where its keys and values stand; as ``events.Reader`` has them."""

    root: dict[str, Any]
    keys: dict[Path, Mark]
    values: dict[Path, Mark]


def read(lines: tuple[str, ...]) -> Plain | None:
    """None when a line is anything but a comment, ``key:`` or ``key: value``, or stands where it makes no sense."""
    parse = _cached_line if len(lines) <= _MOST_CACHED_LINES else _line
    into: dict[str, Any] = {}
    found = Plain(into, {}, {})
    _, keys, values = found
    above: list[tuple[int, dict[str, Any], Path]] = []
    path: Path = ()
    indent, opened, skip = 0, "", 0
    for number, text in enumerate(lines):
        if number < skip:
            continue
        line = parse(text)
        if line is None:
            return None
        here, key, colon, value, start, end, elsewhere = line
        if here < 0:
            continue
        if here > indent:
            if not opened or len(above) == _DEEPEST:
                return None
            above.append((indent, into, path))
            path = (*path, opened)
            into[opened] = into = {}
            values[path] = (number, here, number, here)
            indent = here
        while here < indent:
            indent, into, path = above.pop()
        if here != indent or key in into:
            return None
        last = number
        if elsewhere == _TEXT:
            below = _text(lines, number + 1, here)
            if below is None:
                return None
            value, skip = below
            last, end = skip, 0
        place = (*path, key)
        into[key] = value
        keys[place] = (number, here, number, colon)
        values[place] = (number, start, last, end)
        opened = key if elsewhere == _BELOW else ""
    return found if 0 < len(values) < MAX_VALUES else None


def _text(lines: tuple[str, ...], first: int, above: int) -> tuple[str, int] | None:
    """The lines of a literal block from ``first`` on, and the number of the one after it and after what is empty; None
    for a layout that is not the usual one."""
    if first == len(lines):
        return None
    width = _width(lines[first])
    margin, at, last = lines[first][:width], first, len(lines) - 1
    while at < last and (lines[at].startswith(margin) or not lines[at]):
        at += 1
    found = [line[width:] for line in lines[first:at]]
    after = lines[at]
    if not found or not found[0] or width <= above or any(map(_is_odd, found)):
        return None
    if _width(after) > above or _is_odd(after):
        return None
    return "\n".join(found).rstrip("\n") + "\n", at


def _width(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _is_odd(line: str) -> bool:
    return line.isspace() or "\t" in line


def _line(text: str) -> _Line | None:
    match = None if "\t" in text or len(text) > _LONGEST_LINE else _LINE.match(text)
    if match is None:
        return None
    spaces, key, double, single, plain, block = match.groups()
    if key is None:
        return _NOTHING
    if not scalars.is_text(key):
        return None
    indent = len(spaces)
    colon = indent + len(key)
    if plain is not None:
        plain = plain.rstrip(" ")
        start = match.start(5)
        try:
            return indent, key, colon, scalars.resolve(plain), start, start + len(plain), 0
        except scalars.NumberError:
            return None
    if block is not None:
        return indent, key, colon, None, match.start(6), 0, _TEXT
    quoted = single if double is None else double
    if quoted is None:
        return indent, key, colon, None, colon + 1, colon + 1, _BELOW
    start = match.start(4 if double is None else 3)
    return indent, key, colon, quoted, start - 1, start + len(quoted) + 1, 0


_cached_line = lru_cache(maxsize=2048)(_line)
