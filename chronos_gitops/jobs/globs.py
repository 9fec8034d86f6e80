"""Globs that match without backtracking, however many stars a hostile pattern has."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass

LONGEST: Final = 1_000
"""Characters of one pattern."""
LONGEST_TEXT: Final = 16_384
"""Characters of a text that is compared with patterns: a part with ``?`` takes time as text and part are long."""


def between_stars(parts: Sequence[str], letter: str) -> str:
    """Expressions with a star between each two neighbours: the first at the start, the last at the end, each other at
    its first chance, in an atomic group (as fnmatch of the standard library has it). ``letter`` is what a star
    stands for."""
    if len(parts) == 1:
        return parts[0] + r"\Z"
    first, *middle, last = parts
    return first + "".join(f"(?>{letter}*?{part})" for part in middle if part) + f"{letter}*{last}\\Z"


@dataclass(frozen=True, slots=True)
class _LiteralPart:
    """The text between two stars. ``expression`` is None where the part has no ``?``."""

    text: str
    expression: re.Pattern[str] | None

    def is_at(self, text: str, position: int) -> bool:
        if self.expression is None:
            return text.startswith(self.text, position)
        return self.expression.match(text, position) is not None

    def end_after(self, text: str, begin: int, end: int) -> int:
        """The end of its first occurrence between two positions; -1 where there is none."""
        if self.expression is None:
            found = text.find(self.text, begin, end)  # linear, where an expression compares the part at each position
            return found if found < 0 else found + len(self.text)
        match = self.expression.search(text, begin, end)
        return -1 if match is None else match.end()


def matches(glob: str, text: str) -> bool:
    """True if the whole text is what the glob says: ``*`` is any text, slashes too, ``?`` is one character.

    Text longer than LONGEST_TEXT matches no glob but ``*``.
    """
    if len(text) > LONGEST_TEXT:
        return bool(glob) and not glob.strip("*")
    first, *others = _parts(glob)
    if not others:
        return len(text) == len(first.text) and first.is_at(text, 0)
    *middle, last = others
    position, end = len(first.text), len(text) - len(last.text)
    if position > end or not first.is_at(text, 0) or not last.is_at(text, end):
        return False
    for part in middle:
        position = part.end_after(text, position, end)
        if position < 0:
            return False
    return True


@lru_cache(maxsize=4096)
def _parts(glob: str) -> tuple[_LiteralPart, ...]:
    """At least two where the glob has a star."""
    first, *others = glob.split("*")
    return tuple(map(_part, (first, *filter(None, others[:-1]), *others[-1:])))


def _part(text: str) -> _LiteralPart:
    if "?" not in text:
        return _LiteralPart(text, None)
    letters = ("." if letter == "?" else re.escape(letter) for letter in text)
    return _LiteralPart(text, re.compile("".join(letters), re.DOTALL))
