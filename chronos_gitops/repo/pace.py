"""When to look at the repository again. Pure."""

from datetime import timedelta
from random import Random
from typing import Final

SWEEP: Final = timedelta(seconds=30)
_FIRST_RETRY: Final = timedelta(seconds=5)
_LONGEST_RETRY: Final = timedelta(minutes=5)
_SPREAD: Final = 0.1
_MOST_DOUBLINGS: Final = 16


def wait_for_next(interval: timedelta, failures: int, reason: str | None, random: Random) -> timedelta:
    """The interval, or after failures in a row 5 s doubling to 5 min; spread by a tenth, so that runners do not march.

    Refused credentials do not get better by asking often, and some servers lock an account for it.
    """
    wait = interval
    if failures > 0:
        wait = min(_LONGEST_RETRY, _FIRST_RETRY * 2 ** min(failures - 1, _MOST_DOUBLINGS))
    if reason in ("AuthenticationFailed", "HostKeyMismatch"):
        wait = max(wait, interval)
    return wait * random.uniform(1 - _SPREAD, 1 + _SPREAD)
