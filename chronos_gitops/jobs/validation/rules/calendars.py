"""The calendars that a job names in ``skip``."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.rules.times.schedules import timing_of
from chronos_gitops.jobs.validation.suggestions import did_you_mean
from chronos_gitops.schedule.calendars.calendar import Calendar

_YEAR: Final = timedelta(days=366)


def names(source: Document) -> tuple[str, ...]:
    """The names in ``skip``, as far as they are texts."""
    given = source.get("skip")
    return tuple(name for name in given if isinstance(name, str)) if isinstance(given, list) else ()


def check(source: Document, calendars: Mapping[str, Calendar], today: datetime | None) -> Iterator[Problem]:
    """``calendars`` are those of the tree. With ``today`` also whether they hold every tick of a year."""
    named = names(source)
    for number, name in enumerate(named):
        if name not in calendars:
            hint = did_you_mean(name, list(calendars)) or f"a file _calendars/{short(name)}.yaml declares it"
            spot = source.spot(("skip", number))
            yield spot.problem("unknown-calendar", f'there is no calendar "{short(name)}"', hint)
    if today is not None and named and all(name in calendars for name in named):
        yield from _silent(source, [calendars[name] for name in named], today)


def _silent(source: Document, skip: list[Calendar], today: datetime) -> Iterator[Problem]:
    timing = timing_of(source)
    if timing is None:
        return
    nominal = timing.next_after(today)
    if nominal is None or nominal > today + _YEAR:
        return
    first = timing.with_calendars(skip, ()).next_after(today)
    if first is None or first > today + _YEAR:
        message = "its calendars drop every scheduled time of the next 366 days"
        yield source.spot(("skip",)).problem("calendar-silent", message, "choose other times, or on_skip: next")
