"""Held ticks that are moved to the nearest open day, and the ticks of a job that moves them (TIME sections 1 and 3)."""

from collections.abc import Iterator
from dataclasses import field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.bounds import BoundedSchedules
from chronos_gitops.schedule.calendars.closures import Closures
from chronos_gitops.schedule.calendars.open_days import OpenDays
from chronos_gitops.schedule.schedule import Schedule
from chronos_gitops.schedule.zones import wall_time
from chronos_gitops.schedule.zones.wall_time import DAY

FARTHEST_DAYS = 31
MOST_TIMES_A_DAY = 24
_REACH = timedelta(days=FARTHEST_DAYS + 2)
"""More than the time between a held tick and its target: a zone's clock moves by at most a day in between."""
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Move:
    """``target`` is the tick that takes a held one's place; None when there is none, and ``why`` says so."""

    target: datetime | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Mover:
    """The ticks of a job with ``on_skip: next`` (``forward``) or ``previous``. Its schedules name fixed times."""

    nominal: BoundedSchedules
    closures: Closures
    zone: ZoneInfo
    forward: bool
    _days: OpenDays = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        times = {time for schedule in self.nominal.schedules.schedules for time in schedule.times_of_day()}
        object.__setattr__(self, "_days", OpenDays(self.closures, self.zone, times))

    def move(self, tick: datetime, *, beyond: datetime | None = None) -> Move:
        """Where a held nominal tick goes: the nearest open day at the time that the schedule writes, later than
        ``beyond`` where that is given. A tick that no schedule names any more goes by its own time of day."""
        wall = self.nominal.schedules.written(tick)
        if wall is None:
            wall = wall_time.from_datetime(tick.astimezone(self.zone))
        target = self._nearest_open_day(wall, beyond)
        if target is None:
            return Move(None, f"no day within {FARTHEST_DAYS} days is open at that time")
        if not self.nominal.bounds.hold(target):
            return Move(None, "its day lies outside start and end")
        return Move(target)

    def origins_of(self, target: datetime) -> list[datetime]:
        """The held ticks later than an instant that are moved to it."""
        later = self.nominal.between(target, self.last_moved_across(target))
        return [tick for tick in later if self.closures.at(tick) is not None and self.move(tick).target == target]

    def next_after(self, instant: datetime, limit: datetime) -> datetime | None:
        """The first tick strictly after the instant and not after ``limit``."""
        return self._next_forward(instant, limit) if self.forward else self._next_backward(instant, limit)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The ticks in (after, until], ascending; costs the nominal ticks of the range and of a month beside it."""
        origins = (after - _REACH, until) if self.forward else (after, until + _REACH)
        found = set()
        for tick in self.nominal.between(*origins):
            closed = self.closures.at(tick) is not None
            at = self.move(tick).target if closed else tick
            if at is not None and after < at <= until:
                found.add(at)
        return iter(sorted(found))

    def _next_forward(self, instant: datetime, limit: datetime) -> datetime | None:
        """A held tick before the instant may have its target after it; later ones have theirs later than themselves."""
        best: datetime | None = None
        for tick, at in self._placed(self._earliest_origin(instant), limit, limit):
            if best is not None and tick >= best:
                break
            best = _earlier(best, at, instant, limit)
        return best

    def _next_backward(self, instant: datetime, limit: datetime) -> datetime | None:
        """A held tick may have its target a month before it, but not before the first day open at its time of day."""
        best: datetime | None = None
        earliest = self._earliest_target(instant)
        if earliest > limit:
            return None
        for tick, at in self._placed(instant, limit + _REACH, limit):
            if best is not None and (earliest >= best or tick > best + _REACH):
                break
            best = _earlier(best, at, instant, limit)
        return best

    def _placed(self, after: datetime, until: datetime, limit: datetime) -> Iterator[tuple[datetime, datetime | None]]:
        """The nominal ticks in (after, until] with where each runs; long closed time is left out."""
        tick = self.nominal.next_after(after)
        while tick is not None and tick <= until:
            at = tick if self.closures.at(tick) is None else self.move(tick).target
            yield tick, at
            tick = self.nominal.next_after(tick if at is not None else self._skip_closed(tick, limit))

    def _skip_closed(self, tick: datetime, limit: datetime) -> datetime:
        """Where to look on after a tick that cannot be moved: no later one up to there runs or can be moved."""
        last = limit + _REACH
        return min((self._before_next_use(one, tick, last) for one in self.nominal.schedules.schedules), default=last)

    def _before_next_use(self, schedule: Schedule, after: datetime, last: datetime) -> datetime:
        """Before the schedule's next tick, or before a later one that is open or can be moved; at most ``last``."""
        tick = schedule.next_after(after)
        if tick is None or tick > last or not self.nominal.bounds.hold(tick):
            return last
        if schedule.one_off is not None:
            return tick - _INSTANT
        begin = int((tick if self.forward else tick - _REACH).timestamp())
        opens = (self._days.following(time, begin, int(last.timestamp())) for time in schedule.times_of_day())
        first = min((at for at in opens if at is not None), default=None)
        if first is None:
            return last
        use = datetime.fromtimestamp(first, UTC) - (_REACH if self.forward else _INSTANT)
        return max(tick - _INSTANT, use)

    def _earliest_origin(self, instant: datetime) -> datetime:
        """No tick held up to here has its target after the instant, for each time of day had an open day since."""
        second, farthest = int(instant.timestamp()), int((instant - _REACH).timestamp())
        days = (self._days.latest(time, second, farthest) for time in self._times_of_day(instant))
        return datetime.fromtimestamp(min(days, default=second), UTC) - _INSTANT

    def last_moved_across(self, instant: datetime) -> datetime:
        """No tick held after this has its target at or before the instant, for each time of day has an open day by
        then."""
        return datetime.fromtimestamp(max(self._first_open(instant)), UTC)

    def _earliest_target(self, instant: datetime) -> datetime:
        """No tick held after the instant has its target before this, but one at or before the instant."""
        return datetime.fromtimestamp(min(self._first_open(instant)), UTC)

    def _first_open(self, instant: datetime) -> list[int]:
        """For each time of day, the second in which it is first open after the instant."""
        second, farthest = int(instant.timestamp()) + 1, int((instant + _REACH).timestamp())
        found = (self._days.following(time, second, farthest) for time in self._times_of_day(instant))
        return [farthest if at is None else at for at in found] or [second]

    def _times_of_day(self, instant: datetime) -> set[int]:
        """The times of day, in seconds, of the ticks that could be moved across the instant."""
        recurring = {time for schedule in self.nominal.schedules.schedules for time in schedule.times_of_day()}
        one_offs = (schedule.one_off for schedule in self.nominal.schedules.schedules)
        near = (one.wall % DAY for one in one_offs if one is not None and abs(one.instant - instant) <= 2 * _REACH)
        return recurring | set(near)

    def _nearest_open_day(self, wall: int, beyond: datetime | None) -> datetime | None:
        step = 1 if self.forward else -1
        day, time, left = wall // DAY, wall % DAY, FARTHEST_DAYS
        while left > 0 and (found := self._days.nearest(time, day + step, step, left)) is not None:
            at = self._days.at(found, time)
            if beyond is None or at > beyond.timestamp():
                return datetime.fromtimestamp(at, UTC)
            left -= abs(found - day)
            day = found
        return None


def _earlier(best: datetime | None, at: datetime | None, after: datetime, until: datetime) -> datetime | None:
    """The earlier one of two ticks, the second of which counts only in (after, until]."""
    if at is None or not after < at <= until or (best is not None and best <= at):
        return best
    return at
