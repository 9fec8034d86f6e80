"""Held and moved runs for the pages: columns of a strip, lines of a list, the boxes of a job. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from chronos_gitops.jobs.calendar_set import CalendarSet
from chronos_gitops.jobs.planning.load_forecast import Alike
from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.applied import AppliedTiming, filed, origin_of
from chronos_gitops.schedule.calendars.state import state_at
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.schedule.timing import ClosedTick, Timing

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ListedRun:
    """One line: a run, with the scheduled time that it takes the place of, or one that a calendar holds."""

    at: datetime
    job: str
    note: str = ""
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class CalendarBox:
    """One calendar of a job: what it is, and how it is now."""

    name: str
    kind: str
    path: str
    state: str
    next_change: datetime | None
    covers_until: str


def held_counts(due: Alike, start: datetime, bucket: timedelta, buckets: int) -> tuple[int, ...]:
    """Scheduled times that calendars hold, by bucket."""
    counts, stop = [0] * buckets, start + bucket * buckets
    for one, names in due.items():
        timing = filed(one.timing)
        for held in timing.held_ranges(max(start, one.since) - _INSTANT, stop - _INSTANT):
            for index in range((held.first - start) // bucket, (held.last - start) // bucket + 1):
                begin = max(held.first, start + bucket * index)
                end = min(held.last, start + bucket * (index + 1) - _INSTANT)
                counts[index] += len(names) * timing.nominal_count(begin - _INSTANT, end)
    return tuple(counts)


def held_lines(due: Alike, start: datetime, stop: datetime) -> Iterator[ListedRun]:
    """Not in order. Those that are dropped are one line for each date and entry."""
    for one, names in due.items():
        notes = held_notes(one.timing, max(start, one.since) - _INSTANT, stop)
        yield from (ListedRun(at, name, note, is_held=True) for at, note in notes for name in names)


def held_notes(timing: Timing | AppliedTiming, after: datetime, until: datetime) -> Iterator[tuple[datetime, str]]:
    """By scheduled time; of those that are dropped the first of each date and entry, with the number of them."""
    if filed(timing).moves_ticks:
        yield from ((held.time, held_note(held, after)) for held in timing.held(after, until))
        return
    for found in filed(timing).held_ranges(after, until):
        many = f", {plural(found.count, 'time')} until {rfc3339(found.last)}" if found.count > 1 else ""
        yield found.first, held_note(ClosedTick(found.first, found.closure, None), after) + many


def moved_note(timing: Timing | AppliedTiming, tick: datetime) -> str:
    """Empty for a run at its own time."""
    origin = origin_of(timing, tick)
    return "" if origin is None else f"moved from {rfc3339(origin)}"


def held_note(held: ClosedTick, now: datetime) -> str:
    """With the target of its move, or the reason why it has none."""
    entry, move, moved = held.closure.entry, held.move, ""
    if move is not None and move.target is None:
        moved = f", {move.why}"
    elif move is not None and move.target is not None:
        words = "ran early, at" if move.target < held.time and move.target <= now else "moved to"
        moved = f", {words} {rfc3339(move.target)}"
    return f"held: {held.closure.calendar} ({entry.reason or entry.text}){moved}"


def boxes(timing: Timing, calendars: CalendarSet, now: datetime) -> list[CalendarBox]:
    """Of each calendar that the job names, then of the freezes that choose it."""
    kinds = [(calendar, "calendar") for calendar in timing.skip] + [(one, "freeze") for one in timing.freezes]
    found = []
    for calendar, kind in kinds:
        file, state = calendars.files.get(calendar.name), state_at(calendar, now)
        covers = "" if calendar.covers_until is None else calendar.covers_until.isoformat()
        path = "" if file is None else file.path
        word = "closed" if state.is_closed else "open"
        found.append(CalendarBox(calendar.name, kind, path, word, state.next_change, covers))
    return found


def timings_by_job(due: Alike) -> Mapping[str, Timing | AppliedTiming]:
    """The timing of each job."""
    return {name: one.timing for one, names in due.items() for name in names}


def in_order(lines: Iterable[ListedRun], most: int) -> list[ListedRun]:
    return sorted(lines, key=lambda line: (line.at, line.job))[:most]
