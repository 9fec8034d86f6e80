"""Variables that are times: rendered when a request is sent, for the scheduled time of its execution. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.timestamps import local_rfc3339, rfc3339
from chronos_gitops.schedule.timing import Timing
from chronos_gitops.schedule.zones import timezones

FIELDS: Final = ("time", "shift", "format", "timezone")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400
_MILLISECOND: Final = timedelta(milliseconds=1)
_SECOND: Final = timedelta(seconds=1)
_SHIFT: Final = re.compile(r"(?P<sign>[+-]?)(?:(?P<days>[0-9]{1,5})d)?(?P<rest>.*)", re.DOTALL)
_MOST_DAYS: Final = 36_600
_TOKEN: Final = re.compile(r"%(.?)", re.DOTALL)
_TOKENS: Final = "Y m d H M S j G V u z %"
_WORDS: Final = ("rfc3339", "date", "unix", "unix_ms")
SHIFT_HINT: Final = "write whole days and a duration, like -1d, 2h30m or -1d2h30m"
FORMAT_HINT: Final = f"write {', '.join(_WORDS)}, or text of {' '.join('%' + letter for letter in _TOKENS.split())}"


class TimeVariableError(ValueError):
    """An invalid field of a time variable; ``hint`` gives the valid values."""

    def __init__(self, field: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.field = field
        self.hint = hint


class NoSuchTime(ValueError):
    """There is no tick before or after the scheduled time, or no date that far away."""


class TimeBase(StrEnum):
    SCHEDULED = "scheduled"
    PREVIOUS = "previous"
    NEXT = "next"


@dataclass(frozen=True, slots=True)
class TimeVariable:
    """``{time, shift, format, timezone}`` as it is written; ``timezone`` is empty where the job's own holds."""

    base: TimeBase
    shift: str = ""
    format: str = "rfc3339"
    timezone: str = ""

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> "TimeVariable":
        """Of a map whose fields are texts. Raises TimeVariableError."""
        try:
            base = TimeBase(value["time"])
        except ValueError:
            message = f'time cannot be "{str(value["time"])[:40]}"'
            raise TimeVariableError("time", message, "write scheduled, previous or next") from None
        made = cls(base, value.get("shift", ""), value.get("format", "rfc3339"), value.get("timezone", ""))
        _shift(made.shift)
        _check_format(made.format)
        if made.timezone:
            try:
                timezones.load(made.timezone)
            except ScheduleError as error:
                raise TimeVariableError("timezone", str(error), error.hint) from None
        return made

    def document(self) -> dict[str, str]:
        """As a file says it; ``parse`` is its inverse."""
        said = {"time": self.base.value, "shift": self.shift, "timezone": self.timezone}
        return {name: text for name, text in said.items() if text} | {"format": self.format}

    def render(self, scheduled: datetime, timing: Timing) -> str:
        """The text for an execution of this scheduled time. Raises NoSuchTime."""
        zone = timezones.load(self.timezone or timing.timezone)
        try:
            instant = _shifted(self._instant(scheduled, timing), self.shift, zone)
            return _rendered(instant.astimezone(zone), self.format)
        except (OverflowError, ValueError) as error:
            if isinstance(error, NoSuchTime):
                raise
            raise NoSuchTime("that date is out of range") from error

    def _instant(self, scheduled: datetime, timing: Timing) -> datetime:
        if self.base is TimeBase.SCHEDULED:
            return scheduled
        is_previous = self.base is TimeBase.PREVIOUS
        found = timing.nominal_before(scheduled) if is_previous else timing.nominal_after(scheduled)
        if found is None:
            raise NoSuchTime(f"the schedule has no run {'before' if is_previous else 'after'} {rfc3339(scheduled)}")
        return found


def _shift(text: str) -> tuple[int, timedelta]:
    """Whole days and a duration, both signed."""
    found = _SHIFT.match(text)
    assert found is not None, "every part of it may be empty"
    sign = -1 if found["sign"] == "-" else 1
    days, rest = int(found["days"] or 0), found["rest"]
    try:
        duration = durations.parse(rest) if rest else timedelta(0)
    except durations.DurationError:
        raise TimeVariableError("shift", f'shift "{text[:40]}" is not a shift', SHIFT_HINT) from None
    if (text and not (found["days"] or rest)) or days > _MOST_DAYS:
        raise TimeVariableError("shift", f'shift "{text[:40]}" is not a shift', SHIFT_HINT)
    return sign * days, sign * duration


def _shifted(instant: datetime, text: str, zone: ZoneInfo) -> datetime:
    """Whole days first: the same wall time on that day, by the rule of fixed times; then elapsed time."""
    days, duration = _shift(text)
    if days:
        seconds, fraction = divmod(instant - _EPOCH, _SECOND)
        wall = seconds + timezones.offset(zone, seconds) + days * _DAY
        instant = _EPOCH + timedelta(seconds=timezones.shown(zone, wall)) + fraction
    return instant + duration


def _check_format(text: str) -> None:
    if text in _WORDS:
        return
    wrong = next((token for token in _TOKEN.findall(text) if token not in _TOKENS or not token.strip()), None)
    if wrong is not None or "%" not in text:
        what = f'format has the unknown token "%{wrong}"' if wrong is not None else f'format cannot be "{text[:40]}"'
        raise TimeVariableError("format", what, FORMAT_HINT)


def _rendered(local: datetime, form: str) -> str:
    if form == "rfc3339":
        return local_rfc3339(local)
    if form == "date":
        return local.date().isoformat()
    if form == "unix":
        return str((local - _EPOCH) // _SECOND)
    if form == "unix_ms":
        return str((local - _EPOCH) // _MILLISECOND)
    year, week, weekday = local.isocalendar()
    values = {"Y": f"{local.year:04}", "G": f"{year:04}", "V": f"{week:02}", "u": str(weekday), "%": "%"}
    return _TOKEN.sub(lambda token: values.get(token[1]) or local.strftime(f"%{token[1]}"), form)


@lru_cache(maxsize=4096)
def sample(variable: TimeVariable) -> str:
    """A text of its form, for what is judged before anything runs."""
    zone = timezones.load(variable.timezone or "UTC")
    return _rendered(datetime(2026, 12, 31, 23, 59, 58, tzinfo=UTC).astimezone(zone), variable.format)
