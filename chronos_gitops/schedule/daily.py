"""A wall-clock time of every day, as ``expect.finish_by`` and ``preflight.at`` write it: ``06:00``."""

import re
from typing import Final

from chronos_gitops.schedule.schedule import Schedule

_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z", re.ASCII)


def is_clock(text: str) -> bool:
    """True if it is ``HH:MM``, from 00:00 to 23:59."""
    return _CLOCK.match(text) is not None


def daily(clock: str, timezone: str) -> Schedule:
    """The schedule of ``HH:MM`` in a zone. ScheduleError for a zone that there is not."""
    hour, minute = map(int, clock.split(":"))
    return Schedule.parse(f"{minute} {hour} * * *", timezone)
