"""Which ticks a job with calendars has, worked out by looking at each minute of the clock.

Shares no code with the product. A day begins when the clock first shows or has jumped over its midnight; a range is
one stretch between two such instants. Times are whole minutes; instants are seconds since the epoch.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from harness.oracles.schedule_oracle import DAY, MINUTE, Clock, Expression, by_stretches

MARGIN = 36 * DAY
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


@dataclass(frozen=True)
class Rules:
    """One job: its zone, the day from which it is looked at, schedules, calendars, ``on_skip``, start and end.
    ``covers`` is the last day of each calendar on which its dates count, "" for all; ``days`` are looked at."""

    zone: str
    start: str
    texts: Sequence[str]
    closed: Sequence[Sequence[Any]]
    opened: Sequence[Sequence[Any]]
    zones: Sequence[str]
    on_skip: str
    begin: str = ""
    end: str = ""
    covers: Sequence[str] = ()
    days: int = 14


class WatchedClock:
    """The wall clock of a zone over a range, minute by minute, as the latest minute it has shown or jumped over."""

    def __init__(self, zone: str, start: int, stop: int) -> None:
        self.start = start
        self.latest: list[int] = []
        latest = 0
        for begin, end, ahead in clock_of(zone, start, stop).stretches:
            for instant in range(begin, end, MINUTE):
                latest = max(latest, (instant + ahead) // MINUTE)
                self.latest.append(latest)

    def first(self, wall: int) -> int:
        """The first instant that shows a wall-clock minute or has jumped over it."""
        return self.start + MINUTE * bisect_left(self.latest, wall)


@lru_cache(maxsize=64)
def clock_of(zone: str, start: int, stop: int) -> Clock:
    return Clock(ZoneInfo(zone), start, stop)


@lru_cache(maxsize=64)
def watched(zone: str, start: int, stop: int) -> WatchedClock:
    return WatchedClock(zone, start, stop)


@lru_cache(maxsize=1024)
def nominal_of(text: str, zone: str, start: int, stop: int) -> tuple[int, ...]:
    return tuple(by_stretches(Expression(text), clock_of(zone, start - 3 * DAY, stop + 3 * DAY), start, stop))


def ticks_of(
    rules: Rules, after: datetime, until: datetime
) -> tuple[list[datetime], list[tuple[datetime, datetime | None]]]:
    """The ticks in (after, until], and the held ones with their targets."""
    start, stop = int(after.timestamp()) - MARGIN, int(until.timestamp()) + MARGIN
    clock = watched(rules.zone, start - 3 * DAY, stop + 3 * DAY)
    low = clock.first(_wall(rules.begin)) if rules.begin else start
    high = clock.first(_wall(rules.end) + (1440 if len(rules.end) == 10 else 0)) if rules.end else stop
    calendars = [
        (closed, opened, watched(zone or rules.zone, start - 3 * DAY, stop + 3 * DAY), covers)
        for closed, opened, zone, covers in zip(
            rules.closed, rules.opened, rules.zones, rules.covers or [""] * len(rules.zones), strict=True
        )
    ]

    def is_closed(instant: int) -> bool:
        return any(
            any(_holds(entry, instant, own, covers) for entry in closed)
            and not any(_holds(entry, instant, own, covers) for entry in opened)
            for closed, opened, own, covers in calendars
        )

    nominal = sorted(
        {tick for text in rules.texts for tick in _named(text, rules.zone, clock, start, stop) if low <= tick < high}
    )
    ticks, held = set(), []
    for tick in nominal:
        if not is_closed(tick):
            ticks.add(tick)
            continue
        target = None if rules.on_skip == "drop" else _target(rules, clock, tick, is_closed)
        target = target if target is not None and low <= target < high else None
        held.append((tick, target))
        ticks |= {target} - {None}

    def inside(instant: int) -> bool:
        return after < datetime.fromtimestamp(instant, UTC) <= until

    shown = [(_at(tick), None if target is None else _at(target)) for tick, target in held if inside(tick)]
    return [_at(tick) for tick in sorted(ticks) if inside(tick)], shown


def _target(rules: Rules, clock: WatchedClock, tick: int, is_closed: Any) -> int | None:
    """The nearest open day at the minute that the schedule writes; of several in a gap, the earliest."""
    position = (tick - clock.start) // MINUTE
    before, now = clock.latest[position - 1], clock.latest[position]
    expressions = [Expression(text) for text in rules.texts if not text.startswith("@at ")]
    once = {_wall(text.removeprefix("@at ")) for text in rules.texts if text.startswith("@at ")}
    passed = range(before + 1, now + 1)
    written = next(wall for wall in passed if wall in once or any(one.at(wall) for one in expressions))
    for days in range(1, 32):
        wall = written + days * 1440 * (1 if rules.on_skip == "next" else -1)
        day = wall // 1440 * 1440
        if clock.first(day) == clock.first(day + 1440):
            continue
        if not is_closed(clock.first(wall)):
            return clock.first(wall)
    return None


def _named(text: str, zone: str, clock: WatchedClock, start: int, stop: int) -> Sequence[int]:
    if not text.startswith("@at "):
        return nominal_of(text, zone, start, stop)
    once = clock.first(_wall(text.removeprefix("@at ")))
    return [once] if start <= once < stop else []


def _holds(entry: Any, instant: int, clock: WatchedClock, covers: str) -> bool:
    is_dated = isinstance(entry, dict) or len(entry) == 10
    if is_dated and covers and instant >= clock.first(_wall(covers) + 1440):
        return False
    if isinstance(entry, dict):
        last = _wall(entry["to"]) + (1440 if len(entry["to"]) == 10 else 0)
        return clock.first(_wall(entry["from"])) <= instant < clock.first(last)
    shown = date(1970, 1, 1) + timedelta(minutes=clock.latest[(instant - clock.start) // MINUTE])
    if entry in _WEEKDAYS:
        return shown.weekday() == _WEEKDAYS.index(entry)
    return shown.isoformat().endswith(entry) if len(entry) == 5 else shown.isoformat() == entry


def _wall(text: str) -> int:
    return int((datetime.fromisoformat(text) - datetime(1970, 1, 1)).total_seconds()) // 60  # noqa: DTZ001


def _at(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, UTC)
