"""The ticks of a job as a runner will claim them, with the moves under way. They differ from those of its files for a
month at most after an edit: a move that was not made then has no target, and one that was made keeps its own. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.steps import Moves, steps
from chronos_gitops.schedule.moves import FARTHEST_DAYS, Move
from chronos_gitops.schedule.timing import ClosedTick, OnSkip, Timing

_INSTANT = timedelta(microseconds=1)
_REACH = timedelta(days=FARTHEST_DAYS + 3)
"""No move goes farther."""


@dataclass(frozen=True, slots=True)
class AppliedTiming:
    """Every tick up to ``decided`` is decided, and ``moves`` are under way then. Ranges are (after, until]."""

    timing: Timing
    decided: datetime
    moves: Moves = ()

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Ascending; those up to ``decided`` are as the files say."""
        if after < self.decided:
            yield from self.timing.between(after, min(until, self.decided))
        start = max(after, self.decided)
        has_begun = start - _REACH <= self.decided
        begin, moves = (self.decided, self.moves) if has_begun else (start - _REACH, ())
        border = begin + 2 * _REACH
        for step in steps(self.timing, begin, min(until, border), moves):
            if step.tick is not None and step.tick > start:
                yield step.tick
        if border < until:
            yield from self.timing.between(max(start, border), until)

    def upcoming(self, after: datetime, count: int) -> tuple[datetime, ...]:
        """The first ``count`` ticks strictly after the instant."""
        start = max(after, self.decided)
        border = max(start, self.decided + 2 * _REACH)
        found = tuple(islice(self.between(start, border), count))
        return (*found, *self.timing.upcoming(border, count - len(found)))

    def count(self, after: datetime, until: datetime) -> int:
        return sum(1 for _ in self.between(after, until))

    def held(self, after: datetime, until: datetime) -> Iterator[ClosedTick]:
        """Ascending; those up to ``decided`` are as the files say. A move that was not made has no target."""
        if not self.timing.moves_ticks:
            yield from self.timing.held(after, until)
            return
        if after < self.decided:
            yield from self.timing.held(after, min(until, self.decided))
        border = self.decided + _REACH
        for step in steps(self.timing, self.decided, min(until, border), self.moves):
            for one in step.held:
                if one.closure is not None and one.last > after:
                    yield ClosedTick(one.last, one.closure, Move(one.moved_to, one.why))
        if border < until:
            yield from self.timing.held(max(after, border), until)


def as_applied(timing: Timing, decided: datetime, moves: Moves = ()) -> Timing | AppliedTiming:
    """The timing itself where the moves under way are those of the files."""
    if timing.on_skip is OnSkip.NEXT and timing.has_calendars:
        return AppliedTiming(timing, decided, moves)
    to_come = (pair for pair in moves if max(pair) > decided)
    is_as_filed = sorted(to_come) == sorted(under_way(timing, decided))
    return timing if is_as_filed else AppliedTiming(timing, decided, moves)


def under_way(timing: Timing, at: datetime) -> Moves:
    """The moves under way at an instant where the files have not changed for a month."""
    if not timing.moves_ticks or _is_next_open(timing, at):
        return ()
    window = (at - _REACH, at) if timing.on_skip is OnSkip.NEXT else (at, timing.last_moved_across(at))
    pairs = ((one.time, one.move.target) for one in timing.held(*window) if one.move is not None)
    return tuple(
        (origin, target) for origin, target in pairs if target is not None and (origin <= at) != (target <= at)
    )


def _is_next_open(timing: Timing, at: datetime) -> bool:
    """True where ``previous`` moves nothing across the instant, for the only time of day is open before it is held: a
    third of the price of ``last_moved_across``."""
    schedules = timing.schedules.schedules
    if timing.on_skip is not OnSkip.PREVIOUS or len(schedules) > 1 or len(set(schedules[0].times_of_day())) != 1:
        return False
    tick = timing.nominal_after(at)
    return tick is None or timing.closure(tick) is None


def filed(timing: Timing | AppliedTiming) -> Timing:
    """As the files of the job stand."""
    return timing.timing if isinstance(timing, AppliedTiming) else timing


def origin_of(timing: Timing | AppliedTiming, tick: datetime) -> datetime | None:
    """The first held tick that this one takes the place of; None for one at its own time."""
    as_filed = filed(timing)
    moves = timing.moves if isinstance(timing, AppliedTiming) else ()
    if not (as_filed.moves_ticks or moves) or as_filed.nominal_after(tick - _INSTANT) == tick:
        return None
    made = [origin for origin, target in moves if target == tick]
    near = as_filed.held(tick - _REACH, tick + _REACH) if as_filed.moves_ticks else ()
    filed_origins = [one.time for one in near if one.move is not None and one.move.target == tick]
    return min([*made, *filed_origins], default=None)
