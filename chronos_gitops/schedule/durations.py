"""Durations as Go writes them (``300ms``, ``30s``, ``1h30m``), see https://pkg.go.dev/time#ParseDuration."""

import re
from datetime import timedelta
from functools import lru_cache

_UNITS_US = {"ns": 0.001, "us": 1.0, "µs": 1.0, "μs": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6}
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,9})?"
_PART = re.compile(rf"({_NUMBER})(ns|us|[µμ]s|ms|s|m|h)", re.ASCII)
PATTERN = rf"^(?:{_NUMBER}(?:ns|us|[µμ]s|ms|s|m|h))+$"
_WHOLE = re.compile(PATTERN[:-1] + r"\Z", re.ASCII)
LONGEST = timedelta(days=3660)


class DurationError(ValueError):
    """The text is not a duration; ``str()`` says why and what one looks like."""


@lru_cache(maxsize=1024)
def parse(text: str) -> timedelta:
    """``"1h30m"`` to a timedelta, at microsecond precision, between zero and ten years."""
    if not _WHOLE.match(text):
        raise DurationError(f'"{text[:40]}" is not a duration; write one like 300ms, 30s, 5m or 1h30m')
    microseconds = sum(float(number) * _UNITS_US[unit] for number, unit in _PART.findall(text))
    if microseconds > LONGEST / timedelta(microseconds=1):
        raise DurationError(f'"{text[:40]}" is longer than ten years')
    return timedelta(microseconds=round(microseconds))


@lru_cache(maxsize=1024)
def render(duration: timedelta) -> str:
    """The shortest Go text: ``timedelta(minutes=90)`` to ``"1h30m"``, zero to ``"0s"``."""
    microseconds = duration // timedelta(microseconds=1)
    if microseconds < 1_000_000:
        return "0s" if microseconds == 0 else _decimal(microseconds, "ms", 1_000)
    minutes, rest = divmod(microseconds, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    parts = [
        f"{hours}h" if hours else "",
        f"{minutes}m" if minutes else "",
        _decimal(rest, "s", 1_000_000) if rest else "",
    ]
    return "".join(parts)


def _decimal(value: int, unit: str, scale: int) -> str:
    whole, rest = divmod(value, scale)
    if not rest:
        return f"{whole}{unit}"
    fraction = str(rest).rjust(len(str(scale)) - 1, "0").rstrip("0")
    return f"{whole}.{fraction}{unit}"
