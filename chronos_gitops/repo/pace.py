"""When to look at the repository again."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Final

from chronos_gitops.timing.backoff import Backoff, spread

SWEEP: Final = timedelta(seconds=30)
_BACKOFF: Final = Backoff(timedelta(seconds=5), timedelta(minutes=5))
_NUDGE_GAP: Final = 2.0
_LOOKS: Final[tuple[timedelta, ...]] = tuple(timedelta(seconds=2**look / 2) for look in range(6))


def wait_for_next(interval: timedelta, failures: int, reason: str | None, random: Random) -> timedelta:
    """The interval, or after failures in a row 5 s doubling to 5 min; spread, so that runners do not march.

    Refused credentials do not get better by asking often, and some servers lock an account for it.
    """
    wait = _BACKOFF.wait(failures, random) if failures > 0 else spread(interval, random)
    if reason in ("AuthenticationFailed", "HostKeyMismatch"):
        return max(wait, spread(interval, random))
    return wait


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


class Pace:
    """When a follower's next pass is due. One thread sleeps by it; anybody may wake it."""

    def __init__(self, interval: timedelta) -> None:
        self.stopping = threading.Event()
        self._interval = interval
        self._random = Random()
        self._awaited = Awaited()
        self._wake = threading.Event()
        self._planning = threading.Lock()
        self._noticed: float | None = None
        self._nudged = False
        self._due = self._ended = 0.0

    def sleep(self) -> bool:
        """Until a pass is due: True; or until it is over: False."""
        while not self.stopping.is_set():
            self._wake.wait(max(0.0, self._due - time.monotonic()))
            self._wake.clear()
            # Somebody made a pass meanwhile: then the next one is due later.
            if not self.stopping.is_set() and (self._noticed is not None or time.monotonic() >= self._due):
                return True
        return False

    def stop(self) -> None:
        self.stopping.set()
        self._wake.set()

    def expect(self, commit: str | None) -> None:
        """A commit that is said to be there, or will be: a few looks more, until it is."""
        self._awaited.expect(commit)

    def notice(self) -> None:
        """Something has changed: a pass at once."""
        if self._noticed is None:
            self._noticed = time.monotonic()
        self._wake.set()

    def nudge(self) -> None:
        """A pass soon: at once when the last one is 2 s ago, and one for many nudges."""
        with self._planning:
            self._nudged = True
            self._due = min(self._due, max(time.monotonic(), self._ended + _NUDGE_GAP))
        self._wake.set()

    def begin(self) -> float:
        """A pass begins; the monotonic time at which what it answers was noticed. What comes now gets its own pass."""
        began, self._noticed, self._nudged = self._noticed or time.monotonic(), None, False
        return began

    def end(self, failures: int, reason: str | None, is_there: Callable[[str], bool]) -> timedelta:
        """A pass has ended, after so many failures in a row; the time until the next one."""
        wait = wait_for_next(self._interval, failures, reason if failures else None, self._random)
        if not failures:
            wait = min(wait, self._awaited.wait(is_there) or wait)
        seconds = wait.total_seconds()
        with self._planning:
            self._ended = time.monotonic()
            self._due = self._ended + (min(seconds, _NUDGE_GAP) if self._nudged else seconds)
        return wait
