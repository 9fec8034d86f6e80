"""Cron dialects of other schedulers, refused with the expression to write instead."""

import re
from collections.abc import Sequence
from typing import NoReturn

from chronos_gitops.schedule.errors import ScheduleError

SHAPE = "write five fields: minute hour day-of-month month day-of-week, or six with the seconds first"
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_NO_YEARS = "there is no field for years: start and end bound a job"
_BEFORE_LAST = re.compile(r"L-[0-9]+W?", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)[0-9]{2}(?:[-,/].*)?")
_WRAPPED = re.compile(r"(cron|rate)\s*\((.*)\)", re.IGNORECASE)
_RATE = re.compile(r"([1-9][0-9]{0,5})\s+(minute|hour|day)s?", re.IGNORECASE)
_RATES = {"minute": (1, "m"), "hour": (1, "h"), "day": (24, "h")}
_COUNTED_DAYS = re.compile(r"[1-7](?:[-,][1-7])*|([1-7])(#[1-5])|([1-7])L", re.IGNORECASE)


def aws_rate(content: str) -> str | None:
    """The content of AWS's ``rate(...)`` as a schedule; None where it is none."""
    found = _RATE.fullmatch(content)
    if found is None:
        return None
    each, unit = _RATES[found.group(2).lower()]
    return f"@every {int(found.group(1)) * each}{unit}"


def refuse(words: Sequence[str]) -> None:
    """ScheduleError for AWS's ``cron(...)`` and ``rate(...)``, a list with a space, day counts before the last day,
    and a year."""
    if wrapped := _WRAPPED.fullmatch(" ".join(words)):
        _refuse_wrapped(wrapped.group(1).lower(), wrapped.group(2).strip())
    at = next((at for at in range(len(words) - 1) if words[at].endswith(",") or words[at + 1].startswith(",")), None)
    if at is not None and len(words) > 5:
        written = f"{words[at]} {words[at + 1]}"
        raise ScheduleError(f'a space stands in the list "{written}"', hint=f"write {written.replace(' ', '')}")
    if any(_BEFORE_LAST.fullmatch(item) for word in words for item in word.split(",")):
        hint = "the last working day is LW; with a calendar of days off, L and on_skip: previous"
        raise ScheduleError("L minus days is not supported", hint=hint)
    if len(words) == 6 and ("?" in (words[2], words[4]) or _YEAR.fullmatch(words[5])):
        raise ScheduleError("the sixth field is a year, as in AWS", hint=_without_year(words))
    if len(words) == 7 and (words[6] == "*" or _YEAR.fullmatch(words[6])):
        raise ScheduleError("the seventh field is a year, as in Quartz", hint=_without_year(words))


def _refuse_wrapped(kind: str, content: str) -> NoReturn:
    if kind == "rate":
        raise ScheduleError("rate(...) is the syntax of AWS", hint=f"write {aws_rate(content) or '@every 5m'}")
    words = content.split()
    hint = _without_year(words) if len(words) == 6 else SHAPE
    raise ScheduleError("cron(...) is the syntax of AWS, with a year as its sixth field", hint=hint)


def _without_year(words: Sequence[str]) -> str:
    """The fields before the year, with ``*`` for ``?``. AWS and Quartz count the days of the week from SUN as 1."""
    *before, weekday = ("*" if word == "?" else word for word in words[:-1])
    return f"write {' '.join([*before, _named(weekday)])}; {_NO_YEARS}"


def _named(weekday: str) -> str:
    """``2-6`` is ``MON-FRI``, ``2#1`` is ``MON#1``, and ``6L`` is ``5L``: the last Friday."""
    counted = _COUNTED_DAYS.fullmatch(weekday)
    if counted is None:
        return weekday
    if counted.group(3):
        return f"{int(counted.group(3)) - 1}L"
    if counted.group(1):
        return f"{WEEKDAYS[int(counted.group(1)) - 1]}{counted.group(2)}"
    return re.sub("[1-7]", lambda digit: WEEKDAYS[int(digit.group()) - 1], weekday)
