"""The end of a pause in a body: ``until`` a time, or ``for`` a duration by the runner's clock."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chronos_gitops.schedule import durations
from chronos_gitops.schedule.durations import DurationError
from chronos_gitops.server.api.params import instants
from chronos_gitops.server.api.params.body import InvalidBody


def end(given: Mapping[str, Any], now: datetime) -> datetime | None:
    """None for a pause that lasts until it is resumed."""
    if "for" in given and "until" in given:
        raise InvalidBody('"for" and "until" both say when the pause ends.', hint="Give one of them.")
    if "for" in given:
        return now + _length(given["for"])
    return _until(given["until"], now) if "until" in given else None


def _length(text: str) -> timedelta:
    try:
        length = durations.parse(text)
    except DurationError as error:
        raise InvalidBody(f'"for": {error}.') from None
    if not length:
        raise InvalidBody('"for" is no time at all.', hint="Write one like 2h.")
    return length


def _until(text: str, now: datetime) -> datetime:
    moment = instants.read("until", text)
    if moment <= now:
        raise InvalidBody('"until" lies in the past.', hint="Without it the job is paused until it is resumed.")
    return moment
