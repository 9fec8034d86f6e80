"""Which days of a month two day fields mean, for each of the 28 shapes a month can have."""

from collections.abc import Iterator
from dataclasses import dataclass

SHORTEST, LONGEST = 28, 31
_WEEKS = sum(1 << 7 * week for week in range(6))


@dataclass(frozen=True, slots=True)
class DaysOfMonth:
    """``days``: bit n is day n. ``nearest`` are the n of ``nW``, ``last`` is ``L``, ``last_weekday`` is ``LW``."""

    restricted: bool
    days: int = 0
    nearest: tuple[int, ...] = ()
    last: bool = False
    last_weekday: bool = False

    def mask(self, first: int, length: int) -> int:
        found = self.days & _whole(length)
        for day in self.nearest:
            found |= 1 << _nearest_weekday(day, first, length) if day <= length else 0
        if self.last:
            found |= 1 << length
        if self.last_weekday:
            found |= 1 << _nearest_weekday(length, first, length)
        return found


@dataclass(frozen=True, slots=True)
class DaysOfWeek:
    """``days``: bit n is weekday n, Sunday 0. ``nth`` and ``last`` hold the weekdays of ``5#2`` and ``5L``."""

    restricted: bool
    days: int = 0
    nth: tuple[tuple[int, int], ...] = ()
    last: tuple[int, ...] = ()

    def mask(self, first: int, length: int) -> int:
        week = (self.days | self.days << 7) >> first & 0b1111111
        found = (week * _WEEKS) << 1 & _whole(length)
        for weekday, n in self.nth:
            found |= 1 << 1 + (weekday - first) % 7 + 7 * (n - 1) & _whole(length)
        for weekday in self.last:
            found |= 1 << length - (first + length - 1 - weekday) % 7
        return found


def shapes(days: DaysOfMonth, weekdays: DaysOfWeek) -> tuple[int, ...]:
    """The mask of days (bit n is day n) of every shape of a month, to be read at ``shape(first, length)``.

    Two restricted fields mean either day, otherwise both must hold (Vixie cron, crontab(5)).
    """
    both = days.restricted and weekdays.restricted
    pairs = ((days.mask(*shape), weekdays.mask(*shape)) for shape in _all_shapes())
    return tuple(day | weekday if both else day & weekday for day, weekday in pairs)


def shape(first: int, length: int) -> int:
    """The index of a month whose day 1 is weekday ``first`` (Sunday 0) and that has ``length`` days."""
    return first * 4 + length - SHORTEST


def _all_shapes() -> Iterator[tuple[int, int]]:
    return ((first, length) for first in range(7) for length in range(SHORTEST, LONGEST + 1))


def _whole(length: int) -> int:
    return (1 << length + 1) - 2


def _nearest_weekday(day: int, first: int, length: int) -> int:
    """Monday to Friday nearest to ``day``, never outside the month (Quartz's ``W``)."""
    weekday = (first + day - 1) % 7
    if weekday == 6:
        return day - 1 if day > 1 else day + 2
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day
