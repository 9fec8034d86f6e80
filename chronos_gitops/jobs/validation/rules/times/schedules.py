"""The fields that say when a job runs: its schedules, its zone, its bounds and what becomes of closed days."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.yaml.positions import MAX_FINDINGS, Path
from chronos_gitops.schedule.cron import parser as cron
from chronos_gitops.schedule.errors import ScheduleError, ScheduleListError
from chronos_gitops.schedule.forms.one_off import OneOff
from chronos_gitops.schedule.loose_durations import loose_duration
from chronos_gitops.schedule.schedule import LONGEST, Schedule
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.schedule.timing import MOST_CALENDARS, OnSkip, Timing
from chronos_gitops.schedule.zones import timezones, wall_time

_SCHEDULE: Final[Path] = ("schedule",)
_YEAR: Final = timedelta(days=365)
_ENDED: Final = timedelta(days=30)
"""After this a job that has ended is told to be deleted."""
_FIXED: Final = ("EST", "MST", "HST")
_RULES: Final = {"start": "start-end", "end": "start-end", "on_skip": "on-skip", "skip": "range"}


def check(source: Document) -> Iterator[Problem]:
    """Errors of the schedules, and warnings about schedules that probably do not mean what the author intended."""
    entries = _entries(source)
    found: list[tuple[Path, Schedule]] = []
    zone_problem: Problem | None = None
    for path, text in entries[:MAX_FINDINGS]:
        schedule, errors = _parse(text, _zone(source), _key(source, text))
        for error in errors:
            if error.field == "timezone":
                spot = source.spot(("timezone",))
                zone_problem = spot.problem("timezone", str(error), error.hint, fix=error.meant)
            else:
                yield source.spot(path).problem("schedule", str(error), error.hint, fix=_mended(text))
        if schedule is not None:
            found.append((path, schedule))
    if zone_problem is not None:
        yield zone_problem
    yield from _abbreviation(source)
    yield from _meanings(source, found)
    if len(found) == len(entries) and zone_problem is None:
        yield from _together(source)


def _abbreviation(source: Document) -> Iterator[Problem]:
    zone = source.text("timezone") or ""
    region = timezones.legacy_region(zone)
    if region is not None:
        fixed = ": its clocks never follow daylight saving" if zone in _FIXED else ""
        message = f'timezone "{zone}" is an abbreviation{fixed}'
        yield source.spot(("timezone",)).problem("timezone-abbreviation", message, f"name the region, such as {region}")


def dated_notes(source: Document, today: datetime) -> Iterator[Problem]:
    """Notes about clock changes and dates in the twelve months after ``today``."""
    timing = timing_of(source)
    if timing is None:
        return
    if timing.ended(today - _ENDED):
        yield from _ended(source, timing, today)
    elif any(one.one_off is not None for one in timing.schedules.schedules):
        yield from _past(source, today)
    moved = None if timing.timezone == "UTC" else _first_moved(timing, today)
    if moved is not None:
        when = rfc3339(moved)
        message = f"daylight saving skips a scheduled time in {timing.timezone}; that run comes at {when}"
        hint = "it runs once, at the first instant after the gap; choose another time if that matters"
        yield source.spot(_SCHEDULE).problem("daylight-saving-gap", message, hint)


def timing_of(source: Document) -> Timing | None:
    """The timing of a job that has no error in these fields; its calendars close nothing yet."""
    try:
        return _timing(source)
    except ScheduleError:
        return None


def may_be_quick(source: Document) -> bool:
    """False where each schedule is of five fields or one word, which never runs more often than once a minute."""
    return any("@every" in text.lower() or len(text.split()) > 5 for _, text in _entries(source))


def _timing(source: Document) -> Timing | None:
    """None where a value is not of its form: that is for the schema to say."""
    texts, skip = [text for _, text in _entries(source)], source.get("skip") or []
    start, end, on_skip = (source.text(field) or "" for field in ("start", "end", "on_skip"))
    given = source.get(*_SCHEDULE)
    is_whole = len(texts) == len(given) if isinstance(given, list) else bool(texts)
    is_list = isinstance(skip, list) and len(skip) <= MOST_CALENDARS and all(isinstance(name, str) for name in skip)
    if not (is_whole and is_list) or any(len(text) > LONGEST for text in texts) or on_skip not in ("", *OnSkip):
        return None
    key = source.text("name") or ""
    return Timing.parse(
        texts, _zone(source), key=key, start=start, end=end, skip=skip, on_skip=on_skip or OnSkip.DROP.value
    )


def _entries(source: Document) -> Sequence[tuple[Path, str]]:
    """Each schedule that is a text, with its place."""
    given = source.get(*_SCHEDULE)
    if isinstance(given, list):
        return [((*_SCHEDULE, number), text) for number, text in enumerate(given) if isinstance(text, str) and text]
    return [(_SCHEDULE, given)] if isinstance(given, str) and given and len(given) <= LONGEST else []


def _zone(source: Document) -> str:
    return source.text("timezone") or "UTC"


def _key(source: Document, text: str) -> str:
    """The name where ``H`` stands, so that all other jobs of one schedule are judged once."""
    return (source.text("name") or "") if cron.is_hashed(text) else ""


def _parse(text: str, zone: str, key: str) -> tuple[Schedule | None, list[ScheduleError]]:
    """The schedule, or what is wrong with it: an unknown zone must not hide a wrong expression."""
    try:
        return Schedule.parse(text, zone, key=key), []
    except ScheduleError as error:
        if error.field == "schedule":
            return None, [error]
        return None, [error, *_parse(text, "UTC", key)[1]]


def _mended(text: str) -> str:
    """``@every 5 minutes`` as it should be, in quotes."""
    word, _, rest = text.partition(" ")
    length = loose_duration(rest.strip()) if word.lower() == "@every" else None
    return f'"@every {length}"' if length not in (None, "0s") else ""


def _together(source: Document) -> Iterator[Problem]:
    """Problems of schedules, bounds and ``on_skip`` in combination."""
    try:
        _timing(source)
    except ScheduleListError as error:
        yield source.spot(_SCHEDULE).problem("schedule-list", str(error), error.hint)
    except ScheduleError as error:
        yield source.spot((error.field,)).problem(_RULES.get(error.field, error.field), str(error), error.hint)


def _meanings(source: Document, found: Sequence[tuple[Path, Schedule]]) -> Iterator[Problem]:
    first: dict[Schedule, int] = {}
    for number, (path, schedule) in enumerate(found, start=1):
        known = first.setdefault(schedule, number)
        if known != number:
            message = f"entries {known} and {number} are the same"
            yield source.spot(path).problem("schedule-repeated", message, "remove one of them")
        if schedule.both_day_fields:
            message = "day of month and day of week are both restricted; either one is enough for a run"
            hint = "write * in one of them unless either is meant"
            yield source.spot(path).problem("both-day-fields", message, hint)
        for item, field, values in cron.uneven_steps(schedule.text):
            message = f"{item} in the {field} field is {_listed(values)}: the step does not divide its range"
            yield source.spot(path).problem("uneven-step", message, "write the values, or a step that divides it")
        if schedule.one_off is not None:
            yield from _clock_change(source, path, schedule.one_off)


def _listed(values: Sequence[int]) -> str:
    shown = ", ".join(map(str, values[:4]))
    return shown if len(values) <= 4 else f"{shown}, ... {values[-1]}"


def _clock_change(source: Document, path: Path, one_off: OneOff) -> Iterator[Problem]:
    day, _, time = wall_time.render_time(one_off.wall).partition("T")
    if not one_off.exists:
        runs = f"{one_off.instant.astimezone(one_off.zone):%H:%M}"
        message = f"{time} does not exist on {day} in {one_off.zone.key}; it runs at {runs}"
        yield source.spot(path).problem("at-clock-change", message, "choose another time if that matters")
    elif one_off.repeated:
        message = f"{time} comes twice on {day} in {one_off.zone.key}; it runs the first time"
        yield source.spot(path).problem("at-clock-change", message, "choose another time if that matters")


def _past(source: Document, today: datetime) -> Iterator[Problem]:
    for path, text in _entries(source)[:MAX_FINDINGS]:
        schedule, _ = _parse(text, _zone(source), _key(source, text))
        if schedule is not None and schedule.one_off is not None and schedule.one_off.instant <= today:
            yield source.spot(path).problem("at-past", f"{text} is past", "it does not run again; remove the entry")


def _ended(source: Document, timing: Timing, today: datetime) -> Iterator[Problem]:
    last = timing.latest(datetime(1970, 1, 1, tzinfo=UTC), today, 1)
    day = f"{(last[0] if last else today).astimezone(timezones.load(timing.timezone)):%Y-%m-%d}"
    path: Path = ("end",) if timing.end else _SCHEDULE
    if timing.end:
        day = timing.end[:10]
    yield source.spot(path).problem("ended", f"it ended on {day}", "delete the file")


@lru_cache(maxsize=4096)
def _first_moved(timing: Timing, today: datetime) -> datetime | None:
    """The first tick that a gap moves, but for one-offs: of those a note tells by itself."""
    one_offs = {one.one_off.instant for one in timing.schedules.schedules if one.one_off is not None}
    return next((tick for tick in timing.gap_ticks(today, today + _YEAR) if tick not in one_offs), None)
