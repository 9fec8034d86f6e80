"""Preflights of one runner: those that callers ask for, and the daily one. A thread of its own."""

import contextlib
import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from chronos_gitops.config.groups import PreflightSettings
from chronos_gitops.engine.clock import TOLERANCE
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.sql.store.store import Store
from chronos_gitops.errors import ConflictError
from chronos_gitops.expectations.preflight import state as states
from chronos_gitops.expectations.preflight.planning import planned
from chronos_gitops.expectations.preflight.records import DailyPreflight, PreflightFailure, PreflightStore
from chronos_gitops.expectations.preflight.state import PreflightLook, PreflightState
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.process.rounds import RoundThread
from chronos_gitops.schedule.daily import daily
from chronos_gitops.webhooks.preflight.checks import PlannedJob, PreflightItem
from chronos_gitops.webhooks.preflight.preflight_run import PreflightProbe

log = logging.getLogger(__name__)
_LAP_S: Final = 15.0
_LATEST: Final = timedelta(hours=1)
"""A daily preflight that could not be made by then is not made."""
_DAY: Final = timedelta(hours=25)

OnLook = Callable[[PreflightLook, datetime], None]


class PreflightUnderWay(ConflictError):
    """One at a time for each runner."""

    kind = "preflight-under-way"


class Preflights(RoundThread):
    """Calls each of ``on_look`` with every look at a stored failure. Tests may call ``round`` themselves."""

    def __init__(
        self,
        probe: PreflightProbe,
        settings: PreflightSettings,
        on_look: Sequence[OnLook] = (),
    ) -> None:
        super().__init__(
            "chronos-preflight",
            log=log,
            trouble="preflight_cannot_be_made",
            failure="preflights_failed",
            rest_s=_LAP_S,
        )
        self._probe = probe
        self._settings = settings
        self._on_look = tuple(on_look)
        self._turn = threading.Lock()
        self._failures: Mapping[str, PreflightFailure] = {}
        self._daily: DailyPreflight | None = None
        self._engine: Engine
        self._store: PreflightStore
        self._jobs: Callable[[], JobSet]
        self._now: Callable[[], datetime]

    def open(self, engine: Engine, store: Store, jobs: Callable[[], JobSet], now: Callable[[], datetime]) -> None:
        """Before anything else."""
        self._engine, self._jobs, self._now = engine, jobs, now
        self._store = PreflightStore(store)

    def failures(self) -> Mapping[str, PreflightFailure]:
        """As the newest look found them; from any thread."""
        return self._failures

    def daily(self) -> DailyPreflight | None:
        """The newest daily preflight of any runner; from any thread."""
        return self._daily

    def ask(self, definitions: Collection[JobVersion], within: timedelta) -> tuple[PreflightItem, ...]:
        """Looks at these jobs, from any thread. A failure is answered and not kept; a job that passes is well again.
        PreflightUnderWay while another preflight runs."""
        with self._alone():
            looked, items = self._look(definitions, within)
        for job in states.passed(items, looked, self._failures):
            self._ended(job, PreflightState.PASSED)
        return items

    def round(self) -> None:
        """The daily preflight when it is due, then what is kept."""
        now = self._now()
        due = self._due(now)
        if due is not None:
            with contextlib.suppress(ConflictError):  # another runner makes it, or a caller's is under way
                self._make_daily(due)
        before, self._failures, self._daily = self._failures, dict(self._store.failures()), self._store.daily()
        for job in before.keys() - self._failures.keys():  # another runner has ended it
            found = self._looked(job, before[job])
            self._tell(replace(found, state=_at_its_end(found.state)), now)
        for job, failure in self._failures.items():
            found = self._looked(job, failure)
            if found.state is PreflightState.FAILING:
                self._tell(found, now)
            else:
                self._ended(job, found.state)

    def _looked(self, job: str, failure: PreflightFailure) -> PreflightLook:
        definition = self._jobs().get(job)
        good = None if definition is None else self._engine.last_success(job, self._now())
        is_paused = job in self._engine.pauses()
        return PreflightLook(job, definition, failure, states.state(failure, definition, good, is_paused=is_paused))

    def _ended(self, job: str, state: PreflightState) -> None:
        """Calls ``on_look`` before it deletes the row: after a crash in between, a second call changes nothing."""
        failure = self._failures.get(job)
        if failure is None or not self._store.leads:
            return
        self._tell(PreflightLook(job, self._jobs().get(job), failure, state), self._now())
        self._store.forget(job)
        self._failures = {name: found for name, found in self._failures.items() if name != job}

    def _tell(self, look: PreflightLook, now: datetime) -> None:
        for tell in self._on_look:
            tell(look, now)

    def _due(self, now: datetime) -> datetime | None:
        """When the daily preflight was due that is still to be made."""
        if not self._settings.at or not self._store.leads or not len(self._jobs()):
            return None
        schedule = daily(self._settings.at, self._settings.timezone)
        due = next(iter(schedule.latest(now - _DAY, now, 1)), None)
        if due is None or now - due > _LATEST:
            return None
        done = self._store.daily()
        is_done = done is not None and due <= done.due <= now + TOLERANCE
        return None if is_done else due

    def _make_daily(self, due: datetime) -> None:
        """By one runner of a fleet; another one finds the note of the day."""
        with self._engine.alone("preflight"), self._alone():
            if self._due(self._now()) != due:
                return
            looked, items = self._look(self._jobs(), self._settings.within)
            now, known = self._now(), self._failures
            self._daily = DailyPreflight(due, now)
            failed = states.failed(items, known, now)
            self._store.write(failed, ended=self._daily)
            self._failures = {**known, **failed}
        log.info("preflight_ended", extra={"jobs": len(looked), "failed": len(failed)})
        for job in states.passed(items, looked, known):
            self._ended(job, PreflightState.PASSED)

    def _look(
        self, definitions: Collection[JobVersion] | JobSet, within: timedelta
    ) -> tuple[Sequence[PlannedJob], tuple[PreflightItem, ...]]:
        looked = tuple(planned(self._engine, definitions, self._now(), within))
        return looked, self._probe.run(looked) if looked else ()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._turn.acquire(blocking=False):
            raise PreflightUnderWay("A preflight is under way.", hint="Ask again in a minute.")
        try:
            yield
        finally:
            self._turn.release()


def _at_its_end(state: PreflightState) -> PreflightState:
    """Of a failure that is not kept any more: the preflight has passed, where nothing else speaks for its end."""
    return PreflightState.PASSED if state is PreflightState.FAILING else state
