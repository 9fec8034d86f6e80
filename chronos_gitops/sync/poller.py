"""Decides when to look at the repository again."""

import threading
import time
from collections.abc import Callable, Hashable
from datetime import timedelta
from random import Random
from typing import Final, Protocol

from chronos_gitops.errors import ChronosError
from chronos_gitops.git.errors import GitError
from chronos_gitops.schedule.backoff import SPREAD, Backoff, spread

SWEEP: Final = timedelta(seconds=30)
_LONGEST_RETRY: Final = timedelta(minutes=5)
_BACKOFF: Final = Backoff(timedelta(seconds=5), _LONGEST_RETRY)
_LONGEST_RETRY_AFTER: Final = timedelta(hours=1)
_NUDGE_GAP: Final = 2.0
_LOOK_AT_FILES: Final = 2.0
_LOOKS: Final[tuple[timedelta, ...]] = tuple(timedelta(seconds=2**look / 2) for look in range(6))


class Timer(Protocol):
    """Elapsed time and waiting; tests turn one by hand."""

    def now(self) -> float:
        """Seconds since some instant in the past."""

    def wait(self, event: threading.Event, seconds: float) -> None:
        """Returns when the event is set or the time is over."""


class SystemTimer:
    def now(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> None:
        event.wait(seconds)


def wait_for_next(interval: timedelta, failures: int, error: ChronosError | None, random: Random) -> timedelta:
    """The interval, or after failures in a row 5 s doubling to 5 min; spread, so that runners do not march.

    Never earlier than ``shortest_wait`` allows.
    """
    wait = _BACKOFF.wait(failures, random) if failures > 0 else spread(interval, random)
    if isinstance(error, GitError) and error.is_rejection:
        wait = max(wait, spread(interval, random))
    return max(wait, shortest_wait(error) * random.uniform(1, 1 + SPREAD))


def shortest_wait(error: ChronosError | None) -> timedelta:
    """The time for which a server may not be asked again, unless an operator says so.

    Five minutes when it rejected our credentials, or we its: neither gets better by asking, and some servers lock an
    account for it. Else its own ``Retry-After``, up to an hour.
    """
    if not isinstance(error, GitError):
        return timedelta()
    least = _LONGEST_RETRY if error.is_rejection else timedelta()
    return max(least, min(error.retry_after, _LONGEST_RETRY_AFTER))


class ExpectedCommit:
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


class Poller:
    """When a follower's next pass is due. One thread sleeps by it; any thread may wake it.

    ``credentials`` answers another value once a file that the server is shown, or is checked by, has changed; it is
    looked at every two seconds while the server must not be asked for another reason.
    """

    def __init__(
        self, interval: timedelta, *, credentials: Callable[[], Hashable] = tuple, timer: Timer | None = None
    ) -> None:
        self.stopping = threading.Event()
        self._interval = interval
        self._random = Random()
        self._awaited = ExpectedCommit()
        self._timer = timer or SystemTimer()
        self._credentials = credentials
        self._shown: Hashable = ()
        self._is_rejected = False
        self._wake = threading.Event()
        self._planning = threading.Lock()
        self._noticed: float | None = None
        self._nudged = False
        self._due = self._ended = self._barred_until = 0.0

    def sleep(self) -> bool:
        """Until a pass is due: True; or until it is over: False."""
        while not self.stopping.is_set():
            left = max(0.0, self._due - self._timer.now())
            self._timer.wait(self._wake, min(left, _LOOK_AT_FILES) if self._is_rejected else left)
            self._wake.clear()
            # A pass was made meanwhile: then the next one is due later.
            if not self.stopping.is_set() and self._is_due():
                return True
        return False

    def _is_due(self) -> bool:
        if self._noticed is not None or self._timer.now() >= self._due:
            return True
        return self._is_rejected and self._credentials() != self._shown

    def stop(self) -> None:
        self.stopping.set()
        self._wake.set()

    def expect(self, commit: str | None) -> None:
        """A commit that is said to be there, or will be: a few looks more, until it is."""
        self._awaited.expect(commit)

    def notice(self) -> None:
        """Something has changed: a pass at once."""
        if self._noticed is None:
            self._noticed = self._timer.now()
        self._wake.set()

    def request_sync(self) -> None:
        """A pass soon: at once when the last one is 2 s ago, and one for many nudges; not before a server allows it."""
        with self._planning:
            self._nudged = True
            self._due = min(self._due, max(self._timer.now(), self._ended + _NUDGE_GAP, self._barred_until))
        self._wake.set()

    def begin(self) -> float:
        """A pass begins; the time at which what it answers was noticed. What comes now gets its own pass."""
        self._shown = self._credentials()
        began, self._noticed, self._nudged = self._noticed or self._timer.now(), None, False
        return began

    def milliseconds_since(self, began: float) -> float:
        """The time that has passed since ``begin`` answered this."""
        return round((self._timer.now() - began) * 1000, 1)

    def end(self, failures: int, error: ChronosError | None, is_there: Callable[[str], bool]) -> timedelta:
        """A pass has ended, after so many failures in a row; the time until the next one."""
        error = error if failures else None
        wait = wait_for_next(self._interval, failures, error, self._random)
        if not failures:
            wait = min(wait, self._awaited.wait(is_there) or wait)
        with self._planning:
            self._is_rejected = isinstance(error, GitError) and error.is_rejection
            self._ended = self._timer.now()
            self._barred_until = self._ended + shortest_wait(error).total_seconds()
            self._due = self._ended + wait.total_seconds()
            if self._nudged:
                self._due = min(self._due, max(self._ended + _NUDGE_GAP, self._barred_until))
        return wait
