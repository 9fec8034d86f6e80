"""The language of cron expressions: text to a Pattern, checked by us first, then expanded by croniter."""

import re
from collections.abc import Sequence
from functools import lru_cache

from chronos_gitops.schedule.cron import foreign
from chronos_gitops.schedule.cron.expression import CronExpression, DaysOfMonth, DaysOfWeek, shapes
from chronos_gitops.schedule.cron.field import CronField, is_special
from chronos_gitops.schedule.errors import ScheduleError

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

_SECOND = CronField("second", 0, 59, top=59, spread=59)
_FIELDS = (
    CronField("minute", 0, 59, top=59, spread=59),
    CronField("hour", 0, 23, top=23, spread=23),
    CronField("day of month", 1, 31, top=31, spread=28, days=True),  # every month has the day of an H
    CronField("month", 1, 12, top=12, spread=12, names=_MONTHS),
    CronField("day of week", 0, 7, top=6, spread=6, names=foreign.WEEKDAYS, days=True),
)
_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY = range(5)
_HASHED = re.compile(r"(?<![A-Za-z])[Hh](?![A-Za-z])")
_STEP = re.compile(r"\*/[0-9]{1,2}")
_ASSIGNMENT = re.compile(r"(?:CRON_TZ|TZ)=(\S*)", re.IGNORECASE)


def parse(text: str, key: str) -> CronExpression:
    """The pattern of a cron expression or macro; ``key`` seeds ``H``. ScheduleError when it is none or never fires."""
    return _parse(text, key if is_hashed(text) else "")


def is_hashed(text: str) -> bool:
    """True if an ``H`` stands in it, so that its ticks depend on the key."""
    return not text.lstrip().startswith("@") and bool(_HASHED.search(text))


def written_out(text: str, key: str) -> tuple[str, ...]:
    """The five or six fields with numbers for names, macros and ``H``, and ``*`` for ``?``."""
    words = _words(text)
    fields = _FIELDS if len(words) == 5 else (_SECOND, *_FIELDS)
    return tuple(field.written_out(word, key) for field, word in zip(fields, words, strict=True))


@lru_cache(maxsize=4096)
def _parse(text: str, key: str) -> CronExpression:
    words = written_out(text, key)
    minute, hour, day, month, weekday = words[-5:]
    minutes, hours = _mask(_MINUTE, minute), _mask(_HOUR, hour)
    day_of_month, day_of_week = _days_of_month(day), _days_of_week(weekday)
    pattern = CronExpression(
        seconds=_mask(_MINUTE, words[0]) if len(words) == 6 else 1,
        minutes=sum(minutes << 60 * at for at in range(24) if hours >> at & 1),
        months=_mask(_MONTH, month),
        days=shapes(day_of_month, day_of_week),
        elapsed=minute.startswith("*") or hour.startswith("*"),
        both_day_fields=day_of_month.restricted and day_of_week.restricted,
    )
    if not pattern.fires():
        hint = f"no month {month} has a day {day}" if weekday == "*" else "no day fits all of day, month and weekday"
        raise ScheduleError(f'"{text}" never fires', hint=hint)
    return pattern


def _words(text: str) -> Sequence[str]:
    """The five or six fields of an expression or macro, in capitals."""
    odd = next((letter for letter in text if not letter.isascii()), "")
    if odd:
        raise ScheduleError(f'"{odd}" is not part of a schedule', hint="write plain ASCII digits, letters and signs")
    words = text.split()
    if words and words[0].startswith("@"):
        return _macro(" ".join(words).lower()).split()
    if words and (assignment := _ASSIGNMENT.match(words[0])):
        hint = f"put it into its own field, timezone: {assignment.group(1) or 'Europe/Paris'}"
        raise ScheduleError("a zone cannot stand inside a schedule", hint=hint)
    foreign.refuse(words)
    if len(words) not in (5, 6):
        raise ScheduleError(f"a schedule has five or six fields, this one has {len(words)}", hint=foreign.SHAPE)
    return [word.upper() for word in words]


def uneven_steps(text: str) -> list[tuple[str, str, list[int]]]:
    """Each ``*/n`` of seconds, minutes and hours whose step does not divide its range: item, field and values."""
    words = text.split()
    if text.startswith("@") or len(words) not in (5, 6):
        return []
    sizes = (("minute", 60), ("hour", 24)) if len(words) == 5 else (("second", 60), ("minute", 60), ("hour", 24))
    found = []
    for word, (name, size) in zip(words, sizes, strict=False):
        step = int(word[2:]) if _STEP.fullmatch(word) else 0
        if step and step < size and size % step:
            found.append((word, name, list(range(0, size, step))))
    return found


def _macro(word: str) -> str:
    if word in MACROS:
        return MACROS[word]
    if word == "@reboot":
        hint = "a schedule names times, not starts of a machine; write @hourly, @every 10m or five fields"
        raise ScheduleError("@reboot is not supported", hint=hint)
    import difflib

    near = difflib.get_close_matches(word[:20], [*MACROS, "@every"], n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(MACROS)}, @every 5m and @at 2026-12-24T18:00"
    raise ScheduleError(f'unknown macro "{word[:20]}"', hint=hint)


@lru_cache(maxsize=4096)
def _mask(index: int, word: str) -> int:
    """Bit n is value n, of the plain items of one field; special day items stand in DaysOfMonth and DaysOfWeek.

    croniter takes 140 us for an expression and expressions share their fields: the cache is one per field.
    """
    field = _FIELDS[index]
    items = ",".join(item for item in word.split(",") if not is_special(item))
    if not items:
        return 0
    if items == "*":
        return (1 << field.top + 1) - (1 << field.low)
    if items.isdigit():
        return 1 << (0 if index == _WEEKDAY and items == "7" else int(items))
    from croniter import CroniterError, croniter  # here, because it takes 50 ms that most commands need not spend

    try:
        expanded, _ = croniter.expand(" ".join(items if place == index else "*" for place in range(5)))
    except CroniterError as error:
        raise ScheduleError(f'"{items[:40]}" is not a {field.name}', hint=str(error)[:120]) from error
    values = expanded[index]
    return _mask(index, "*") if "*" in values else sum(1 << int(value) for value in values)


def _days_of_month(word: str) -> DaysOfMonth:
    items = word.split(",")
    return DaysOfMonth(
        restricted=not word.startswith("*"),
        days=_mask(_DAY, word),
        nearest=tuple(int(item[:-1]) for item in items if item.endswith("W") and item != "LW"),
        last="L" in items,
        last_weekday="LW" in items,
    )


def _days_of_week(word: str) -> DaysOfWeek:
    items = word.split(",")
    return DaysOfWeek(
        restricted=not word.startswith("*"),
        days=_mask(_WEEKDAY, word),
        nth=tuple((int(item[0]), int(item[2:])) for item in items if "#" in item),
        last=tuple(int(item[0]) for item in items if item.endswith("L")),
    )
