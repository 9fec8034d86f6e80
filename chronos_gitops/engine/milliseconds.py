"""Instants and durations as engines store them: in whole milliseconds, instants since 1970."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)


def to_ms(instant: datetime) -> int:
    """Rounds down."""
    return (instant - EPOCH) // MILLISECOND


def length(duration: timedelta) -> int:
    """The duration, rounded to a whole millisecond."""
    return round(duration / MILLISECOND)


def whole(instant: datetime) -> datetime:
    """The instant without its microseconds, as it is read back."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def maybe_ms(instant: datetime | None) -> int | None:
    return None if instant is None else to_ms(instant)


def maybe_ms_up(instant: datetime | None) -> int | None:
    """The first whole millisecond at the instant or after it."""
    return None if instant is None else -((EPOCH - instant) // MILLISECOND)


def instant(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)


def maybe_instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else instant(milliseconds)
