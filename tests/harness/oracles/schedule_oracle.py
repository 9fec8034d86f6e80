"""The right answers, computed in another way: by looking at the clock of the zone, one minute after another.

Shares no code and no cron library with the product. ``zoneinfo`` is only ever asked "what does the wall clock show at
this instant" (UTC to local), never the other way round. Wall-clock times are minutes since 1970-01-01T00:00.

The rule (CONTRACT 2): a time that a forward change skips fires once, at the first valid instant after the gap; a time
that occurs twice fires once, the first time; schedules whose minute or hour starts with ``*`` fire at every real
minute that matches, and at no other.
"""

import calendar
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

MINUTE, HOUR, DAY = 60, 3600, 86_400
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


def number(word: str) -> int:
    return _MONTHS.index(word) + 1 if word in _MONTHS else _DAYS.index(word) if word in _DAYS else int(word)


def matches(field: str, value: int, low: int, high: int) -> bool:
    """True if a plain field (numbers, names, ranges, steps, lists) contains the value."""
    for item in field.split(","):
        body, _, step = item.partition("/")
        first, _, last = body.partition("-")
        start, end = (low, high) if body in ("*", "?") else (number(first), number(last or first))
        if step and not last and body != "*":
            end = high
        if start <= value <= end and (value - start) % int(step or 1) == 0:
            return True
    return False


def matches_day(field: str, on: date) -> bool:
    """The day-of-month field: L, LW and nW beside plain items."""
    length = calendar.monthrange(on.year, on.month)[1]
    for item in field.split(","):
        if item == "L":
            found = on.day == length
        elif item == "LW":
            found = on == max(day for day in days_of(on) if day.isoweekday() < 6)
        elif item.endswith("W"):
            wanted = int(item[:-1])
            working = [day for day in days_of(on) if day.isoweekday() < 6]
            found = wanted <= length and on == min(working, key=lambda day: abs(day.day - wanted))
        else:
            found = matches(item, on.day, 1, 31)
        if found:
            return True
    return False


def matches_weekday(field: str, on: date) -> bool:
    """The day-of-week field: MON#2 and 5L beside plain items; Sunday is 0 and 7."""
    weekday = on.isoweekday() % 7
    same = [day for day in days_of(on) if day.isoweekday() == on.isoweekday()]
    for item in field.split(","):
        if "#" in item:
            found = number(item.split("#")[0]) % 7 == weekday and same.index(on) + 1 == int(item.split("#")[1])
        elif item.endswith("L"):
            found = number(item[:-1]) % 7 == weekday and same[-1] == on
        else:
            found = matches(item, weekday, 0, 6) or (weekday == 0 and matches(item, 7, 0, 6))
        if found:
            return True
    return False


def days_of(on: date) -> list[date]:
    return [on.replace(day=day) for day in range(1, calendar.monthrange(on.year, on.month)[1] + 1)]


