"""Sentences about a scheduled time that a calendar held, and about one that took its place."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from chronos_gitops.engine.model import Execution, HeldBy
from chronos_gitops.jobs.model import Job
from chronos_gitops.plurals import plural, verb
from chronos_gitops.schedule.moves import Move
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.schedule.zones import timezones


def of_row(row: Execution, tick: datetime, job: Job | None) -> str:
    """Of a row with the reason ``calendar``."""
    moved = f"; it moved to {rfc3339(row.moved_to)}" if row.moved_to is not None else ""
    if row.moved_to is not None and row.moved_to < row.scheduled_time:
        moved = f"; it ran early, at {rfc3339(row.moved_to)}"
    why = f"; {row.message}" if row.message else ""
    origin = f", in the place of {rfc3339(row.moved_from)}," if row.moved_from is not None else ""
    because = _because(row.calendar, tick, job)
    return f"The scheduled time {rfc3339(tick)}{origin} was held{because}{moved}{why}{many(row)}."


def many(row: Execution) -> str:
    """The number of scheduled times of a row that stands for several; empty for one."""
    if row.range_start is None:
        return ""
    return f"; one record stands for {plural(row.count, 'scheduled time')} from {rfc3339(row.range_start)}"


def to_come(tick: datetime, calendar: HeldBy, move: Move | None, job: Job, now: datetime) -> str:
    """Of a scheduled time without a row yet; ``move`` is None where it is dropped."""
    verb, moves = "was" if tick <= now else "is", ""
    if move is not None and move.target is None:
        moves = f"; {move.why}"
    elif move is not None and move.target is not None:
        words = "it ran early, at" if move.target < tick and move.target <= now else "it moves to"
        moves = f"; {words} {rfc3339(move.target)}"
    return f"The scheduled time {rfc3339(tick)} {verb} held{_because(calendar, tick, job)}{moves}."


def takes_place_of(origin: datetime | None) -> str:
    """Of the target of a move that is still to come."""
    return "" if origin is None else f" It takes the place of {rfc3339(origin)}, which is held."


def in_place_of(row: Execution) -> str:
    """Of a row that ran as the target of a move."""
    return "" if row.moved_from is None else f" It ran in the place of {rfc3339(row.moved_from)}, which was held."


def closed_until(calendar: str, opens: datetime | None) -> str:
    """The clause about an instant at which a run is requested."""
    return f"closed by {calendar}" + ("" if opens is None else f" until {rfc3339(opens)}")


def not_held(closed: Iterable[str | None], call: str) -> list[str]:
    """A clause for each ``closed_until`` text of the jobs, None for open ones. ``call``: trigger, replay."""
    counts = Counter(text for text in closed if text)
    return [
        f"{plural(count, 'job')} {verb(count, 'is', 'are')} {text}; a {call} is not held"
        for text, count in sorted(counts.items())
    ]


def _because(calendar: HeldBy | None, tick: datetime, job: Job | None) -> str:
    if calendar is None:
        return ""
    zone = timezones.load("UTC" if job is None else job.timezone)
    day, path = f"{tick.astimezone(zone):%Y-%m-%d}", calendar.path
    commit = f" (commit {calendar.commit[:8]})" if calendar.commit else ""
    place = "" if path is None else f", {path}:{calendar.line}{commit}"
    return f": {calendar.name} closes {day} ({calendar.reason}){place}"
