"""Wall-clock times: whole seconds since 1970-01-01T00:00 of a zone's calendar, and the texts that name them."""

import re
from datetime import date, datetime

DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?\Z", re.ASCII)
_EARLIEST_YEAR, _LATEST_YEAR = 1970, 9000


def parse_date(text: str) -> int | None:
    """Midnight of ``YYYY-MM-DD``; None when the text is not a date of the years 1970 to 9000."""
    if not _DATE.match(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return (day.toordinal() - _EPOCH) * DAY if _EARLIEST_YEAR <= day.year <= _LATEST_YEAR else None


def parse_time(text: str) -> int | None:
    """The second of ``YYYY-MM-DDTHH:MM[:SS]``; None when the text is not a local time."""
    found = _TIME.match(text)
    midnight = parse_date(found[1]) if found else None
    if found is None or midnight is None:
        return None
    hour, minute, second = int(found[2]), int(found[3]), int(found[4] or 0)
    return midnight + hour * 3600 + minute * 60 + second if hour < 24 and minute < 60 and second < 60 else None


def hint(text: object, usual: str) -> str:
    """``usual``, or the years that there are where the text begins with another one."""
    found = re.match(r"([0-9]{4,9})-[0-9]{2}", text, re.ASCII) if isinstance(text, str) else None
    is_known = found is None or _EARLIEST_YEAR <= int(found[1]) <= _LATEST_YEAR
    return usual if is_known else f"write a year from {_EARLIEST_YEAR} to {_LATEST_YEAR}"


def has_offset(text: str) -> bool:
    """True if a local time is followed by ``Z`` or an offset such as ``+02:00``."""
    local = re.match(r"(.+?)(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})\Z", text)
    return local is not None and parse_time(local[1]) is not None


def render_date(wall: int) -> str:
    """``YYYY-MM-DD`` of the day in which the second lies."""
    return to_date(wall).isoformat()


def render_time(wall: int) -> str:
    """``YYYY-MM-DDTHH:MM``, with seconds where there are any."""
    hours, rest = divmod(wall % DAY, 3600)
    minutes, seconds = divmod(rest, 60)
    clock = f"{hours:02}:{minutes:02}" + (f":{seconds:02}" if seconds else "")
    return f"{render_date(wall)}T{clock}"


def to_date(wall: int) -> date:
    """The day in which the second lies."""
    return date.fromordinal(wall // DAY + _EPOCH)


def from_datetime(local: datetime) -> int:
    """The second that a local datetime names; its zone and fold do not count."""
    return (local.toordinal() - _EPOCH) * DAY + local.hour * 3600 + local.minute * 60 + local.second
