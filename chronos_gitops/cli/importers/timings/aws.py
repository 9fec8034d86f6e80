"""Schedule expressions of EventBridge as schedules: rate(), cron() and at()."""

import re
from typing import Any, Final

from chronos_gitops.cli.importers.model import Unconvertible
from chronos_gitops.cli.importers.timings.fields import DAYS, HOURS, MINUTES, MONTHS, YEARS, Fields, Numbers, Range
from chronos_gitops.schedule.cron.foreign import aws_rate

_FORM: Final = re.compile(r"\s*(rate|cron|at)\((.*)\)\s*\Z", re.DOTALL)
_AT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\Z")
_PART: Final = re.compile(r"(?:(\*)|([0-9A-Z]+)(?:-([0-9A-Z]+))?)(?:/(\d{1,4}))?\Z")
_OF_WEEK: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_OF_YEAR: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_AWS_WEEK: Final = Range(1, 7)
_AMOUNT: Final = 6


def read(text: str) -> dict[str, Any]:
    """``schedule``, and ``start`` and ``end`` where years are named."""
    match = _FORM.match(text)
    if match is None:
        raise Unconvertible(f'"{text[:60]}" is not rate(), cron() or at()')
    kind, inside = match[1], match[2].strip()
    if kind == "rate":
        return {"schedule": _rate(inside)}
    if kind == "at":
        if not _AT.match(inside):
            raise Unconvertible(f'"{inside[:40]}" is not a date and a time')
        return {"schedule": f"@at {inside.removesuffix(':00') if inside.count(':') > 1 else inside}"}
    return _cron(inside.upper().split())


def _rate(text: str) -> str:
    found = aws_rate(text)
    if found is None:
        raise Unconvertible(f'"{text[:40]}" is not a number of minutes, hours or days')
    return found


def _cron(fields: list[str]) -> dict[str, Any]:
    if len(fields) != _AMOUNT:
        raise Unconvertible("its cron() has not six fields")
    minutes, hours, days, months, weekdays, years = fields
    return Fields(
        _numbers(minutes, MINUTES),
        _numbers(hours, HOURS),
        _days(days),
        _numbers(months, MONTHS, _OF_YEAR),
        _weekdays(weekdays),
        _numbers(years, YEARS),
    ).schedule()


def _days(text: str) -> Numbers | str | None:
    if text == "?":
        return None
    return text if re.fullmatch(r"L|LW|\d{1,2}W", text) else _numbers(text, DAYS)


def _weekdays(text: str) -> Numbers | str | None:
    """Sunday is 1 there and 0 here."""
    if text in ("?", "L"):
        return None if text == "?" else frozenset({6})
    special = re.fullmatch(r"(\d|[A-Z]{3})(?:L|#([1-5]))", text)
    if special:
        day = _number(special[1], _AWS_WEEK, _OF_WEEK) - 1
        return f"{day}#{special[2]}" if special[2] else f"{day}L"
    found = _numbers(text, _AWS_WEEK, _OF_WEEK)
    return None if found is None else frozenset(day - 1 for day in found)


def _numbers(text: str, field: Range, names: tuple[str, ...] = ()) -> Numbers | None:
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.match(part)
        if match is None:
            raise Unconvertible(f'"{text[:40]}" is not a field of cron() that is known here')
        star, first, last, step = match.groups()
        if star and not step:
            return None
        if step and int(step) == 0:
            raise Unconvertible("it has a step of 0")
        begin = field.first if star else _number(first, field, names)
        end = _number(last, field, names) if last else field.last if step else begin
        if begin > end:
            raise Unconvertible(f'its range "{part[:20]}" goes around')
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, field: Range, names: tuple[str, ...]) -> int:
    number = names.index(text) + field.first if text in names else int(text) if text.isdigit() else -1
    if not field.first <= number <= field.last:
        raise Unconvertible(f'"{text[:20]}" is not from {field.first} to {field.last}')
    return number
