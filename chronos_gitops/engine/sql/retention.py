"""Forgets what is old: by age and by count per job, failures kept longer, in batches that a dispatch hardly notices."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from chronos_gitops.engine.clock import TOLERANCE, elapsed
from chronos_gitops.engine.sql.store import ledger
from chronos_gitops.engine.sql.store.store import Store, StoreError
from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.process.lazy_dataclass import dataclass

log = logging.getLogger(__name__)

BATCH = 200
"""Rows that one operation deletes: a few milliseconds of the one writer."""
_BREATH = 0.05
_FIRST = 60.0
_EVERY = 3600.0
_STOP_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Keep:
    """Of each job at most ``rows`` rows, none older than ``age``; of its failures ``failures`` times as many and as
    old. What has not ended is never deleted."""

    age: timedelta = timedelta(days=100)
    rows: int = 10_000
    failures: int = 2


class Retention:
    """A thread of its own: it sweeps a minute after the start, and then once an hour."""

    def __init__(self, store: Store, keep: Keep, now: Callable[[], datetime]) -> None:
        self._store = store
        self._keep = keep
        self._now = now
        self._seen: tuple[datetime, float] | None = None
        self._thread = BackgroundThread("retention", self._work)

    def start(self) -> None:
        self._is_steady()
        self._thread.launch()

    def stop(self) -> None:
        self._thread.stop()
        self._thread.join(_STOP_WITHIN)

    def sweep(self) -> int:
        """Deletes what need not be kept any more; how many executions that were. StoreError."""
        deleted = sum(self._sweep_job(job) for job in self._store.read(ledger.jobs))
        oldest = self._now() - self._keep.age * self._keep.failures
        while self._delete(lambda session: ledger.forget_leftovers(session, oldest, BATCH)):
            pass
        if deleted:
            log.info("old executions deleted (retention)", extra={"executions": deleted})
        return deleted

    def _sweep_job(self, job: str) -> int:
        """Failures and the rest each by their own limits."""
        return self._sweep_class(job, failed=False, factor=1) + self._sweep_class(
            job, failed=True, factor=self._keep.failures
        )

    def _sweep_class(self, job: str, *, failed: bool, factor: int) -> int:
        oldest, rows = self._now() - self._keep.age * factor, self._keep.rows * factor
        edge = self._store.read(lambda session: ledger.edge(session, job, failed=failed, keep=rows))
        until = oldest if edge is None else max(oldest, edge)
        deleted = 0
        while count := self._delete(
            lambda session: ledger.forget(session, job, failed=failed, until=until, limit=BATCH)
        ):
            deleted += count
        return deleted

    def _delete(self, operation: "Callable[..., int]") -> int:
        if self._thread.stopping.is_set():
            return 0
        count = self._store.write(operation).result()
        if count == BATCH:
            self._thread.stopping.wait(_BREATH)
        return count

    def _is_steady(self) -> bool:
        """True if as much time has passed on the clock as really has since this was asked last: by a clock that is
        ahead for a moment the whole history would be old."""
        before, self._seen = self._seen, (self._now(), elapsed())
        if before is None:
            return True
        passed = timedelta(seconds=self._seen[1] - before[1])
        return abs(self._seen[0] - before[0] - passed) <= TOLERANCE

    def _work(self) -> None:
        wait = _FIRST
        while not self._thread.stopping.wait(wait):
            wait = _EVERY
            if not self._is_steady():
                log.warning("the clock was changed; retention resumes after the clock has been stable for an hour")
                continue
            try:
                self.sweep()
            except StoreError as error:
                log.warning("retention failed", extra={"error": str(error)})
