"""Durations as people write them, to be mended: ``5 minutes``, ``2d``, ``1 week``."""

import re
from datetime import timedelta

from chronos_gitops.schedule import durations

_LONGEST_LOOSE = 60
_SHORT = r"ms|[Mm]illiseconds?|msecs?|s|[Ss]ecs?|[Ss]econds?|m|[Mm]ins?|[Mm]inutes?"
_UNIT = rf"(?:{_SHORT}|h|hrs?|[Hh]ours?|d|[Dd]ays?|w|[Ww]eeks?)"
_LOOSE_PART = rf"([0-9]{{1,6}})[ ]?({_UNIT})"
_LOOSE = rf"(?:[0-9]{{1,6}}[ ]?{_UNIT}(?:,?[ ](?:and[ ])?|\Z))+"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def loose_duration(text: str) -> str | None:
    """``5 minutes``, ``1 hour 30 min`` or ``2d`` as Go writes it; None when it is anything else."""
    is_loose = len(text) <= _LONGEST_LOOSE and re.fullmatch(_LOOSE, text, re.ASCII)
    parts = re.findall(_LOOSE_PART, text, re.ASCII) if is_loose else []
    total = sum((timedelta(**{_unit(unit.lower()): int(number)}) for number, unit in parts), timedelta())
    return durations.render(total) if parts and total <= durations.LONGEST else None


def days_hint(text: str, before: str = "") -> str | None:
    """A hint for a duration in days or weeks, which have no fixed length, and for what is written ``before`` it; None
    for other units."""
    mended = loose_duration(text)
    has_days = any(unit[0] in "dDwW" for _, unit in re.findall(_LOOSE_PART, text, re.ASCII))
    return f"write {before}{mended}; a day is not always 24 hours" if mended and has_days else None


def _unit(word: str) -> str:
    return "milliseconds" if word.startswith(("ms", "milli")) else _UNITS[word[0]]
