"""The days that are open at a time of day: each closed day is looked at once, however often it is searched."""

from collections.abc import Set
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from chronos_gitops.schedule.calendars.closures import Closures
from chronos_gitops.schedule.zones import timezones
from chronos_gitops.schedule.zones.wall_time import DAY

_JUMP_AFTER_DAYS = 40
"""A longer search asks first for the next instant that is open at all."""


class OpenDays:
    """Days of ``zone``'s calendar, counted from 1970-01-01, and times of day in seconds.

    For each of ``times`` one stretch of closed days is remembered. From any thread: a lost stretch is only looked at
    again.
    """

    def __init__(self, closures: Closures, zone: ZoneInfo, times: Set[int] = frozenset()) -> None:
        self._closures = closures
        self._zone = zone
        self._times = times
        self._closed: dict[int, tuple[int, int]] = {}

    def day_of(self, second: int) -> int:
        """The latest day that the zone's clock has reached at an instant (seconds since the epoch)."""
        return timezones.reached(self._zone, second) // DAY

    def at(self, day: int, time: int) -> int:
        """The instant of a time of day."""
        return timezones.shown(self._zone, day * DAY + time)

    def nearest(self, time: int, day: int, step: int, most: int) -> int | None:
        """The first open one of ``most`` days from ``day`` on, in steps of 1 or -1."""
        first, last = self._closed.get(time, (day, day - 1))
        found, stop = day, day + step * most
        while (stop - found) * step > 0:
            if first <= found <= last:
                found = last + 1 if step > 0 else first - 1
            elif self._is_open(found, time):
                break
            else:
                found += step
        self._note_closed(time, *((day, found - 1) if step > 0 else (found + 1, day)))
        return found if (stop - found) * step > 0 else None

    def following(self, time: int, second: int, until: int) -> int | None:
        """The first open instant of a time of day at or after an instant, and not after ``until``."""
        day = self.day_of(second)
        if self.at(day, time) < second:
            day += 1
        last = self.day_of(until)
        while day <= last:
            found = self.nearest(time, day, 1, _JUMP_AFTER_DAYS)
            if found is not None:
                at = self.at(found, time)
                return at if at <= until else None
            looked_at, day = day, self._day_after_closed(time, day + _JUMP_AFTER_DAYS)
            day = max(day, self._opens_at(self.at(day, time), until))
            self._note_closed(time, looked_at, day - 1)
        return None

    def latest(self, time: int, second: int, since: int) -> int:
        """The last open instant of a time of day at or before an instant; ``since`` where none is later than that."""
        day = self.day_of(second)
        if self.at(day, time) > second:
            day -= 1
        found = self.nearest(time, day, -1, (second - since) // DAY + 2)
        return since if found is None else max(self.at(found, time), since)

    def _opens_at(self, second: int, until: int) -> int:
        """The first day with an open instant from there on; the day after ``until`` where none comes before."""
        begin, limit = (datetime.fromtimestamp(at, UTC) for at in (second, until))
        opens = self._closures.opens_at(begin, limit) if begin <= limit else None
        return self.day_of(until) + 1 if opens is None else self.day_of(int(opens.timestamp()))

    def _day_after_closed(self, time: int, day: int) -> int:
        """The day itself, or the first after the known closed ones around it."""
        first, last = self._closed.get(time, (day, day - 1))
        return last + 1 if first <= day <= last else day

    def _note_closed(self, time: int, first: int, last: int) -> None:
        """Days that are closed at that time, one with the known ones where they touch."""
        if first > last or time not in self._times:
            return
        known = self._closed.get(time, (first, last))
        touches = first <= known[1] + 1 and known[0] <= last + 1
        self._closed[time] = (min(first, known[0]), max(last, known[1])) if touches else (first, last)

    def _is_open(self, day: int, time: int) -> bool:
        """False also for a day that the zone's calendar left out; Apia had no 2011-12-30."""
        return self._closures.at_second(self.at(day, time)) is None and self._has_instants(day)

    def _has_instants(self, day: int) -> bool:
        return self.at(day, 0) < self.at(day + 1, 0)
