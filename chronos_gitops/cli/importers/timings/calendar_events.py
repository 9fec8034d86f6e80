"""Calendar events of systemd.time(7), the values of OnCalendar=, as schedules."""

import re
from typing import Any, Final

from chronos_gitops.cli.importers.model import Unconvertible
from chronos_gitops.cli.importers.timings.fields import (
    DAYS,
    HOURS,
    MINUTES,
    MONTHS,
    SECONDS,
    YEARS,
    Fields,
    Numbers,
    Range,
)

_NAMES: Final = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
}
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_OF_WEEK: Final = re.compile(r"[A-Za-z][A-Za-z.,-]*\Z")
_DATE: Final = re.compile(r"(?:(?P<years>[^-~]+)-)?(?P<months>[^-~]+)(?P<mark>[-~])(?P<days>[^-~]+)\Z")
_TIME: Final = re.compile(r"(?P<hours>[^:]+):(?P<minutes>[^:]+)(?::(?P<seconds>[^:]+))?\Z")
_PART: Final = re.compile(r"(\d{1,4})(?:\.\.(\d{1,4}))?(?:/(\d{1,4}))?\Z")
_EPOCH: Final = 70
_ZERO: Final = frozenset({0})
_MOST_CHARACTERS: Final = 500


def read(text: str) -> dict[str, Any]:
    """``schedule``, and ``timezone``, ``start`` and ``end`` where it names them."""
    if len(text) > _MOST_CHARACTERS:
        raise Unconvertible("its calendar event is too long")
    words = text.split()
    zone = [words.pop()] if len(words) > 1 and _is_zone(words[-1]) else []
    if len(words) == 1:
        words = _NAMES.get(words[0].lower(), words[0]).split()
    fields: dict[str, Any] = {}
    if words and _OF_WEEK.match(words[0]):
        fields["weekdays"] = _weekdays(words.pop(0))
    if words and _TIME.match(words[-1]):
        fields |= _time(words.pop())
    if words:
        fields |= _date(words.pop(0))
    if words or not fields:
        raise Unconvertible(f'"{text[:60]}" is not a calendar event')
    midnight = {"hours": _ZERO, "minutes": _ZERO}
    found = Fields(**(midnight | fields if "minutes" not in fields else fields))
    return found.schedule() | ({"timezone": zone[0]} if zone else {})


def _is_zone(word: str) -> bool:
    return word == "UTC" or (word[:1].isalpha() and "/" in word)


def _weekdays(text: str) -> Numbers:
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, dots, last = part.replace("..", "-").partition("-")
        begin = _weekday(first)
        end = _weekday(last) if dots else begin
        if end < begin:
            raise Unconvertible(f'its range "{part[:20]}" goes around')
        found.update(range(begin, end + 1))
    # Weeks of systemd begin on Monday, those of cron on Sunday.
    return frozenset((day + 1) % len(_WEEKDAYS) for day in found)


def _weekday(text: str) -> int:
    name = text.lower()
    for number, known in enumerate(_WEEKDAYS):
        if name in (known, known[:3]):
            return number
    raise Unconvertible(f'"{text[:20]}" is not a day of the week')


def _date(text: str) -> dict[str, Any]:
    match = _DATE.match(text)
    if match is None:
        raise Unconvertible(f'"{text[:60]}" is not a date of a calendar event')
    years = None if match["years"] is None else _numbers(_long_years(match["years"]), YEARS)
    days: Numbers | str | None = _numbers(match["days"], DAYS) if match["mark"] == "-" else None
    if match["mark"] == "~":
        if match["days"].lstrip("0") != "1":
            raise Unconvertible("it counts days from the end of the month; a schedule knows the last day, L")
        days = "L"
    return {"years": years, "months": _numbers(match["months"], MONTHS), "days": days}


def _long_years(text: str) -> str:
    """Two digits are 1970 to 2069."""
    short = re.compile(r"(?<!\d)\d\d(?!\d)")
    return short.sub(lambda match: str(int(match[0]) + (1900 if int(match[0]) >= _EPOCH else 2000)), text)


def _time(text: str) -> dict[str, Any]:
    match = _TIME.match(text)
    assert match is not None
    if "." in (match["seconds"] or "").replace("..", ""):
        raise Unconvertible("it has fractions of a second")
    seconds = _numbers(match["seconds"], SECONDS) if match["seconds"] else frozenset({0})
    return {
        "hours": _numbers(match["hours"], HOURS),
        "minutes": _numbers(match["minutes"], MINUTES),
        "seconds": SECONDS.all() if seconds is None else seconds,
    }


def _numbers(text: str, field: Range) -> Numbers | None:
    """``*``, ``1,15``, ``1..5``, ``0/15``: from 0 in steps of 15. None is every number."""
    if text == "*":
        return None
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.match(part)
        if match is None:
            raise Unconvertible(f'"{text[:60]}" is not a field of a calendar event')
        first, last, step = match.groups()
        if step and int(step) == 0:
            raise Unconvertible("it has a step of 0")
        begin = int(first)
        end = int(last) if last else field.last if step else begin
        if begin < field.first or end > field.last or begin > end:
            raise Unconvertible(f'"{part[:20]}" is not from {field.first} to {field.last}')
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)
