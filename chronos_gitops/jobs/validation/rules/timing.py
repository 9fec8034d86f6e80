"""When a job runs, and how long it may take."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise

from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.yaml.positions import Path
from chronos_gitops.schedule import cron_parser, durations
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.schedule import LONGEST, Schedule
from chronos_gitops.schedule.timestamps import rfc3339

_DURATIONS: tuple[Path, ...] = (
    ("timeout",),
    ("webhook", "timeout"),
    ("retry_policy", "initial_interval"),
    ("retry_policy", "max_interval"),
    ("catchup_window",),
    ("jitter",),
)
_TIMEOUTS: tuple[Path, ...] = (("timeout",), ("webhook", "timeout"))
_DURATION = re.compile(durations.PATTERN[:-1] + r"\Z")
_QUICKEST = timedelta(seconds=10)
_DEFAULT_TIMEOUT = timedelta(minutes=5)
_DEFAULT_MAX_INTERVAL = timedelta(minutes=1)
_YEAR = timedelta(days=365)
# Any Monday does: the shortest gap is sought among the first ticks from here, and no clock is read for it.
_REFERENCE = datetime(2024, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)
_SAMPLE = 8
_LONGEST_LOOSE = 60
_UNIT = r"(?:ms|[Mm]illiseconds?|msecs?|s|[Ss]ecs?|[Ss]econds?|m|[Mm]ins?|[Mm]inutes?|h|hrs?|[Hh]ours?|d|[Dd]ays?)"
_LOOSE_PART = rf"([0-9]{{1,6}})[ ]?({_UNIT})"
_LOOSE = rf"(?:[0-9]{{1,6}}[ ]?{_UNIT}(?:,?[ ](?:and[ ])?|\Z))+"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def check(source: Document) -> Iterator[Problem]:
    yield from _absent(source)
    parsed = {path: _duration(text) for path in _DURATIONS if (text := source.text(*path)) is not None}
    for path, read in parsed.items():
        if isinstance(read, durations.DurationError):
            yield source.spot(path).problem(source.file, "duration", str(read))
    lengths = {path: read for path, read in parsed.items() if isinstance(read, timedelta)}
    yield from _timeouts(source, lengths)
    yield from _waits(source, lengths)
    yield from _schedule(source, lengths)


def gap_notes(source: Document, today: datetime) -> Iterator[Problem]:
    """A note on the first run of the next twelve months that daylight saving moves, if there is one."""
    text, zone = source.text("schedule"), source.text("timezone") or "UTC"
    if text is None or zone == "UTC":
        return
    try:
        schedule = Schedule.parse(text, zone, key=_key(source, text))
    except ScheduleError:
        return
    moved = _first_moved(schedule, today)
    if moved is not None:
        when = rfc3339(moved)
        message = f"daylight saving skips a scheduled time in {zone}; that run comes at {when}"
        hint = "it runs once, at the first instant after the gap; choose another time when that matters"
        yield source.spot(("schedule",)).problem(source.file, "daylight-saving-gap", message, hint)


def _key(source: Document, text: str) -> str:
    """The name where ``H`` stands, so that all other jobs of one schedule are judged once."""
    return (source.text("name") or "") if cron_parser.is_hashed(text) else ""


@lru_cache(maxsize=4096)
def _first_moved(schedule: Schedule, today: datetime) -> datetime | None:
    return next(iter(schedule.gap_ticks(today, today + _YEAR)), None)


def _absent(source: Document) -> Iterator[Problem]:
    if "enabled" not in source.value:
        message, hint = (
            "`enabled` is absent, so the job does not run",
            "write enabled: true, or false to say it is meant",
        )
        yield source.key_spot(("name",)).problem(source.file, "enabled-absent", message, hint)
    if "timeout" not in source.value and source.get("webhook", "timeout") is None:
        message, hint = "`timeout` is absent, so an attempt may take 5m", "write timeout: 5m, or what fits the receiver"
        if source.text("webhook", "completion") == "callback":
            message = "`timeout` is absent, so the callback has to come within 5m"
            hint = "write how long the work may take, like timeout: 2h"
        yield source.key_spot(("name",)).problem(source.file, "timeout-absent", message, hint)


@lru_cache(maxsize=1024)
def _duration(text: str) -> timedelta | durations.DurationError | None:
    if not _DURATION.match(text):
        return None
    try:
        return durations.parse(text)
    except durations.DurationError as error:
        return error


def _timeouts(source: Document, lengths: dict[Path, timedelta]) -> Iterator[Problem]:
    for path in _TIMEOUTS:
        if path in lengths and not lengths[path]:
            message, hint = "a timeout of zero ends every attempt before it starts", "write one like 30s or 5m"
            yield source.spot(path).problem(source.file, "zero-timeout", message, hint)


def _waits(source: Document, lengths: dict[Path, timedelta]) -> Iterator[Problem]:
    first = lengths.get(("retry_policy", "initial_interval"))
    longest = lengths.get(("retry_policy", "max_interval"), _DEFAULT_MAX_INTERVAL)
    if first is not None and first > longest:
        message = (
            f"the first wait of {durations.render(first)} is longer than max_interval, {durations.render(longest)}"
        )
        hint = f"write max_interval: {durations.render(first)} or longer"
        place = ("retry_policy", "initial_interval")
        yield source.spot(place).problem(source.file, "retry-interval", message, hint)


def _schedule(source: Document, lengths: dict[Path, timedelta]) -> Iterator[Problem]:
    text, zone = source.text("schedule"), source.text("timezone") or "UTC"
    if not text or len(text) > LONGEST:
        return
    schedule, errors = _parse(text, zone, _key(source, text))
    for error in errors:
        fix = _every(text) if error.field == "schedule" else ""
        yield source.spot((error.field,)).problem(source.file, error.field, str(error), error.hint, fix=fix)
    if schedule is None:
        return
    place: Path = ("schedule",)
    if schedule.both_day_fields:
        message = "day of month and day of week are both restricted; either one is enough for a run"
        hint = "write * in one of them unless either is meant"
        yield source.spot(place).problem(source.file, "both-day-fields", message, hint)
    is_quick = text.startswith("@every") or len(text.split()) == 6
    gap = shortest_gap(schedule) if is_quick or source.text("concurrency") == "allow" else None
    if gap is None:
        return
    if gap < _QUICKEST:
        message = f"the job runs every {durations.render(gap)}"
        hint = "a queue or a resident process does this better"
        yield source.spot(place).problem(source.file, "too-frequent", message, hint)
    yield from _overlap(source, lengths, gap)


def _parse(text: str, zone: str, key: str) -> tuple[Schedule | None, list[ScheduleError]]:
    """The schedule, or what is wrong with it: an unknown zone must not hide a wrong expression."""
    try:
        return Schedule.parse(text, zone, key=key), []
    except ScheduleError as error:
        if error.field == "schedule":
            return None, [error]
        return None, [error, *_parse(text, "UTC", key)[1]]


@lru_cache(maxsize=4096)
def shortest_gap(schedule: Schedule) -> timedelta | None:
    """The shortest time between two of the first ticks of a year; None for less than two ticks in it."""
    ticks = islice(schedule.between(_REFERENCE, _REFERENCE + _YEAR), _SAMPLE)
    return min((later - earlier for earlier, later in pairwise(ticks)), default=None)


def loose_duration(text: str) -> str | None:
    """``5 minutes``, ``1 hour 30 min`` or ``2d`` as Go writes it; None when it is anything else."""
    is_loose = len(text) <= _LONGEST_LOOSE and re.fullmatch(_LOOSE, text, re.ASCII)
    parts = re.findall(_LOOSE_PART, text, re.ASCII) if is_loose else []
    total = sum((timedelta(**{_unit(unit.lower()): int(number)}) for number, unit in parts), timedelta())
    return durations.render(total) if parts and total <= durations.LONGEST else None


def _unit(word: str) -> str:
    return "milliseconds" if word.startswith(("ms", "milli")) else _UNITS[word[0]]


def _every(text: str) -> str:
    """``@every 5 minutes`` as it should be, in quotes."""
    word, _, rest = text.partition(" ")
    length = loose_duration(rest.strip()) if word.lower() == "@every" else None
    return f'"@every {length}"' if length not in (None, "0s") else ""


def _overlap(source: Document, lengths: dict[Path, timedelta], gap: timedelta) -> Iterator[Problem]:
    place: Path = ("webhook", "timeout") if ("webhook", "timeout") in lengths else ("timeout",)
    timeout = lengths.get(place, _DEFAULT_TIMEOUT)
    if source.text("concurrency") == "allow" and timeout > gap:
        message = f"runs start every {durations.render(gap)} and may take {durations.render(timeout)}"
        hint = f"write a timeout below {durations.render(gap)}, or concurrency: forbid"
        spot = source.spot(place) if place in lengths else source.spot(("concurrency",))
        yield spot.problem(source.file, "timeout-overlap", message, hint)
