"""Due ticks, and the rule for missed ones. Pure: values in, values out, no clock."""

import heapq
import itertools
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Protocol

from chronos_gitops.engine.model import Pause
from chronos_gitops.jobs.model import Job, MissedRunPolicy
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule.calendars.applied import AppliedTiming, as_applied
from chronos_gitops.schedule.calendars.steps import Moves, next_step
from chronos_gitops.schedule.schedule import jitter
from chronos_gitops.schedule.timing import Timing

CATCHUP_LIMIT = 100
LATE = timedelta(seconds=60)
"""A tick that could not be claimed for longer than this was missed: the downtime rule of CONTRACT 2 decides."""

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Missed:
    """``count`` ticks from ``first`` to ``last`` that will not run; ``why`` is empty where the job's policy says so."""

    count: int
    first: datetime
    last: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Result of the missed-run policy for a gap: the scheduled times to run now, ascending, and the older ones that are
    skipped."""

    run: tuple[datetime, ...] = ()
    missed: Missed | None = None


class DueTicks(Protocol):
    """Ticks that are due; ranges are (since, until]."""

    def next_after(self, instant: datetime) -> datetime | None: ...
    def count(self, after: datetime, until: datetime) -> int: ...
    def latest(self, after: datetime, until: datetime, limit: int) -> list[datetime]: ...


@dataclass(frozen=True, slots=True)
class ListedTicks:
    """Ticks that were walked one by one, ascending."""

    ticks: tuple[datetime, ...]

    def next_after(self, instant: datetime) -> datetime | None:
        return next((tick for tick in self.ticks if tick > instant), None)

    def count(self, after: datetime, until: datetime) -> int:
        return sum(after < tick <= until for tick in self.ticks)

    def latest(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        return [tick for tick in self.ticks if after < tick <= until][-limit:]


def catch_up(job: Job, since: datetime, until: datetime, ticks: DueTicks | None = None) -> CatchUp:
    """Decides over the ticks in (since, until] by the job's ``missed_run_policy`` and ``catchup_window``.

    They are those of its timing unless ``ticks`` are given. A decision in closed time gives all of them up.
    """
    due = job.timing if ticks is None else ticks
    first = due.next_after(since)
    if first is None or first > until:  # as for most of 10,000 jobs at a start: the other questions take 40 µs
        return CatchUp()
    limit = {MissedRunPolicy.IGNORE: 0, MissedRunPolicy.EXECUTE_ONE: 1, MissedRunPolicy.EXECUTE_ALL: CATCHUP_LIMIT}
    window = max(since, until - job.catchup_window - _INSTANT)
    most = 0 if job.timing.closure(until) is not None else limit[job.missed_run_policy]
    run = due.latest(window, until, most) if most else []
    return CatchUp(tuple(run), given_up(due, since, run[0] - _INSTANT if run else until))


def given_up(ticks: DueTicks, since: datetime, until: datetime) -> Missed | None:
    """The ticks in (since, until] as one range, or None when there are none."""
    first = ticks.next_after(since)
    if first is None or first > until:
        return None
    last = ticks.latest(since, until, 1)[-1]
    return Missed(ticks.count(since, until), first, last)


def held_until(job: Job, until: datetime | None, now: datetime) -> datetime:
    """The last instant that counts as missed when a pause ends at ``now``.

    A pause until 02:00 does not hold 02:00: that tick is due as always, however late the end was noticed, unless that
    was so late (LATE) that it was missed anyhow. A job that catches up runs that tick as the newest one of those, so
    that no two runs meet.
    """
    if until is None or job.missed_run_policy is not MissedRunPolicy.IGNORE or not timedelta(0) <= now - until <= LATE:
        return now
    return until - _INSTANT


def upcoming(
    timing: Timing, pause: Pause | None, mark: datetime, now: datetime, count: int, moves: Moves = ()
) -> tuple[datetime, ...]:
    """The next ticks that will be claimed: by the mark that the next claim goes by; none before a pause ends."""
    if pause is None or not pause.holds_at(now):
        return as_applied(timing, mark, moves).upcoming(mark, count)
    if pause.ends_at is None:
        return ()
    return as_applied(timing, mark, moves).upcoming(max(mark, now, pause.ends_at - _INSTANT), count)


def moving(timing: Timing, mark: datetime, now: datetime, moves: Moves, *, is_paused: bool) -> AppliedTiming | None:
    """The ticks that will be claimed, where the moves under way are not those of the files; a pause decides nothing."""
    applied = as_applied(timing, mark if is_paused else max(mark, now), moves)
    return applied if isinstance(applied, AppliedTiming) else None


@dataclass(frozen=True, slots=True)
class DueTick:
    """The first step of one job later than ``after``; ``at`` is its instant, of one that runs with the job's jitter.
    ``is_plain``: it runs, and no calendar holds or moves anything."""

    at: datetime
    job: str
    tick: datetime
    after: datetime
    is_plain: bool = True


def _at_once(_: str, due: datetime) -> datetime:
    return due


class DueQueue:
    """The next tick of every active job, on one heap. ``decides_at`` says of a job and an instant at which it is due
    when this runner decides over it."""

    def __init__(self, decides_at: Callable[[str, datetime], datetime] = _at_once) -> None:
        self._decides_at = decides_at
        self._heap: list[tuple[datetime, int, DueTick]] = []
        self._next: dict[str, DueTick] = {}
        self._order = itertools.count()

    def put(self, job: Job, *, after: datetime, moves: Moves = ()) -> None:
        """Replaces the job's entry by its first step later than ``after``."""
        step = next_step(job.timing, after, moves)
        if step is None:
            self.remove(job.name)
            return
        tick = step.at
        at = tick + jitter(job.name, tick, job.jitter) if job.jitter and step.tick is not None else tick
        is_plain = step.tick is not None and not (step.held or step.moves or moves)
        self.requeue(DueTick(at, job.name, tick, after, is_plain))

    def requeue(self, due: DueTick) -> None:
        """An entry that ``pop`` took out, for it was not decided over."""
        self._next[due.job] = due
        heapq.heappush(self._heap, self._placed(due))

    def _placed(self, due: DueTick) -> tuple[datetime, int, DueTick]:
        return self._decides_at(due.job, due.at), next(self._order), due

    def remove(self, name: str) -> None:
        self._next.pop(name, None)

    def retain(self, names: Iterable[str]) -> None:
        """Removes every job that is not named, and the heap entries that edits left behind."""
        self._next = {name: self._next[name] for name in names if name in self._next}
        self._heap = [self._placed(due) for due in self._next.values()]
        heapq.heapify(self._heap)

    def tick_of(self, name: str) -> datetime | None:
        due = self._next.get(name)
        return None if due is None else due.tick

    def next_at(self) -> datetime | None:
        while self._heap and self._next.get(self._heap[0][2].job) is not self._heap[0][2]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop(self, now: datetime) -> list[DueTick]:
        """Takes out every entry to decide over at ``now``, earliest first; each job gets its next one by ``put``."""
        taken = []
        while (at := self.next_at()) is not None and at <= now:
            due = heapq.heappop(self._heap)[2]
            del self._next[due.job]
            taken.append(due)
        return taken

    def __len__(self) -> int:
        return len(self._next)
