"""The ticks that a gap owes: those that were due and not decided, and those that calendars held. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta

from chronos_gitops.engine.model import HeldBy
from chronos_gitops.engine.ticks.due_queue import DueTicks, ListedTicks, Missed
from chronos_gitops.jobs.calendar_set import NO_CALENDARS, CalendarFile, CalendarSet
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.calendars.calendar import CalendarEntry
from chronos_gitops.schedule.calendars.closures import Closure
from chronos_gitops.schedule.calendars.steps import NO_COMMITS, Commits, HeldTicks, Moves, held_rows, steps
from chronos_gitops.schedule.timing import OnSkip, Timing

_RECORDED = timedelta(days=1)
"""An ``@at`` entry that is applied later than this after its time leaves no row."""
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class OwedTicks:
    """``moves`` are those under way at the end of the gap; ``origins`` has the held tick whose place one of ``ticks``
    takes."""

    ticks: DueTicks
    held: Sequence[HeldTicks] = ()
    moves: Moves = ()
    origins: Mapping[datetime, datetime] = field(default_factory=dict)


def owed(
    timing: Timing,
    since: datetime,
    until: datetime,
    moves: Moves,
    *,
    old: Timing | None = None,
    commits: Commits = NO_COMMITS,
) -> OwedTicks:
    """In (since, until]. Where contents of calendars changed in the gap, ``old`` has those from before: only what is
    open under both is owed, the rest is held."""
    if not (timing.has_calendars or moves or (old is not None and old.has_calendars)):
        return OwedTicks(timing)
    if timing.on_skip is OnSkip.DROP:
        both = timing if old is None else timing.with_calendars(timing.skip, (*timing.freezes, *old.skip, *old.freezes))
        return OwedTicks(both, held_rows(both, since, until), tuple(pair for pair in moves if max(pair) > until))
    ticks: list[datetime] = []
    origins: dict[datetime, datetime] = {}
    held: list[HeldTicks] = []
    for step in steps(timing if old is None else old, since, until, moves, commits=commits):
        held += step.held
        moves = step.moves
        closure = timing.closure(step.tick) if old is not None and step.tick is not None else None
        if step.tick is not None and closure is not None:
            held.append(HeldTicks(step.tick, step.tick, closure=closure, moved_from=step.moved_from))
        elif step.tick is not None:
            ticks.append(step.tick)
            if step.moved_from is not None:
                origins[step.tick] = step.moved_from
    return OwedTicks(ListedTicks(tuple(ticks)), held, moves, origins)


def applied_late(timing: Timing, old: Timing | None, now: datetime) -> tuple[Missed, ...]:
    """The ``@at`` entries less than 24 hours past that ``old`` did not name: they never run (TIME section 4)."""
    entries = (schedule.one_off for schedule in timing.schedules.schedules)
    past = {entry.instant for entry in entries if entry is not None and now - _RECORDED < entry.instant <= now}
    found = (tick for tick in sorted(past) if _names(timing, tick) and not (old is not None and _names(old, tick)))
    return tuple(Missed(1, tick, tick, _late(now - tick)) for tick in found)


def _names(timing: Timing, tick: datetime) -> bool:
    return timing.nominal_after(tick - _INSTANT) == tick


def _late(after: timedelta) -> str:
    return f"applied {durations.render(timedelta(seconds=after // timedelta(seconds=1)))} after its time"


def held_by(closure: Closure | None, calendars: CalendarSet, earlier: CalendarSet = NO_CALENDARS) -> HeldBy | None:
    """The entry with the file it stands in: that of the ``earlier`` calendars where an edit has removed or changed
    it."""
    if closure is None:
        return None
    file, entry = calendars.files.get(closure.calendar), closure.entry
    if not _has(file, entry):
        file = earlier.files.get(closure.calendar, file)
    path, commit = (None, None) if file is None else (file.path, file.commit)
    return HeldBy(closure.calendar, entry.reason or entry.text, path, entry.line, commit)


def _has(file: CalendarFile | None, entry: CalendarEntry) -> bool:
    return file is not None and file.calendar is not None and entry in file.calendar.closed
