"""A pattern in a zone: when the wall clock's times become instants, changes of the clock included (CONTRACT 2)."""

from collections import deque
from collections.abc import Iterator
from dataclasses import field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.cron.expression import CronExpression
from chronos_gitops.schedule.zones import timezones as zones

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_QUIET = 2 * 86_400


@dataclass(frozen=True, slots=True)
class Wallclock:
    """Ticks of a cron expression: a fixed time comes once, when the clock first shows it or has jumped over it.

    All fixed times of one gap come together at its end, be it an hour or the day that Samoa left out (2011-12-30, which
    then runs at 00:00 of the 31st). Computed in whole seconds of UTC, because aware datetimes that share a zone compare
    by their wall clocks and go wrong in a repeated hour.
    """

    pattern: CronExpression
    zone: ZoneInfo
    _newest: tuple[int, datetime | None] | None = field(default=None, init=False, repr=False, compare=False)
    """The last question and its answer: jobs of one schedule are due together, and each asks for its next tick."""

    @property
    def both_day_fields(self) -> bool:
        return self.pattern.both_day_fields

    def next_after(self, instant: datetime) -> datetime | None:
        after, newest = _seconds(instant), self._newest
        if newest is None or newest[0] != after:
            newest = after, self._next_after(after)
            object.__setattr__(self, "_newest", newest)
        return newest[1]

    def _next_after(self, after: int) -> datetime | None:
        found = self._elapsed(after + 1) if self.pattern.elapsed else self._fixed(after)
        if found is None:
            return None
        assert found > after, "a tick must lie after the instant it was asked for"
        return datetime.fromtimestamp(found, UTC)

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        for tick in self._ticks(_seconds(after) + 1, _seconds(until) + 1):
            yield datetime.fromtimestamp(tick, UTC)

    def count(self, after: datetime, until: datetime) -> int:
        return sum(
            (gap is not None) + self.pattern.count(start, stop)
            for gap, start, stop, _ in self._stretches(_seconds(after) + 1, _seconds(until) + 1)
        )

    def latest(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """Looks back in windows that grow, so that a long range costs no more than the ticks asked for."""
        start, stop, window = _seconds(after) + 1, _seconds(until) + 1, 300
        found: deque[int] = deque(maxlen=max(0, limit))
        while start < stop and len(found) < limit:
            begin = max(start, stop - window)
            found.extendleft(reversed(deque(self._ticks(begin, stop), maxlen=limit - len(found))))
            stop, window = begin, window * 4
        return [datetime.fromtimestamp(tick, UTC) for tick in found]

    def gap_ticks(self, after: datetime, until: datetime) -> list[datetime]:
        if self.pattern.elapsed:
            return []
        stretches = self._stretches(_seconds(after) + 1, _seconds(until) + 1)
        return [datetime.fromtimestamp(gap, UTC) for gap, *_ in stretches if gap is not None]

    def written(self, tick: datetime) -> int | None:
        """The wall-clock second that the expression names for one of its ticks: the earliest of those in a gap.

        None when it has no tick at that instant, or follows elapsed time and so names none.
        """
        at = _seconds(tick)
        if self.pattern.elapsed or self._fixed(at - 1) != at:
            return None
        return self.pattern.first(zones.reached(self.zone, at - 1) + 1)

    @property
    def times_a_day(self) -> int:
        """Number of times of day on the days on which the schedule fires."""
        return self.pattern.minutes.bit_count() * self.pattern.seconds.bit_count()

    def _fixed(self, after: int) -> int | None:
        """The instant of the first matching time that the clock had not yet shown at ``after``."""
        wall = self.pattern.first(zones.reached(self.zone, after) + 1)
        return None if wall is None else zones.shown(self.zone, wall)

    def _elapsed(self, start: int) -> int | None:
        """The first instant at or after ``start`` whose wall clock matches."""
        while True:
            offset = zones.offset(self.zone, start)
            wall = self.pattern.first(start + offset)
            if wall is None:
                return None
            found = wall - offset
            end = min(found, start + _QUIET)
            if zones.offset(self.zone, end) != offset:
                start = zones.change(self.zone, start, end)
            elif end == found:
                return found
            else:
                start = found - _QUIET  # nothing matches before: a later change turns back less than it has passed

    def _ticks(self, start: int, stop: int) -> Iterator[int]:
        for gap, first, last, offset in self._stretches(start, stop):
            if gap is not None:
                yield gap
            for wall in self.pattern.walk(first, last):
                yield wall - offset

    def _stretches(self, start: int, stop: int) -> Iterator[tuple[int | None, int, int, int]]:
        """[start, stop) as stretches of one offset: (tick moved out of a gap, wall start, wall stop, offset).

        Elapsed patterns take every stretch whole. Fixed ones leave out what the clock has shown before, and have one
        tick at the start of a stretch for whatever the clock left out before it.
        """
        if start >= stop:
            return
        due = zones.reached(self.zone, start - 1) + 1
        for first, last, offset in zones.spans(self.zone, start, stop):
            begin, end = first + offset, last + offset
            if self.pattern.elapsed:
                yield None, begin, end, offset
                continue
            skipped = self.pattern.first(due) if due < begin else None
            if skipped is not None and skipped < begin:
                yield first, begin + 1, end, offset
            else:
                yield None, max(begin, due), end, offset
            due = max(due, end)


def _seconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _SECOND
