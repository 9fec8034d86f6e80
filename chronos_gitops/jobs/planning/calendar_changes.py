"""The effect of changed calendars on the runs of the next 366 days. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final

from chronos_gitops.jobs.job_set import JobSetDiff
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.changed_ticks import ChangedTick, TickChange, changed_ticks, count_changes
from chronos_gitops.schedule.calendars.entry_changes import EntryChanges
from chronos_gitops.schedule.timing import Timing

MOST_RUNS: Final = 20
_YEAR: Final = timedelta(days=366)


class CalendarOperation(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ChangedRun:
    """One scheduled time of one job that a calendar holds, opens or moves. ``is_unknown``: its dates are not complete
    by then (``covers_until``)."""

    tick: ChangedTick
    job: str
    is_unknown: bool


@dataclass(frozen=True, slots=True)
class CalendarChange:
    """Of ``jobs`` the ticks of the next 366 days: how many become ``closed``, ``opened`` and ``moved``, and the first
    of these. ``entries_added`` and ``entries_removed`` are lines of the file, as written there."""

    name: str
    operation: CalendarOperation
    jobs: int
    closed: int
    opened: int
    moved: int = 0
    runs: tuple[ChangedRun, ...] = ()
    entries_added: tuple[str, ...] = ()
    entries_removed: tuple[str, ...] = ()

    @property
    def more(self) -> int:
        """Number of scheduled times that are not among ``runs``."""
        return self.closed + self.opened + self.moved - len(self.runs)


def calendar_changes(before: JobSet, after: JobSet, difference: JobSetDiff, at: datetime) -> tuple[CalendarChange, ...]:
    """Only of calendars whose content or choice of jobs differs."""
    return tuple(
        _change(name, before, after, difference, at)
        for name in difference.calendars
        if _content(before, name) != _content(after, name)
    )


def merged(found: Iterable[CalendarChange]) -> tuple[CalendarChange, ...]:
    """Of several environments: the most jobs and runs that one of them has."""
    by_name: dict[str, CalendarChange] = {}
    for one in found:
        known = by_name.setdefault(one.name, one)
        if known is not one:
            by_name[one.name] = replace(
                known,
                jobs=max(known.jobs, one.jobs),
                closed=max(known.closed, one.closed),
                opened=max(known.opened, one.opened),
                moved=max(known.moved, one.moved),
                runs=max(known.runs, one.runs, key=len),
            )
    return tuple(by_name[name] for name in sorted(by_name))


def _content(jobs: JobSet, name: str) -> object:
    calendar = jobs.calendars.get(name)
    return None if calendar is None else (calendar.digest, calendar.applies_to)


def _change(name: str, before: JobSet, after: JobSet, difference: JobSetDiff, at: datetime) -> CalendarChange:
    old, new = before.calendars.get(name), after.calendars.get(name)
    operation = CalendarOperation.CHANGED
    if old is None or new is None:
        operation = CalendarOperation.ADDED if old is None else CalendarOperation.REMOVED
    pairs: defaultdict[tuple[Timing, Timing], list[str]] = defaultdict(list)
    for job in difference.retimed:
        was, now = before.definitions[job].job, after.definitions[job].job
        if now.enabled and (_names(was.timing, name) or _names(now.timing, name)):
            pairs[was.timing, now.timing].append(job)
    counts = Counter[TickChange]()
    runs: list[ChangedRun] = []
    for pair, jobs in pairs.items():
        counts.update({change: number * len(jobs) for change, number in count_changes(*pair, at, at + _YEAR).items()})
        runs += _first(pair, jobs, at) if len(runs) < MOST_RUNS else []
    shown = sorted(runs, key=lambda run: (run.tick.time, run.job))[:MOST_RUNS]
    closed, opened, moved = (counts[change] for change in TickChange)
    entries, number = EntryChanges.between(old, new), sum(map(len, pairs.values()))
    about = entries.added, entries.removed
    return CalendarChange(name, operation, number, closed, opened, moved, tuple(shown), *about)


def _names(timing: Timing, name: str) -> bool:
    return any(calendar.name == name for calendar in (*timing.skip, *timing.freezes))


def _first(pair: tuple[Timing, Timing], jobs: Sequence[str], at: datetime) -> Iterator[ChangedRun]:
    end = pair[1].known_until
    for tick in islice(changed_ticks(*pair, at, at + _YEAR), MOST_RUNS):
        is_unknown = end is not None and (tick.target or tick.time) >= end
        yield from (ChangedRun(tick, job, is_unknown) for job in jobs[:MOST_RUNS])
