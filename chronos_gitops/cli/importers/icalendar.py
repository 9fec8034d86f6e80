"""A calendar file out of an iCalendar file: days and ranges as they are written, everything else with its reason."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from chronos_gitops.cli.importers.model import NotReadable, RefusedEntry, Unconvertible
from chronos_gitops.errors import UsageError
from chronos_gitops.jobs.layers.file_roles import calendar_path
from chronos_gitops.jobs.validation.calendar_files import MOST_BYTES, parse_calendar
from chronos_gitops.jobs.validation.quoting import printable
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.icalendar.content_line import unescape
from chronos_gitops.schedule.icalendar.parser import IcalendarError, IcalendarEvent, Property, parse
from chronos_gitops.schedule.zones import timezones

MOST_ENTRIES: Final = 1_000
_DAY: Final = timedelta(days=1)
Moment = TypeVar("Moment", date, datetime)
_EARLIEST, _LATEST = 1970, 9000
_LONGEST_REASON: Final = 200
_DATE: Final = re.compile(r"[0-9]{8}\Z")
_TIME: Final = re.compile(r"([0-9]{8}T[0-9]{6})(Z?)\Z")
_DURATION: Final = re.compile(
    r"\+?P(?:([0-9]{1,5})W|(?:([0-9]{1,5})D)?(?:T(?:([0-9]{1,5})H)?(?:([0-9]{1,5})M)?(?:([0-9]{1,5})S)?)?)\Z"
)
_HORIZON: Final = "add covers_until: the day up to which the dates are complete"


@dataclass(frozen=True, slots=True)
class ImportedCalendar:
    """The text of the calendar file, what is not in it, and notes about the whole."""

    text: str
    entries: int
    refusals: tuple[RefusedEntry, ...]
    notes: tuple[str, ...]


def read(content: bytes, *, name: str, timezone: str | None) -> ImportedCalendar:
    """``timezone`` is that of times; without it, that of the first event that names one."""
    try:
        events = parse(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, IcalendarError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise NotReadable(f"this is no iCalendar file: {reason}", hint="it begins with BEGIN:VCALENDAR") from None
    if timezone is not None:
        _check_zone(timezone)
    zone = timezone or next((found for event in events if (found := _zone_of(event.first("DTSTART")))), None)
    happening = [event for event in events if event.text("STATUS").strip().upper() != "CANCELLED"]
    entries, refusals, has_times = dict[str, str](), list[RefusedEntry](), False
    for event in happening:
        try:
            key, is_timed = _entry(event, zone)
        except Unconvertible as error:
            line, reason = error.args
            refusals.append(RefusedEntry(f"line {line}", _reason(event), reason))
        else:
            entries.setdefault(key, _reason(event))
            has_times = has_times or is_timed
    cancelled = len(events) - len(happening)
    notes = (*([f"{cancelled} cancelled left out"] if cancelled else ()), *([_HORIZON] if entries else ()))
    shown_zone = zone if has_times or timezone is not None else None
    return ImportedCalendar(_text(name, entries, shown_zone), len(entries), tuple(refusals), notes)


def _check_zone(name: str) -> None:
    try:
        timezones.load(name)
    except ScheduleError as error:
        raise UsageError(str(error), hint=error.hint) from None


def _text(name: str, entries: dict[str, str], zone: str | None) -> str:
    """Sorted by day, so that the next import of the same source is a small diff. NotReadable where it is too large."""
    if len(entries) > MOST_ENTRIES:
        raise NotReadable(f"it has {len(entries):,} dates; a calendar has at most {MOST_ENTRIES:,}", hint=_SMALLER)
    head = [] if zone is None else [f"timezone: {zone}"]
    lines = [*head, "closed:" if entries else "closed: []", *(_line(key, entries[key]) for key in sorted(entries))]
    text = "\n".join(lines) + "\n"
    if len(text.encode()) > MOST_BYTES:
        raise NotReadable(f"the calendar would be larger than {MOST_BYTES // 1024} KiB", hint=_SMALLER)
    judged = parse_calendar(name, f"{name}.yaml", "", text.encode()) if entries else None
    if judged is not None and judged.problems:
        raise NotReadable(f"it makes no calendar: {judged.problems[0].message}", hint=judged.problems[0].hint or "")
    return text


_SMALLER: Final = "leave out past years"


def _line(key: str, reason: str) -> str:
    more = f", reason: {json.dumps(reason, ensure_ascii=False)}" if reason else ""
    return f"  - {{{key}{more}}}"


def _entry(event: IcalendarEvent, zone: str | None) -> tuple[str, bool]:
    """The entry without its reason, and whether it has times. Unconvertible with a line and the reason."""
    begin = event.first("DTSTART")
    if begin is None:
        raise Unconvertible(event.line, "it has no DTSTART")
    for name in ("RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"):
        if (found := event.first(name)) is not None:
            raise Unconvertible(found.line, f"{name} is not supported; write its dates by hand")
    if _DATE.match(begin.value):
        return _days(event, begin), False
    return _times(event, begin, zone), True


def _days(event: IcalendarEvent, begin: Property) -> str:
    first = _date(begin)
    last = _last_day(event, first)
    if last < first:
        raise Unconvertible(begin.line, "it ends before it starts")
    rules = event.properties.get("RRULE", [])
    if rules:
        if not _is_yearly(rules[0].value, first) or len(rules) > 1 or last != first:
            reason = "only a plain FREQ=YEARLY of one day is supported; write the dates by hand"
            raise Unconvertible(rules[0].line, reason)
        return f"date: {first:%m-%d}"
    if not _EARLIEST <= first.year <= last.year <= _LATEST:
        raise Unconvertible(begin.line, f"a calendar has the years {_EARLIEST} to {_LATEST}")
    return f"date: {first.isoformat()}" if last == first else f"from: {first.isoformat()}, to: {last.isoformat()}"


def _last_day(event: IcalendarEvent, first: date) -> date:
    """DTEND of whole days is the day after the last one."""
    end, length = event.first("DTEND"), event.first("DURATION")
    if end is not None:
        return max(_date(end) - _DAY, first) if _date(end) >= first else _date(end)
    return _later(first, _length(length) - _DAY, length.line) if length is not None else first


def _times(event: IcalendarEvent, begin: Property, zone: str | None) -> str:
    if (rule := event.first("RRULE")) is not None:
        raise Unconvertible(rule.line, "a rule for times is not supported; write the ranges by hand")
    start = _local(begin, zone)
    end, length = event.first("DTEND"), event.first("DURATION")
    if end is None and length is None:
        raise Unconvertible(begin.line, "it has a time and no end")
    stop = _local(end, zone) if end is not None else _later(start, _length(length), begin.line)
    if not _EARLIEST <= start.year <= stop.year <= _LATEST:
        raise Unconvertible(begin.line, f"a calendar has the years {_EARLIEST} to {_LATEST}")
    if stop <= start:
        raise Unconvertible(begin.line, "it does not end after its start")
    return f"from: {start.isoformat()}, to: {stop.isoformat()}"


def _local(found: Property, zone: str | None) -> datetime:
    match = _TIME.match(found.value)
    if match is None:
        raise Unconvertible(found.line, f'"{found.value[:40]}" is no date and no time')
    own = _zone_of(found)
    if zone is None:
        raise Unconvertible(found.line, "its time names no time zone; give one with --timezone")
    if own is not None and own != zone:
        raise Unconvertible(found.line, f"its time zone is {own[:60]}; a calendar has one, and this one has {zone}")
    try:
        timezones.load(zone)
        return datetime.strptime(match[1], "%Y%m%dT%H%M%S")  # noqa: DTZ007  # a local time, as the calendar file has it
    except ScheduleError as error:
        raise Unconvertible(found.line, str(error)) from None
    except ValueError:
        raise Unconvertible(found.line, f'"{found.value}" is no time') from None


def _zone_of(found: Property | None) -> str | None:
    """None for a whole day, and for a time in the zone of the reader."""
    match = None if found is None else _TIME.match(found.value)
    if found is None or match is None:
        return None
    return "UTC" if match[2] else found.parameters.get("TZID")


def _date(found: Property) -> date:
    try:
        if _DATE.match(found.value):
            return datetime.strptime(found.value, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        pass
    raise Unconvertible(found.line, f'"{found.value[:40]}" is no date')


def _length(found: Property | None) -> timedelta:
    match = None if found is None else _DURATION.match(found.value.strip().upper())
    if found is None or match is None or not any(match.groups()):
        line, value = (0, "") if found is None else (found.line, found.value)
        raise Unconvertible(line, f'"{value[:40]}" is no duration')
    weeks, days, hours, minutes, seconds = (int(one or 0) for one in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _later(moment: Moment, length: timedelta, line: int) -> Moment:
    try:
        return moment + length
    except OverflowError:
        raise Unconvertible(line, "it ends after the year 9999") from None


def _is_yearly(rule: str, first: date) -> bool:
    """Each year on the day of DTSTART, for ever."""
    plain = {"FREQ": "YEARLY", "INTERVAL": "1", "BYMONTH": str(first.month), "BYMONTHDAY": str(first.day)}
    parts = [part.partition("=")[::2] for part in rule.strip().upper().split(";") if part]
    return ("FREQ", "YEARLY") in parts and all(key == "WKST" or plain.get(key) == value for key, value in parts)


def _reason(event: IcalendarEvent) -> str:
    words = "".join(_printable(unescape(event.text("SUMMARY"))))
    return " ".join(words.split())[:_LONGEST_REASON].strip()


def _printable(text: str) -> Iterator[str]:
    return (one if one.isprintable() else " " for one in text)


def document(made: ImportedCalendar, path: Path | None) -> dict[str, Any]:
    return {
        "file": None if path is None or not made.entries else path.as_posix(),
        "yaml": made.text,
        "entries": made.entries,
        "refused": [{"from": one.place, "text": one.text, "reason": one.reason} for one in made.refusals],
        "notes": list(made.notes),
    }


def report(made: ImportedCalendar, path: Path | None, name: str) -> str:
    written = path is not None and made.entries
    lines = [f"wrote {path}" if written else f"# {calendar_path(name)}\n{made.text.rstrip()}"]
    lines += [f"# {one.place}: {printable(one.text) or 'an event'} left out: {one.reason}" for one in made.refusals]
    lines += [f"# {note}" for note in made.notes]
    lines.append(f"# {made.entries} imported, {len(made.refusals)} not converted")
    return "\n".join(lines)
