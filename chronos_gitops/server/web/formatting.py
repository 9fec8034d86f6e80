"""Times, lengths and bodies as people read them."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

_CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")
_MINUTE = timedelta(minutes=1)
_TEN_MINUTES = 10 * _MINUTE
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def length(span: timedelta) -> str:
    """The two largest units that matter: ``3 d 4 h``, ``5 min``, ``0.4 s``."""
    seconds = span.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    parts: list[str] = []
    rest = round(seconds)
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def relative(moment: datetime, now: datetime) -> str:
    """``in 5 min`` or ``3 h ago``."""
    if abs(moment - now) < timedelta(seconds=1):
        return "now"
    words = length(_rounded(abs(moment - now)))
    return f"in {words}" if moment > now else f"{words} ago"


def spaced(word: str) -> str:
    """``Validation failed`` of ``ValidationFailed``."""
    return _CAPITAL.sub(lambda found: f" {found[0].lower()}", word)


def indented_json(text: str) -> str:
    """A JSON object or list, indented; every other text as it is, and a document that would not say the same: one with
    a key twice, or a number that a float does not hold."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        found = json.loads(text, object_pairs_hook=_object, parse_float=_exact, parse_constant=_exact)
        return json.dumps(found, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _exact(text: str) -> float:
    if repr(value := float(text)) != text:
        raise ValueError("it would be written otherwise")
    return value


def _rounded(span: timedelta) -> timedelta:
    """From ten minutes on without seconds."""
    return span if span < _TEN_MINUTES else span // _MINUTE * _MINUTE
