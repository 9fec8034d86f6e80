"""Which days of a month two day fields mean, for each of the 28 shapes a month can have."""

import calendar
from collections.abc import Iterator
from datetime import date

from chronos_gitops.process.lazy_dataclass import dataclass

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


DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_THURSDAY = 4  # 1970-01-01
_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LAST_YEAR = 9990
_MOST_MONTHS = 41 * 12
"""29 February comes back on the same weekday after 40 years at the latest: 28, or 40 over a year like 2100."""


@dataclass(frozen=True, slots=True)
class CronExpression:
    """Bit n of ``seconds``: second n of the minute; of ``minutes``: minute n of the day; of ``months``: month n.

    ``days`` holds a mask of days for each shape of a month. ``elapsed``: minute or hour starts with ``*``, so that the
    ticks follow elapsed time through changes of the clock (CONTRACT 2).
    """

    seconds: int
    minutes: int
    months: int
    days: tuple[int, ...]
    elapsed: bool
    both_day_fields: bool

    def fires(self) -> bool:
        """True if any day ever matches. Exact: in 40 years every month meets each of its lengths on each weekday."""
        return any(
            self.days[shape(first, length)]
            for month in range(1, 13)
            if self.months >> month & 1
            for length in {_length(2023, month), _length(2024, month)}
            for first in range(7)
        )

    def times_of_day(self) -> frozenset[int]:
        """The seconds of a day that match, on days that match."""
        return frozenset(minute * 60 + second for minute in _bits(self.minutes) for second in _bits(self.seconds))

    def first(self, wall: int) -> int | None:
        """The first matching second at or after ``wall``; None past the end of the calendar."""
        today, second = divmod(wall, DAY)
        day = self._day(today)
        if day is None:
            return None
        if day > today:
            return day * DAY + self._earliest()
        time = self._time(second)
        if time is not None:
            return day * DAY + time
        tomorrow = self._day(today + 1)
        return None if tomorrow is None else tomorrow * DAY + self._earliest()

    def walk(self, start: int, stop: int) -> Iterator[int]:
        """Every matching second in [start, stop), ascending."""
        day = self._day(start // DAY)
        while day is not None and day * DAY < stop:
            midnight = day * DAY
            for time in self._times(max(0, start - midnight), min(DAY, stop - midnight)):
                yield midnight + time
            day = self._day(day + 1)

    def count(self, start: int, stop: int) -> int:
        """Number of seconds in [start, stop) that match, counted by months."""
        if start >= stop:
            return 0
        (first, early), (last, late) = divmod(start, DAY), divmod(stop, DAY)
        whole = self._count_days(first, last) * self.minutes.bit_count() * self.seconds.bit_count()
        before = self._count_times(early) if self._day(first) == first else 0
        after = self._count_times(late) if self._day(last) == last else 0
        return whole - before + after

    def _day(self, day: int) -> int | None:
        """The first matching day at or after ``day``, in days since the epoch."""
        on = date.fromordinal(day + _EPOCH)
        year, month, begin = on.year, on.month, day - on.day + 1
        mask = self._mask(begin, year, month) >> on.day << on.day
        for _ in range(_MOST_MONTHS):
            if mask:
                return begin + _lowest(mask) - 1
            begin += _length(year, month)
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
            if year > _LAST_YEAR:
                return None
            mask = self._mask(begin, year, month)
        return None

    def _mask(self, begin: int, year: int, month: int) -> int:
        """The matching days of the month that begins on day ``begin`` since the epoch."""
        if not self.months >> month & 1:
            return 0
        return self.days[shape((begin + _THURSDAY) % 7, _length(year, month))]

    def _earliest(self) -> int:
        return _lowest(self.minutes) * 60 + _lowest(self.seconds)

    def _time(self, second: int) -> int | None:
        """The first matching second of the day at or after ``second``."""
        minute, rest = divmod(second, 60)
        minutes = self.minutes >> minute
        if minutes & 1 and self.seconds >> rest:
            return second + _lowest(self.seconds >> rest)
        minutes >>= 1
        if not minutes:
            return None
        return (minute + 1 + _lowest(minutes)) * 60 + _lowest(self.seconds)

    def _times(self, early: int, late: int) -> Iterator[int]:
        """Every matching second of the day in [early, late)."""
        seconds = tuple(_bits(self.seconds))
        minutes = self.minutes >> early // 60 << early // 60 & (1 << -(-late // 60)) - 1
        for minute in _bits(minutes):
            for second in seconds:
                if early <= minute * 60 + second < late:
                    yield minute * 60 + second

    def _count_times(self, late: int) -> int:
        """Number of seconds of the day in [0, late) that match."""
        minute, rest = divmod(late, 60)
        whole = (self.minutes & (1 << minute) - 1).bit_count() * self.seconds.bit_count()
        last = (self.seconds & (1 << rest) - 1).bit_count() if self.minutes >> minute & 1 else 0
        return whole + last

    def _count_days(self, first: int, last: int) -> int:
        """Number of days in [first, last) that match."""
        total = 0
        while first < last:
            on = date.fromordinal(first + _EPOCH)
            rest = min(last - first, _length(on.year, on.month) - on.day + 1)
            mask = self._mask(first - on.day + 1, on.year, on.month) >> on.day
            total += (mask & (1 << rest) - 1).bit_count()
            first += rest
        return total


def _length(year: int, month: int) -> int:
    return _LENGTHS[month] + (month == 2 and calendar.isleap(year))


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def _bits(mask: int) -> Iterator[int]:
    while mask:
        yield _lowest(mask)
        mask &= mask - 1
