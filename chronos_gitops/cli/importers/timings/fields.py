"""Sets of numbers as the fields of a schedule, where a day has to be in both sets of days."""

from collections.abc import Iterator
from typing import Any, Final

from chronos_gitops.cli.importers.model import Unconvertible
from chronos_gitops.process.lazy_dataclass import dataclass

Numbers = frozenset[int]
_LEAST_STEPS: Final = 3
_WEEK: Final = 7
_LAST_DAY: Final = 31
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2199


@dataclass(frozen=True, slots=True)
class Range:
    """All numbers of one field."""

    first: int
    last: int

    def all(self) -> Numbers:
        return frozenset(range(self.first, self.last + 1))


SECONDS: Final = Range(0, 59)
MINUTES: Final = Range(0, 59)
HOURS: Final = Range(0, 23)
DAYS: Final = Range(1, _LAST_DAY)
MONTHS: Final = Range(1, 12)
WEEKDAYS: Final = Range(0, 6)
YEARS: Final = Range(_FIRST_YEAR, _LAST_YEAR)


@dataclass(frozen=True, slots=True)
class Fields:
    """None is every number; weekdays begin with Sunday as 0. ``days`` may be text of cron such as ``LW``."""

    minutes: Numbers | None = None
    hours: Numbers | None = None
    days: Numbers | str | None = None
    months: Numbers | None = None
    weekdays: Numbers | str | None = None
    years: Numbers | None = None
    seconds: Numbers = frozenset({0})

    def schedule(self) -> dict[str, Any]:
        """``schedule`` and, for years, ``start`` and ``end``. Unconvertible where no schedule says the same."""
        days, weekdays = self._days()
        texts = [text(self.minutes, MINUTES), text(self.hours, HOURS), days, text(self.months, MONTHS), weekdays]
        if self.seconds != {0}:
            texts.insert(0, text(self.seconds, SECONDS))
        return {"schedule": " ".join(texts)} | self._years()

    def _days(self) -> tuple[str, str]:
        """In cron a day that matches either field counts, so both are written only as the nth weekdays of a month."""
        days = self.days if isinstance(self.days, str) else text(self.days, DAYS)
        weekdays = self.weekdays if isinstance(self.weekdays, str) else text(self.weekdays, WEEKDAYS)
        if days == "*" or weekdays == "*":
            return days, weekdays
        weeks = _weeks(self.days) if isinstance(self.days, frozenset) else ()
        if not weeks or not isinstance(self.weekdays, frozenset):
            raise Unconvertible("its days have to match both day fields, and in a schedule either one is enough")
        return "*", ",".join(f"{day}#{week}" for week in weeks for day in sorted(self.weekdays))

    def _years(self) -> dict[str, Any]:
        if self.years is None:
            return {}
        first, last = min(self.years), max(self.years)
        if len(self.years) != last - first + 1:
            raise Unconvertible("its years have gaps")
        start = {} if first == _FIRST_YEAR else {"start": f"{first:04}-01-01"}
        return start | ({} if last == _LAST_YEAR else {"end": f"{last:04}-12-31"})


def text(numbers: Numbers | None, field: Range) -> str:
    """``*``, ``*/5``, ``1-5`` or ``1,15``."""
    if numbers is None or numbers == field.all():
        return "*"
    ordered = sorted(numbers)
    if not ordered or ordered[0] < field.first or ordered[-1] > field.last:
        raise Unconvertible(f"it has a number that is not from {field.first} to {field.last}")
    step = ordered[1] - ordered[0] if len(ordered) > 1 else 0
    if len(ordered) >= _LEAST_STEPS and step > 1 and ordered == list(range(field.first, field.last + 1, step)):
        return f"*/{step}"
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in _runs(ordered))


def _runs(ordered: list[int]) -> Iterator[tuple[int, int]]:
    first = last = ordered[0]
    for number in ordered[1:]:
        if number != last + 1:
            yield first, last
            first = number
        last = number
    yield first, last


def _weeks(days: Numbers) -> tuple[int, ...]:
    """The weeks of a month that these days are, whole ones from its 1st, 8th, 15th, 22nd and 29th; () for others."""
    weeks = {(day - 1) // _WEEK + 1 for day in days}
    whole = {day for week in weeks for day in range((week - 1) * _WEEK + 1, min(week * _WEEK, _LAST_DAY) + 1)}
    return tuple(sorted(weeks)) if whole == days else ()
