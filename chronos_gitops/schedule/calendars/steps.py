"""The next step of a job with calendars: a tick that runs, ticks that are held, moves under way. Pure.

The engine asks forward only. ``moves`` are pairs of origin and target: of ``next``, held ticks whose target is still to
come; of ``previous``, ticks that ran early and whose origin is still to come. A pair goes when its later end passes.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.closures import Closure
from chronos_gitops.schedule.timing import HeldRange, OnSkip, Timing

Moves = tuple[tuple[datetime, datetime], ...]
Commits = Mapping[str, str]
"""By the name of a calendar, the commit that changed its file last."""
NO_COMMITS: Final[Commits] = MappingProxyType({})
_ONE_ROW_AFTER = timedelta(days=31)
_TWO_DAYS = timedelta(days=2)
_INSTANT = timedelta(microseconds=1)
_MILLISECOND = timedelta(milliseconds=1)
"""The precision of watermarks."""


@dataclass(frozen=True, slots=True)
class HeldTicks:
    """Ticks that did not run: ``count`` of them, from ``first`` to ``last``, and why. ``closure`` is None where the
    entry that held them is gone by now."""

    first: datetime
    last: datetime
    count: int = 1
    closure: Closure | None = None
    moved_to: datetime | None = None
    moved_from: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class ScheduleStep:
    """The decision at one instant: every scheduled time up to ``at`` is decided. ``tick`` is the one that runs, if
    any."""

    at: datetime
    moves: Moves = ()
    tick: datetime | None = None
    moved_from: datetime | None = None
    held: tuple[HeldTicks, ...] = ()


def next_step(timing: Timing, after: datetime, moves: Moves, *, commits: Commits = NO_COMMITS) -> ScheduleStep | None:
    """The first step after an instant up to which all is decided. Where an edit held a tick, the commit of the calendar
    that closes it is named."""
    if not timing.has_calendars and not moves:
        tick = timing.next_after(after)
        return None if tick is None else ScheduleStep(tick, tick=tick)
    if timing.on_skip is OnSkip.DROP:
        return _dropping(timing, after, moves)
    return _moving(timing, after, moves, commits)


def steps(
    timing: Timing, after: datetime, until: datetime, moves: Moves, *, commits: Commits = NO_COMMITS
) -> Iterator[ScheduleStep]:
    """Every step in (after, until]."""
    step = next_step(timing, after, moves, commits=commits)
    while step is not None and step.at <= until:
        yield step
        step = next_step(timing, step.at, step.moves, commits=commits)


def held_rows(timing: Timing, after: datetime, until: datetime) -> list[HeldTicks]:
    """Dropped ticks in (after, until], one row for each date and entry; all dates older than 31 days are one."""
    if not timing.has_calendars:
        return []
    old, rows = until - _ONE_ROW_AFTER, [_of_range(one) for one in timing.held_ranges(after, until)]
    past = [row for row in rows if row.last < old]
    if len(past) < 2:
        return rows
    whole = replace(past[-1], first=past[0].first, count=sum(row.count for row in past))
    return [whole, *rows[len(past) :]]


def ended_rows(timing: Timing, held: Sequence[HeldTicks], until: datetime) -> tuple[Sequence[HeldTicks], datetime]:
    """Of the rows that ``held_rows`` has until then, those of dates that are over, and the instant up to which all is
    decided with them: a row is written when its last held tick passes, however often a runner starts on that date."""
    if timing.on_skip is not OnSkip.DROP or not held or _dropped(timing, held[-1].first).last <= until:
        return held, until
    return held[:-1], held[-1].first - _MILLISECOND


def withdrawn(moves: Moves, now: datetime) -> list[datetime]:
    """Targets that do not come any more, when an edit or a removal ends the moves under way."""
    return sorted({target for origin, target in moves if origin < target and target > now})


def without_move(held: HeldTicks, targets: Collection[datetime], why: str) -> HeldTicks:
    """The same without its move, where it would end at one of these targets."""
    return replace(held, moved_to=None, why=why) if held.moved_to in targets else held


def held_so_far(timing: Timing, after: datetime, now: datetime) -> HeldTicks | None:
    """Dropped ticks of the date under way, when a pause closes its row: those up to now of a row that is due later."""
    if timing.on_skip is not OnSkip.DROP or (first := timing.nominal_after(after)) is None:
        return None
    if first > now or timing.closure(first) is None or _dropped(timing, first).last <= now:
        return None
    return _of_range(next(timing.held_ranges(first - _INSTANT, now)))


def _of_range(found: HeldRange) -> HeldTicks:
    return HeldTicks(found.first, found.last, found.count, found.closure)


def _dropping(timing: Timing, after: datetime, moves: Moves) -> ScheduleStep | None:
    """A held date is one step, at its last held tick."""
    tick = timing.nominal_after(after)
    if tick is None:
        return None
    if timing.closure(tick) is None:
        return ScheduleStep(tick, _left(moves, tick), tick)
    held = _dropped(timing, tick)
    return ScheduleStep(held.last, _left(moves, held.last), held=(_of_range(held),))


def _dropped(timing: Timing, tick: datetime) -> HeldRange:
    """All of one date and entry, from this tick on."""
    return next(timing.held_ranges(tick - _INSTANT, tick + _TWO_DAYS))


def _left(moves: Moves, at: datetime) -> Moves:
    return tuple(pair for pair in moves if max(pair) > at)


def _moving(timing: Timing, after: datetime, moves: Moves, commits: Commits) -> ScheduleStep | None:
    nominal = timing.nominal_after(after)
    found = [target for origin, target in moves if origin < target and target > after]
    found += [nominal] if nominal is not None else []
    early = None if nominal is None else timing.early_target(after, nominal)
    found += [early] if early is not None else []
    at = min(found, default=None)
    if at is None:
        return None
    moment = _Moment(timing, at, moves, is_nominal=at == nominal, commits=commits)
    return moment.held_again() if timing.closure(at) is not None else moment.runs()


@dataclass(frozen=True, slots=True)
class _Moment:
    """An instant at which a tick falls: one that a schedule names, the target of moves, or both."""

    timing: Timing
    at: datetime
    moves: Moves
    is_nominal: bool
    commits: Commits

    @property
    def _arriving(self) -> list[datetime]:
        """Origins of the moves that end here."""
        return [origin for origin, target in self.moves if target == self.at and origin < target]

    @property
    def _ran_early(self) -> datetime | None:
        return next((target for origin, target in self.moves if origin == self.at and target < origin), None)

    def runs(self) -> ScheduleStep | None:
        """An open instant."""
        paired = {origin for origin, _ in self.moves}
        origins = [one for one in self.timing.origins_of(self.at) if one not in paired]
        moves = (*_left(self.moves, self.at), *((origin, self.at) for origin in origins))
        early, arriving = self._ran_early, self._arriving
        if early is not None and not arriving and not origins:
            # Its entry was removed since: it does not run again.
            return ScheduleStep(self.at, moves, held=(HeldTicks(self.at, self.at, moved_to=early),))
        is_own = self.is_nominal and early is None
        moved_from = min((*arriving, *origins), default=None)
        is_due = is_own or moved_from is not None
        return ScheduleStep(self.at, moves, self.at if is_due else None, None if is_own else moved_from)

    def held_again(self) -> ScheduleStep:
        closure, arriving, rest = self.timing.closure(self.at), self._arriving, _left(self.moves, self.at)
        if self.timing.on_skip is OnSkip.PREVIOUS:
            why = ""
            early = self._ran_early
            if early is None:
                move = self.timing.move(self.at)
                commit = "" if closure is None else self.commits.get(closure.calendar, "")
                change = f"when {commit[:8]} was applied" if commit else "before the entry was applied"
                why = move.why or f"its earlier day had passed {change}"
            held = HeldTicks(self.at, self.at, closure=closure, moved_to=early, why=why)
            return ScheduleStep(self.at, rest, held=(held,) if self.is_nominal or arriving else ())
        first = min(arriving, default=self.at)
        origins = [*arriving, *([self.at] if self.is_nominal else [])]
        targets = {origin: self.timing.move(origin, beyond=self.at) for origin in origins}
        shown = targets[self.at] if self.is_nominal else targets[first]
        moves = (*rest, *((origin, move.target) for origin, move in targets.items() if move.target is not None))
        held = HeldTicks(
            self.at,
            self.at,
            closure=closure,
            moved_to=shown.target,
            moved_from=first if arriving else None,
            why=shown.why,
        )
        return ScheduleStep(self.at, moves, held=(held,))
