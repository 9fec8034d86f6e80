"""Plain YAML scalars by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema), read strictly.

``on``, ``no``, ``12:30``, ``1_000`` and dates are text there. So is ``0755`` here: what a person writes with a leading
zero is never meant as 755.
"""

import math
import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {"": None, "~": None}
_WORDS |= dict.fromkeys(("null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True)
_WORDS |= dict.fromkeys(("false", "False", "FALSE"), False)
_NUMBER_START = frozenset("0123456789+-.")
_DECIMAL = r"(?:0|[1-9][0-9]*)"
_INT = re.compile(rf"[-+]?{_DECIMAL}\Z")
_BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(rf"[-+]?(?:\.[0-9]+|{_DECIMAL}(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_ENDLESS = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_LONGEST_NUMBER = 18


class NumberError(ValueError):
    """A number no job field can hold: not finite, of more than 18 digits, or one that would be rounded; ``str()``
    completes "this number"."""

    def __init__(self, message: str, *, hint: str = "quote it if it is meant as text") -> None:
        super().__init__(message)
        self.hint = hint


def resolve(text: str) -> Scalar:
    """The value of a plain scalar; NumberError for what no field can hold."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    if _INT.match(text):
        return int(_short(text))
    if _BASED.match(text):
        return int(_short(text), 0)
    if _FLOAT.match(text):
        return _finite(text)
    if _ENDLESS.match(text):
        raise NumberError("is not finite")
    return text


@lru_cache(maxsize=1024)
def is_text(key: str) -> bool:
    """True if a plain key is text, and not a number, a word like true, or the sign of a merge."""
    try:
        return key != "<<" and isinstance(resolve(key), str)
    except NumberError:
        return False


def _short(text: str) -> str:
    if len(text) > _LONGEST_NUMBER:
        raise NumberError(f"has more than {_LONGEST_NUMBER} digits")
    return text


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NumberError("is too large")
    if not _is_exact(text, value):
        raise NumberError(
            "has more digits than can be kept", hint="write at most 15 digits, or quote it if it is meant as text"
        )
    return value


def _is_exact(text: str, value: float) -> bool:
    """False of a number that a body rule would compare as another one than the file says."""
    try:
        return Decimal(repr(value)) == Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds
        return False
