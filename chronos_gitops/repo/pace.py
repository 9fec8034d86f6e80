"""When to look at the repository again."""

import threading
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Final

SWEEP: Final = timedelta(seconds=30)
_FIRST_RETRY: Final = timedelta(seconds=5)
_LONGEST_RETRY: Final = timedelta(minutes=5)
_SPREAD: Final = 0.1
_MOST_DOUBLINGS: Final = 16
_LOOKS: Final[tuple[timedelta, ...]] = tuple(timedelta(seconds=2**look / 2) for look in range(6))


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


class Awaited:
    """A commit that is said to be pushed: a server of several machines may show it to us a little later.

    It is a hint and no order: 6 looks within 32 s, then it is forgotten. Safe from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._commit: str | None = None
        self._looks = 0

    def expect(self, commit: str | None) -> None:
        """The newest one counts; None changes nothing."""
        with self._lock:
            if commit is not None and commit != self._commit:
                self._commit, self._looks = commit, 0

    def wait(self, is_there: Callable[[str], bool]) -> timedelta | None:
        """Until the next look for it; None when nothing is awaited any more."""
        with self._lock:
            if self._commit is not None and (self._looks == len(_LOOKS) or is_there(self._commit)):
                self._commit = None
            if self._commit is None:
                return None
            self._looks += 1
            return _LOOKS[self._looks - 1]
