"""The calendar files of a tree, read and judged, and what is found when they are seen beside the jobs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.layers.file_roles import FileRole
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation import document
from chronos_gitops.jobs.validation.document import SourceSpan
from chronos_gitops.jobs.validation.files import Files, TreeEntry, refusal
from chronos_gitops.jobs.validation.layers.layer_files import entries_of, places_beside_jobs
from chronos_gitops.jobs.validation.yaml import file_nouns
from chronos_gitops.plurals import plural, verb
from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.calendars.calendar import Calendar
from chronos_gitops.schedule.zones import timezones

MOST_BYTES: Final = 64 * 1024
_WARNED_BEFORE: Final = timedelta(days=60)
_NO_FILES: Final[Mapping[str, CalendarFile]] = MappingProxyType({})


def read_calendars(files: Files, known: Mapping[str, CalendarFile] = _NO_FILES) -> tuple[CalendarFile, ...]:
    """By path; one that cannot be read has its problems and no content. What is as in ``known``, the files of a tree
    before by path, is not read again."""
    places = places_beside_jobs(files)
    entries = entries_of(files, (FileRole.CALENDAR,), places)
    same = {one.path: was for one in entries if (was := known.get(one.path)) is not None and _is_as(was, one)}
    unread = [entry for entry in entries if entry.path not in same and _refused(entry) is None]
    contents = files.read(unread) if unread else {}
    return tuple(same.get(entry.path) or _read(entry, places[entry.path].name, contents) for entry in entries)


def _is_as(known: CalendarFile, entry: TreeEntry) -> bool:
    return known.blob == entry.blob and known.calendar is not None and _refused(entry) is None


def parse_calendar(name: str, path: str, blob: str, content: bytes) -> CalendarFile:
    """One file by itself."""
    source = document.read(path, content, file_nouns.CALENDAR)
    if source.problems or not source.complete:
        return CalendarFile(name, path, blob, None, source.problems)
    try:
        calendar = parser.parse(name, source.value, lambda at: source.spot(at).line)
    except parser.CalendarError as error:
        found = (source.spot(one.path).problem("calendar-entry", one.message, one.hint) for one in error.problems)
        return CalendarFile(name, path, blob, None, tuple(found))
    return CalendarFile(name, path, blob, calendar)


def findings(
    read: Sequence[CalendarFile], named: Iterable[Sequence[str]], today: datetime | None
) -> tuple[Problem, ...]:
    """``named`` are the calendars that each job names. With ``today`` also how long dates are complete."""
    jobs = Counter(name for names in named for name in set(names))
    found = [problem for file in read for problem in file.problems]
    for file in read:
        if file.calendar is None:
            continue
        if file.calendar.applies_to is None and not jobs[file.name]:
            hint = "name it in skip of a job, or delete the file"
            found.append(_first_line(file.path).problem("unused-calendar", _UNUSED, hint))
        if today is not None:
            found += _horizon(file.path, file.calendar, jobs[file.name], today)
    return tuple(found)


_UNUSED: Final = "no job names it and it has no applies_to"


def _horizon(path: str, calendar: Calendar, jobs: int, today: datetime) -> Iterator[Problem]:
    if calendar.lacks_horizon:
        message = "it has dates and does not say until when they are complete"
        yield _first_line(path).problem("calendar-horizon", message, "add covers_until: 2027-12-31, for example")
    elif (left := days_left(calendar, today)) is not None and left <= _WARNED_BEFORE.days:
        message = horizon(calendar, left, f"{plural(jobs, 'job')} {verb(jobs, 'names', 'name')} it")
        yield _first_line(path).problem("calendar-horizon", message, NEXT_DATES)
    beyond = calendar.beyond_horizon
    if beyond:
        more = f" (and {len(beyond) - 1:,} more)" if len(beyond) > 1 else ""
        message = f'"{beyond[0].text}"{more} does not count after covers_until, {calendar.covers_until}'
        hint = "move covers_until to the day up to which the dates are complete"
        yield SourceSpan(path, beyond[0].line, 1, 2, "").problem("calendar-horizon", message, hint)


def days_left(calendar: Calendar, today: datetime) -> int | None:
    """Until its dates end, in its zone; None where it does not say."""
    if calendar.covers_until is None:
        return None
    return (calendar.covers_until - today.astimezone(timezones.load(calendar.timezone or "UTC")).date()).days


def horizon(calendar: Calendar, left: int, who: str) -> str:
    """``fr-holidays is complete until 2026-12-31, 33 days from now; 41 jobs name it``; ``who`` is the last part."""
    when = f"{plural(left, 'day')} from now" if left >= 0 else f"{plural(-left, 'day')} ago"
    return f"{calendar.name} is complete until {calendar.covers_until}, {when}; {who}"


NEXT_DATES: Final = "add the dates of the next year"


def known_calendars(read: Sequence[CalendarFile], in_force: CalendarSet | None) -> Mapping[str, Calendar]:
    """Those that a job may name. Where it is not known what was in force before (None), a broken file counts: the
    finding is about the file."""
    if in_force is not None:
        return in_force.contents()
    return {file.name: file.calendar or Calendar.unresolved(file.name) for file in read}


def _read(entry: TreeEntry, name: str, contents: Mapping[str, bytes]) -> CalendarFile:
    reason = _refused(entry)
    if reason is None and entry.path not in contents:
        reason = "unreadable", "the file could not be read", "check that it is still there"
    if reason is not None:
        return CalendarFile(name, entry.path, entry.blob, None, (_first_line(entry.path).problem(*reason),))
    return parse_calendar(name, entry.path, entry.blob, contents[entry.path])


def _refused(entry: TreeEntry) -> tuple[str, str, str] | None:
    if refusal(entry) is None and entry.size > MOST_BYTES:
        message = f"the file has {entry.size:,} bytes; a calendar has at most {MOST_BYTES:,}"
        return "too-large", message, "leave out past years"
    return refusal(entry)


def _first_line(path: str) -> SourceSpan:
    return SourceSpan(path, 1, 1, 2, "")
