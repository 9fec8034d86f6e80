"""The document of a calendar file to a Calendar, and what is wrong with it."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.calendar import WEEKDAYS, Calendar, CalendarEntry
from chronos_gitops.schedule.calendars.selection import FIELDS as SELECTION_FIELDS
from chronos_gitops.schedule.calendars.selection import Selection, is_list_of_names, parse_selection
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.zones import timezones, wall_time
from chronos_gitops.schedule.zones.wall_time import DAY

MOST_ENTRIES = 1_000
FIELDS = ("description", "timezone", "covers_until", "closed", "open", "applies_to", "except")
_IMPORT = "import the dates with `chronos-gitops import ics`"
_INSTEAD: Mapping[object, str] = {
    "only": "close the other days with closed, or list the times of the job as @at",
    "include": "name each calendar in skip of the job",
    "country": _IMPORT,
    "url": _IMPORT,
    "ics": _IMPORT,
    "rrule": f"{_IMPORT}, or write MM-DD for each year",
}
"""Fields that people expect of a calendar and that TIME section 13 refuses."""
_EXAMPLES = "write SAT, 12-25, 2027-03-29 or {from: 2027-05-06, to: 2027-05-07}"
_EACH_YEAR = "a range has years; for every year list its days, like 12-24, 12-25"
_TWO_DATES = re.compile(r"(\d{4}-\d\d-\d\d)\s*(?:/|--?|\.\.\.?|–|to|until|:)\s*(\d{4}-\d\d-\d\d)")
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class CalendarProblem:
    """One fault of a calendar: ``path`` leads to the value in the document, the empty path is the whole file."""

    path: Path
    message: str
    hint: str = ""


class CalendarError(ValueError):
    """A document that is no calendar; ``problems`` has every fault, in the order of the file."""

    def __init__(self, problems: Sequence[CalendarProblem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = tuple(problems)


def parse(name: str, document: Mapping[str, Any], line: Callable[[Path], int] = lambda _: 0) -> Calendar:
    """The calendar of a parsed file; ``line`` gives the line of a path, from 1.

    Raises CalendarError with all problems.
    """
    reader = _CalendarReader(line)
    calendar = reader.calendar(name, document)
    if reader.problems or calendar is None:
        raise CalendarError(reader.problems)
    return calendar


class _CalendarReader:
    def __init__(self, line: Callable[[Path], int]) -> None:
        self.problems: list[CalendarProblem] = []
        self._line = line

    def calendar(self, name: str, document: Mapping[str, Any]) -> Calendar | None:
        for key in document:
            if key not in FIELDS:
                hint = _INSTEAD.get(key, f"it has {', '.join(FIELDS)}")
                self._refuse((key,), f'a calendar has no field "{str(key)[:40]}"', hint)
        closed = self._entries(document, "closed", weekdays=True)
        opened = self._entries(document, "open", weekdays=False)
        if {entry.weekday for entry in closed} >= set(range(7)):
            self._refuse(("closed",), "every weekday is closed", "leave out the days on which jobs run")
        applies_to = self._selection(document)
        timezone = self._timezone(document)
        if applies_to is not None and not timezone and "timezone" not in document:
            self._refuse(
                (), "a calendar with applies_to states its timezone", "add timezone: Europe/Paris, for example"
            )
        description = document.get("description", "")
        if not isinstance(description, str):
            self._refuse(("description",), "description is not a text")
        covers_until = self._date(document, "covers_until")
        if self.problems:
            return None
        return Calendar(
            name,
            tuple(closed),
            tuple(opened),
            timezone=timezone,
            description=description,
            covers_until=covers_until,
            applies_to=applies_to,
        )

    def _entries(self, document: Mapping[str, Any], key: str, *, weekdays: bool) -> list[CalendarEntry]:
        if key not in document:
            if key == "closed":
                self._refuse((), "closed is missing", "add closed: with the days on which jobs do not run")
            return []
        listed = document[key]
        if not isinstance(listed, list):
            self._refuse(
                (key,), f"{key} is not a list", f"write {key}: [SAT, SUN]" if weekdays else "write a list of dates"
            )
            return []
        if len(listed) > MOST_ENTRIES:
            self._refuse((key,), f"{key} has {len(listed)} entries, more than {MOST_ENTRIES}", "leave out past years")
            return []
        found = (self._entry(value, (key, number), weekdays=weekdays) for number, value in enumerate(listed))
        return [entry for entry in found if entry is not None]

    def _entry(self, value: Any, path: Path, *, weekdays: bool) -> CalendarEntry | None:
        if isinstance(value, str):
            return self._day(value, path, "", weekdays=weekdays)
        if not isinstance(value, dict):
            self._refuse(path, f'"{_shown(value)}" is no weekday, date, MM-DD or range', _EXAMPLES)
            return None
        reason = value.get("reason", "")
        unknown = next((key for key in value if key not in ("date", "from", "to", "reason")), None)
        if unknown is not None or not isinstance(reason, str):
            self._refuse(path, "an entry has date, or from and to, and a reason", _EXAMPLES)
            return None
        reason = _one_line(reason)
        if set(value) - {"reason"} == {"date"} and isinstance(value["date"], str):
            return self._day(value["date"], path, reason, weekdays=weekdays)
        if set(value) - {"reason"} == {"from", "to"}:
            return self._range(value["from"], value["to"], path, reason)
        self._refuse(path, "an entry has date, or from and to, and a reason", _EXAMPLES)
        return None

    def _day(self, text: str, path: Path, reason: str, *, weekdays: bool) -> CalendarEntry | None:
        line = self._line(path)
        if weekdays and text.upper() in WEEKDAYS:
            return CalendarEntry(text.upper(), reason, line, weekday=WEEKDAYS.index(text.upper()))
        month_day = _month_day(text)
        if month_day is not None:
            return CalendarEntry(text, reason, line, month_day=month_day)
        midnight = wall_time.parse_date(text)
        if midnight is not None:
            return CalendarEntry(text, reason, line, start=midnight, stop=midnight + DAY)
        kinds = "weekday, date, MM-DD or range" if weekdays else "date, MM-DD or range"
        usual = _EXAMPLES if weekdays else "write 2026-10-10"
        self._refuse(path, f'"{text[:40]}" is no {kinds}', _range_hint(text) or wall_time.hint(text, usual))
        return None

    def _range(self, first: Any, last: Any, path: Path, reason: str) -> CalendarEntry | None:
        start, _ = _boundary(first)
        stop, whole_day = _boundary(last)
        for value, wall in ((first, start), (last, stop)):
            if wall is None:
                usual = "write 2027-05-06 or 2027-05-06T12:00, in the calendar's zone"
                hint = _EACH_YEAR if isinstance(value, str) and _month_day(value) else wall_time.hint(value, usual)
                self._refuse(path, f'"{_shown(value)}" is no date or local time', hint)
                return None
        assert start is not None, "refused above"
        assert stop is not None, "refused above"
        stop += DAY if whole_day else 0
        if start >= stop:
            self._refuse(path, "from is not before to", "a time as to is open again; a date as to includes its day")
            return None
        return CalendarEntry(f"{first} to {last}", reason, self._line(path), start=start, stop=stop)

    def _date(self, document: Mapping[str, Any], key: str) -> date | None:
        if key not in document:
            return None
        value = document[key]
        midnight = wall_time.parse_date(value) if isinstance(value, str) else None
        if midnight is None:
            self._refuse((key,), f'"{_shown(value)}" is no date', wall_time.hint(value, "write 2027-12-31"))
            return None
        return wall_time.to_date(midnight)

    def _timezone(self, document: Mapping[str, Any]) -> str:
        value = document.get("timezone", "")
        if "timezone" not in document:
            return ""
        if not isinstance(value, str):
            self._refuse(("timezone",), "timezone is not a text", "write timezone: Europe/Paris")
            return ""
        try:
            timezones.load(value)
        except ScheduleError as error:
            self._refuse(("timezone",), str(error), error.hint)
            return ""
        return value

    def _selection(self, document: Mapping[str, Any]) -> Selection | None:
        if "applies_to" not in document:
            if "except" in document:
                self._refuse(("except",), "except stands only beside applies_to", "remove it, or add applies_to")
            return None
        except_jobs = self._except_jobs(document)
        chosen = document["applies_to"]
        if chosen == "all":
            return Selection(except_jobs=except_jobs)
        if not isinstance(chosen, dict) or not chosen or set(chosen) - set(SELECTION_FIELDS):
            hint = "write all, or {folder: jobs/payments, tags: {tier: gold}, environments: [production]}"
            self._refuse(("applies_to",), "applies_to is no selection of jobs", hint)
            return None
        return parse_selection(chosen, ("applies_to",), self._refuse, except_jobs)

    def _except_jobs(self, document: Mapping[str, Any]) -> frozenset[str]:
        value = document.get("except", {"jobs": []})
        jobs = value.get("jobs") if isinstance(value, dict) and set(value) == {"jobs"} else None
        if jobs is None or not is_list_of_names(jobs):
            self._refuse(("except",), "except takes names of jobs", "write except: {jobs: [heartbeat]}")
            return frozenset()
        return frozenset(jobs)

    def _refuse(self, path: Path, message: str, hint: str = "") -> None:
        self.problems.append(CalendarProblem(path, message, hint))


def _boundary(value: Any) -> tuple[int | None, bool]:
    """The second of a date or local time, and whether it is a whole day."""
    if not isinstance(value, str):
        return None, False
    midnight = wall_time.parse_date(value)
    return (midnight, True) if midnight is not None else (wall_time.parse_time(value), False)


def _range_hint(text: str) -> str:
    """Two dates in one text, with a mark or a word between them."""
    match = _TWO_DATES.fullmatch(text)
    return "" if match is None else f"write {{from: {match[1]}, to: {match[2]}}}"


def _month_day(text: str) -> tuple[int, int] | None:
    month, _, day = text.partition("-")
    if not (len(month) == len(day) == 2 and text.isascii() and month.isdigit() and day.isdigit()):
        return None
    known = 1 <= int(month) <= 12 and 1 <= int(day) <= _LENGTHS[int(month) - 1]
    return (int(month), int(day)) if known else None


def _one_line(text: str) -> str:
    """Without line breaks and control characters: terminals and logs show it."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _shown(value: Any) -> str:
    """As the author wrote it: ``null`` and not Python's word for it."""
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[:40]
