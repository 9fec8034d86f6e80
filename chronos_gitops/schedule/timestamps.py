"""Instants as text, always in UTC: RFC 3339 for programs, and a form for people."""

from datetime import UTC, datetime


def rfc3339(instant: datetime, *, milliseconds: bool = False) -> str:
    """``2026-03-08T07:00:00Z``, with milliseconds where there are any, or always."""
    utc = instant.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds" if milliseconds or utc.microsecond else "seconds") + "Z"


def utc_text(instant: datetime) -> str:
    """``2026-03-08 07:00:00 UTC``."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
