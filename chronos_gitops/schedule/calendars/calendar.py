"""A calendar: which wall-clock seconds of a zone are closed, and which entry of its file says so.

A day lasts from the first instant at which the clock shows or has jumped over its midnight to that of the next day,
and a range is one stretch between two such instants. Both therefore follow from the latest second that the clock has
reached (``timezones.reached``), which never goes back: nothing closes again in a repeated hour.
"""

import hashlib
import heapq
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import UTC, date, datetime

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.selection import Selection
from chronos_gitops.schedule.zones import timezones
from chronos_gitops.schedule.zones.wall_time import DAY, to_date

WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_NEVER = 1 << 62
_FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """One line of ``closed`` or ``open``: a weekday, a day of each year, or a range of wall-clock seconds.

    ``weekday``: Monday 0. ``month_day``: (month, day). ``start`` and ``stop``: seconds, the stop not included.
    ``text`` is the entry as written; ``line`` counts from 1 and is 0 outside a file.
    """

    text: str
    reason: str = ""
    line: int = 0
    weekday: int | None = None
    month_day: tuple[int, int] | None = None
    start: int = 0
    stop: int = 0

    @property
    def dated(self) -> bool:
        """True if it names a year, so that it ends with ``covers_until``."""
        return self.weekday is None and self.month_day is None


