"""From when each expectation of a job counts, kept beside the executions: first seen with this limit, or set anew."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.clock import TOLERANCE
from chronos_gitops.engine.sql.store.store import Session, Store
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.expect import ExpectationKind

Since = Mapping[ExpectationKind, datetime]
_BY_SCHEDULE: Final = frozenset({ExpectationKind.START_WITHIN, ExpectationKind.FINISH_BY})
"""A new schedule or zone begins them anew."""


class SinceStore:
    """Safe from any thread. Raises StoreErrors while the database is away."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def leads(self) -> bool:
        """True if no other runner knows newer jobs."""
        return self._store.replica.leads

    def read(self, job: Job) -> Since:
        """Of the limits as the job has them now; what is not known yet is absent."""
        wanted = _counts(job)
        rows = self._store.read(lambda session: session.execute(_OF_JOB, {"job": job.name}).fetchall())
        known = {row["kind"]: row for row in rows}
        return {
            kind: milliseconds.instant(known[kind.value]["since"])
            for kind, counts in wanted.items()
            if kind.value in known and known[kind.value]["counts"] == counts
        }

    def note(self, job: Job, now: datetime) -> Since:
        """The same after those that are new, or that a clock that was ahead has set, begin now. A disabled job has
        none, so that enabling begins anew."""
        wanted = _counts(job) if job.enabled else {}
        known = self.read(job)
        if self.leads and any(kind not in known or known[kind] > now + TOLERANCE for kind in wanted):
            self._store.write(lambda session: _set(session, job.name, wanted, now)).result()
            known = self.read(job)
        return known

    def forget(self, job: str) -> None:
        self._store.write(lambda session: session.execute(_FORGET, {"job": job})).result()

    def jobs(self) -> Collection[str]:
        """Every job that is known."""
        return {row["job"] for row in self._store.read(lambda session: session.execute(_JOBS).fetchall())}


def _counts(job: Job) -> dict[ExpectationKind, str]:
    """The text that identifies each limit. A limit with another text starts anew."""
    limits = {} if job.expect is None else job.expect.limits()
    return {
        kind: f"{limit} {job.timing.own_digest}" if kind in _BY_SCHEDULE else limit for kind, limit in limits.items()
    }


def _set(session: Session, job: str, wanted: Mapping[ExpectationKind, str], now: datetime) -> None:
    at, latest = milliseconds.to_ms(now), milliseconds.to_ms(now + TOLERANCE)
    for kind, counts in wanted.items():
        session.execute(_SET, {"job": job, "kind": kind.value, "counts": counts, "since": at, "latest": latest})


_OF_JOB = "SELECT kind, counts, since FROM expectations WHERE job = :job"

_JOBS = "SELECT DISTINCT job FROM expectations"

_FORGET = "DELETE FROM expectations WHERE job = :job"

# Of two runners the first one decides.
_SET = """
INSERT INTO expectations (job, kind, counts, since) VALUES (:job, :kind, :counts, :since)
ON CONFLICT (job, kind) DO UPDATE SET counts = excluded.counts, since = excluded.since
WHERE expectations.counts <> excluded.counts OR expectations.since > :latest
"""