class Expression:
    """Five or six fields in capitals, without macros and H."""

    def __init__(self, text: str) -> None:
        self.text = text
        *second, self.minute, self.hour, self.day, self.month, self.weekday = text.split()
        self.seconds = [at for at in range(60) if matches(second[0] if second else "0", at, 0, 59)]
        hours = [at for at in range(24) if matches(self.hour, at, 0, 23)]
        minutes = [at for at in range(60) if matches(self.minute, at, 0, 59)]
        self.times = [hour * 60 + minute for hour in hours for minute in minutes]
        self.time_set = frozenset(self.times)
        self.follows_elapsed_time = self.minute[0] == "*" or self.hour[0] == "*"
        self.on = lru_cache(maxsize=None)(self._on)

    def _on(self, day: int) -> bool:
        """True if the day (since 1970-01-01) matches: either field when both are restricted, else both."""
        on = date(1970, 1, 1) + timedelta(days=day)
        if not matches(self.month, on.month, 1, 12):
            return False
        by_month, by_week = matches_day(self.day, on), matches_weekday(self.weekday, on)
        either = self.day[0] not in "*?" and self.weekday[0] not in "*?"
        return by_month or by_week if either else by_month and by_week

    def at(self, wall: int) -> bool:
        return wall % 1440 in self.time_set and self.on(wall // 1440)

    def walls(self, start: int, stop: int) -> Iterator[int]:
        """Every matching wall-clock minute in [start, stop)."""
        for day in range(start // 1440, -(-stop // 1440)):
            if self.on(day):
                yield from (day * 1440 + time for time in self.times if start <= day * 1440 + time < stop)


def wall_clock(zone: ZoneInfo, instant: int) -> tuple[int, int]:
    """(wall-clock minute, fold) that the zone shows at an instant, in seconds since the epoch."""
    shown = datetime.fromtimestamp(instant, zone)
    return shown.toordinal() * 1440 - date(1970, 1, 1).toordinal() * 1440 + shown.hour * 60 + shown.minute, shown.fold


def by_minutes(expressions: Sequence[Expression], zone: ZoneInfo, start: int, stop: int) -> list[list[int]]:
    """The ticks of each expression in [start, stop), both whole minutes, by looking at every minute in between."""
    ticks: list[list[int]] = [[] for _ in expressions]
    before, _ = wall_clock(zone, start - MINUTE)
    for instant in range(start, stop, MINUTE):
        wall, fold = wall_clock(zone, instant)
        for expression, found in zip(expressions, ticks, strict=True):
            jumped = before + 1 < wall and not expression.follows_elapsed_time
            moved = jumped and any(expression.at(skipped) for skipped in range(before + 1, wall))
            if moved:
                found.append(instant)
            if expression.at(wall) and (expression.follows_elapsed_time or not fold):
                seconds = expression.seconds[1:] if moved and expression.seconds[0] == 0 else expression.seconds
                found.extend(instant + second for second in seconds)
        before = wall
    return ticks


class Clock:
    """A zone's clock over [start, stop), looked at every ``step`` seconds, and every minute where that shows a jump."""

    def __init__(self, zone: ZoneInfo, start: int, stop: int, step: int = HOUR) -> None:
        self.stretches: list[tuple[int, int, int]] = []  # (first instant, end, seconds ahead of UTC)
        begin, ahead = start, self._ahead(zone, start)
        for at in range(start, stop, step):
            if self._ahead(zone, at + step) == ahead:
                continue
            jump = next(minute for minute in range(at, at + step + 1, MINUTE) if self._ahead(zone, minute) != ahead)
            if jump < stop:
                self.stretches.append((begin, jump, ahead))
                begin, ahead = jump, self._ahead(zone, jump)
        self.stretches.append((begin, stop, ahead))

    @staticmethod
    def _ahead(zone: ZoneInfo, instant: int) -> int:
        return wall_clock(zone, instant)[0] * MINUTE - instant // MINUTE * MINUTE

    @property
    def changes(self) -> list[tuple[int, int, int]]:
        """(instant, seconds ahead before, seconds ahead after) of each jump."""
        return [(later[0], earlier[2], later[2]) for earlier, later in pairwise(self.stretches)]


def by_stretches(expression: Expression, clock: Clock, start: int, stop: int) -> list[int]:
    """The same ticks as by_minutes, for long ranges; the clock must begin at least two days before ``start``."""
    ticks: list[int] = []
    shown: int | None = None  # the wall clock of a fixed time has come up to here, exclusive
    for begin, end, ahead in clock.stretches:
        if end < start - 2 * DAY or begin >= stop:
            continue
        begin, end = max(begin, start - 2 * DAY), min(end, stop)
        first, last = (begin + ahead) // MINUTE, (end + ahead) // MINUTE
        if not expression.follows_elapsed_time and shown is not None:
            if any(expression.walls(shown, first)):
                ticks.append(begin)
            first = max(first, shown)
        for wall in expression.walls(first, last):
            ticks.extend(wall * MINUTE - ahead + second for second in expression.seconds)
        shown = max(last, shown or last)
    return sorted({tick for tick in ticks if start <= tick < stop})