@dataclass(frozen=True, slots=True)
class Calendar:
    """The content of ``_calendars/<name>.yaml`` (TIME section 2); equal when all of it is equal.

    ``timezone`` is empty where the file leaves it to each job. ``covers_until`` is the last day on which entries that
    name a year count, or None.
    ``applies_to`` makes it a freeze, which chooses its jobs itself.
    """

    name: str
    closed: tuple[CalendarEntry, ...]
    open: tuple[CalendarEntry, ...] = ()
    timezone: str = ""
    description: str = ""
    covers_until: date | None = None
    applies_to: Selection | None = None
    _weekdays: tuple[int | None, ...] = field(init=False, repr=False, compare=False)
    _month_days: Mapping[tuple[int, int], int] = field(init=False, repr=False, compare=False)
    _closed: "_DisjointRanges" = field(init=False, repr=False, compare=False)
    _open: "_DisjointRanges" = field(init=False, repr=False, compare=False)
    _open_days: frozenset[tuple[int, int]] = field(init=False, repr=False, compare=False)
    digest: str = field(init=False, repr=False, compare=False)
    """Of all that decides which instants are closed and what is said of them; lines do not count."""

    def __hash__(self) -> int:
        return hash(self.digest)

    @classmethod
    def unresolved(cls, name: str) -> "Calendar":
        """A calendar of which only the name is known yet."""
        return cls(name, ())

    def __post_init__(self) -> None:
        weekdays: list[int | None] = [None] * 7
        month_days: dict[tuple[int, int], int] = {}
        for number, entry in enumerate(self.closed):
            if entry.weekday is not None and weekdays[entry.weekday] is None:
                weekdays[entry.weekday] = number
            elif entry.month_day is not None:
                month_days.setdefault(entry.month_day, number)
        object.__setattr__(self, "_weekdays", tuple(weekdays))
        object.__setattr__(self, "_month_days", month_days)
        object.__setattr__(self, "_closed", _DisjointRanges.of(self.closed, self._horizon))
        object.__setattr__(self, "_open", _DisjointRanges.of(self.open, self._horizon))
        open_days = frozenset(entry.month_day for entry in self.open if entry.month_day is not None)
        object.__setattr__(self, "_open_days", open_days)
        object.__setattr__(self, "digest", self._content_digest())

    def entry_at(self, wall: int) -> CalendarEntry | None:
        """The entry that closes a second, the first in the order of the file; None where it is open."""
        day = to_date(wall)
        if self._open.at(wall) is not None or (day.month, day.day) in self._open_days:
            return None
        found = (
            self._weekdays[day.weekday()],
            self._month_days.get((day.month, day.day)),
            self._closed.at(wall),
        )
        first = min((number for number in found if number is not None), default=None)
        return None if first is None else self.closed[first]

    def change_after(self, wall: int) -> int:
        """A later second up to which ``entry_at`` gives the same answer; the next midnight at the latest."""
        midnight = (wall // DAY + 1) * DAY
        return min(midnight, self._closed.edge_after(wall), self._open.edge_after(wall))

    def opens_at(self, wall: int, limit: int) -> int | None:
        """The first open second at or after ``wall``; None when there is none up to ``limit``."""
        while self.entry_at(wall) is not None:
            whole_range = self._closed.at(wall) is not None and not self._open_days
            edges = min(self._closed.edge_after(wall), self._open.edge_after(wall))
            wall = edges if whole_range else self.change_after(wall)
            if wall > limit:
                return None
        return wall

    def _content_digest(self) -> str:
        entries = [[[entry.text, entry.reason] for entry in entries] for entries in (self.closed, self.open)]
        content = [self.name, self.timezone, str(self.covers_until), entries]
        return hashlib.sha256(json.dumps(content).encode("utf-8", "surrogatepass")).hexdigest()

    def texts(self) -> tuple[str, ...]:
        """Its entries as its file has them: ``closed 12-25 (Christmas)``."""
        listed = [("closed", one) for one in self.closed] + [("open", one) for one in self.open]
        return tuple(f"{key} {one.text}" + (f" ({one.reason})" if one.reason else "") for key, one in listed)

    @property
    def _horizon(self) -> int:
        """The wall-clock second at which its dates end."""
        return _NEVER if self.covers_until is None else (self.covers_until - _FIRST_DAY).days * DAY + DAY

    @property
    def beyond_horizon(self) -> tuple[CalendarEntry, ...]:
        """Entries that name a time after ``covers_until``, where dates count for nothing."""
        return tuple(entry for entry in (*self.closed, *self.open) if entry.dated and entry.stop > self._horizon)

    @property
    def known_until(self) -> datetime | None:
        """The end of ``covers_until`` in the calendar's zone, UTC where it states none."""
        if self.covers_until is None:
            return None
        zone = timezones.load(self.timezone or "UTC")
        return datetime.fromtimestamp(timezones.shown(zone, self._horizon), UTC)

    @property
    def lacks_horizon(self) -> bool:
        """True if it holds dates, chooses no jobs, and does not say until when its dates are complete."""
        return self.covers_until is None and self.applies_to is None and any(entry.dated for entry in self.closed)


@dataclass(frozen=True, slots=True)
class _DisjointRanges:
    """Ranges cut into stretches that do not overlap: at each edge, the lowest number of the entries from there on."""

    edges: tuple[int, ...]
    numbers: tuple[int | None, ...]

    @classmethod
    def of(cls, entries: Iterable[CalendarEntry], horizon: int) -> "_DisjointRanges":
        """Of all dated entries up to the horizon, in the time of sorting their edges."""
        dated = [
            (entry.start, min(entry.stop, horizon), number)
            for number, entry in enumerate(entries)
            if entry.dated and entry.start < horizon
        ]
        edges = sorted({edge for start, stop, _ in dated for edge in (start, stop)})
        begins = sorted(dated)
        active: list[tuple[int, int]] = []  # (number, stop)
        numbers: list[int | None] = []
        position = 0
        for edge in edges:
            while position < len(begins) and begins[position][0] <= edge:
                heapq.heappush(active, (begins[position][2], begins[position][1]))
                position += 1
            while active and active[0][1] <= edge:
                heapq.heappop(active)
            numbers.append(active[0][0] if active else None)
        return cls(tuple(edges), tuple(numbers))

    def at(self, wall: int) -> int | None:
        position = bisect_right(self.edges, wall)
        return self.numbers[position - 1] if position else None

    def edge_after(self, wall: int) -> int:
        position = bisect_right(self.edges, wall)
        return self.edges[position] if position < len(self.edges) else _NEVER
