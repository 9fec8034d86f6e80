"""Instants as text, always in UTC: RFC 3339 for programs, and a form for people."""

from datetime import UTC, datetime
from typing import Final

YEARS: Final = (1970, 9000)
"""The first and the last year of an instant that may be asked about: looks ahead add years to it."""


def is_within_years(instant: datetime) -> bool:
    return YEARS[0] <= instant.year <= YEARS[1]


def rfc3339(instant: datetime, *, milliseconds: bool = False) -> str:
    """``2026-03-08T07:00:00Z``, with milliseconds where there are any, or always."""
    utc = instant.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds" if milliseconds or utc.microsecond else "seconds") + "Z"


def local_rfc3339(local: datetime) -> str:
    """The same in the zone of the instant: ``2026-03-29T03:00:00+02:00``, with ``Z`` where its offset is zero."""
    if not local.utcoffset():
        return rfc3339(local)
    return local.isoformat(timespec="milliseconds" if local.microsecond else "seconds")


def utc_text(instant: datetime) -> str:
    """``2026-03-08 07:00:00 UTC``."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def compact_utc(instant: datetime, *, milliseconds: bool = False) -> str:
    """``20260130T070000Z``, as iCalendar has it (RFC 5545, section 3.3.5); ``milliseconds``: where there are any."""
    part = f".{instant.microsecond // 1000:03}" if milliseconds and instant.microsecond else ""
    return f"{instant.astimezone(UTC):%Y%m%dT%H%M%S}{part}Z"
