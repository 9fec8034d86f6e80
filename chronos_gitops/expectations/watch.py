"""Looks at expectations when a deadline passes, when an execution ends, and every 15 seconds. A thread of its own."""

import heapq
import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime, timedelta
from typing import Final

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution
from chronos_gitops.engine.sql.store.store import Store
from chronos_gitops.expectations.guard_watch import GuardWatch
from chronos_gitops.expectations.judging.evaluate import evaluate
from chronos_gitops.expectations.judging.runs import EngineRuns
from chronos_gitops.expectations.judging.since import Since, SinceStore
from chronos_gitops.expectations.judging.state import Expectation, ExpectationState
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.process.rounds import RoundThread
from chronos_gitops.webhooks.outcome import Outcome

log = logging.getLogger(__name__)
_LAP: Final = timedelta(seconds=15)
_ROUND_S: Final = 0.5
_AT_ONCE: Final = 100
"""Jobs that one round looks at."""
_OLDEST: Final = 200
"""Number of jobs evaluated again every 15 seconds, oldest first, because other runners finish executions, too."""

OnLook = Callable[[JobVersion, tuple[Expectation, ...], datetime], None]


class ExpectationWatch(RoundThread):
    """An ``engine.observer.Observer``: who tells it something never waits.

    Each of ``on_look`` is told of each look, also of jobs without limits that had some. ``round`` may be called by hand
    in tests.
    """

    def __init__(
        self,
        on_look: Sequence[OnLook],
        open_store: Callable[[Engine], AbstractContextManager[Store]],
        *,
        guard: GuardWatch | None = None,
        count_to: int = 1,
    ) -> None:
        super().__init__(
            "chronos-expectations",
            log=log,
            trouble="expectations_cannot_be_judged",
            failure="expectations_failed",
            rest_s=_ROUND_S,
            wait_s=_ROUND_S,
        )
        self._guard = guard or GuardWatch(())
        self._on_look = (*on_look, self._guard.looked)
        self._open_store = open_store
        self._count_to = count_to
        self._lock = threading.Lock()
        self._heard: set[str] = set()
        self._deadlines: list[tuple[datetime, str]] = []
        self._looked: dict[str, datetime] = {}
        self._found: dict[str, tuple[Expectation, ...]] = {}
        self._known = JobSet()
        self._next_lap: datetime | None = None
        self._resources = ExitStack()
        self._engine: Engine
        self._since: SinceStore
        self._store: Store
        self._jobs: Callable[[], JobSet]
        self._now: Callable[[], datetime]

    def open(self, engine: Engine, jobs: Callable[[], JobSet], now: Callable[[], datetime]) -> None:
        """Before anything but what is heard."""
        self._engine, self._jobs, self._now = engine, jobs, now
        self._store = self._resources.enter_context(self._open_store(engine))
        self._since = SinceStore(self._store)
        self._guard.open(engine, self._store)

    @property
    def store(self) -> Store:
        """Where it is kept from when limits count, for what else is kept there."""
        return self._store

    def close(self) -> None:
        """After ``stop``; waits a moment for a look under way."""
        self.join(3.0)
        self._resources.close()

    def attempt_finished(self, job: Job, outcome: Outcome) -> None:
        pass

    def execution_finished(self, execution: Execution) -> None:
        if execution.job in self._found:  # which has every job that owes something
            with self._lock:
                self._heard.add(execution.job)
            self.woken.set()

    def snapshot(self) -> Mapping[str, tuple[Expectation, ...]]:
        """The newest look at each job that expects something; from any thread."""
        return dict(self._found)

    def ask(self, definition: JobVersion) -> tuple[Expectation, ...]:
        """The states now, for one question from any thread."""
        if definition.job.expect is None:
            return ()
        now = self._now()
        return self._evaluate(definition.job, self._since.read(definition.job), now)

    def round(self) -> None:
        now = self._now()
        self._follow(now)
        self._lap(now)
        for name in self._due(now):
            definition = self._known.get(name)
            if definition is not None:
                self._look(definition, now)

    def _follow(self, now: datetime) -> None:
        """Jobs that are new, changed or gone."""
        jobs = self._jobs()
        if jobs is self._known:
            return
        before, self._known = self._known, jobs
        for definition in jobs:
            old = before.get(definition.job.name)
            if old is not definition and (_owes(definition.job) or (old is not None and _owes(old.job))):
                heapq.heappush(self._deadlines, (now, definition.job.name))
        gone = {*self._found, *(self._since.jobs() if self._since.leads else ())} - jobs.definitions.keys()
        for name in gone if len(jobs) else ():
            self._found.pop(name, None)
            self._since.forget(name)

    def _lap(self, now: datetime) -> None:
        if self._next_lap is not None and self._next_lap - _LAP <= now < self._next_lap:
            return
        self._next_lap = now + _LAP
        broken = {name for name, found in self._found.items() if _is_broken(found)}
        oldest = sorted(self._looked, key=lambda name: self._looked[name])[:_OLDEST]
        with self._lock:
            self._heard |= broken | {name for name in oldest if name in self._found}

    def _due(self, now: datetime) -> Collection[str]:
        with self._lock:
            names = dict.fromkeys(sorted(self._heard)[:_AT_ONCE])
            self._heard -= names.keys()
        while self._deadlines and self._deadlines[0][0] <= now and len(names) < 2 * _AT_ONCE:
            names[heapq.heappop(self._deadlines)[1]] = None
        return names

    def _look(self, definition: JobVersion, now: datetime) -> None:
        job = definition.job
        try:
            if not job.enabled and self._since.leads:
                self._since.forget(job.name)
            found = self._evaluate(job, self._since.note(job, now), now) if job.expect is not None else ()
            for tell in self._on_look:
                tell(definition, found, now)
        except BaseException:
            with self._lock:
                self._heard.add(job.name)
            raise
        self._looked[job.name] = now
        if _owes(job):
            self._found[job.name] = found
        else:
            self._found.pop(job.name, None)
        nexts = [one.next_at for one in found if one.next_at is not None and one.next_at > now]
        if nexts:
            heapq.heappush(self._deadlines, (min(nexts), job.name))

    def _evaluate(self, job: Job, since: Since, now: datetime) -> tuple[Expectation, ...]:
        begins = min([*since.values(), now])
        held = self._engine.pauses_of(job.name, begins)
        runs = EngineRuns(self._engine, job.name, now)
        return evaluate(job, runs, held, since, now, count_to=self._count_to)


def _owes(job: Job) -> bool:
    return job.expect is not None or job.guard is not None


def _is_broken(found: tuple[Expectation, ...]) -> bool:
    return any(one.state is ExpectationState.BROKEN for one in found)
