"""Stops a new version that only fails: the decision is written first, then the pause is made. Both are repeatable."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Pause
from chronos_gitops.engine.sql.store.store import Session, Store
from chronos_gitops.expectations import guard
from chronos_gitops.expectations.guard import GuardVerdict
from chronos_gitops.expectations.judging.runs import EngineRuns
from chronos_gitops.expectations.judging.state import Expectation
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.jobs.promises.guard import GUARD
from chronos_gitops.process import failpoints
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class GuardRecord:
    """The guard's decision about a job's content: the digest of the job, the commits that left it so, and for a failed
    version the reason, the time (milliseconds), its first failures and the success before it (ids)."""

    digest: str
    commits: tuple[str, ...]
    version: int | None
    verdict: GuardVerdict = GuardVerdict.WAITING
    reason: str = ""
    at: int = 0
    failures: tuple[str, ...] = ()
    good: str | None = None

    @classmethod
    def read(cls, document: str) -> "GuardRecord":
        found = json.loads(document)
        lists = {name: tuple(found[name]) for name in ("commits", "failures")}
        return cls(**found | lists | {"verdict": GuardVerdict(found["verdict"])})

    def pause(self, job: str) -> Pause:
        at = milliseconds.instant(self.at)
        return Pause(job, self.reason, GUARD, at, version=self.version, content=self.digest)


OnStopped = Callable[[JobVersion, GuardRecord, datetime], None]


class GuardWatch:
    """Told of each look at a job. ``on_stopped`` is told of a stopped version at each look while its pause holds."""

    def __init__(self, on_stopped: Sequence[OnStopped]) -> None:
        self._on_stopped = tuple(on_stopped)
        self._engine: Engine
        self._store: Store

    def open(self, engine: Engine, store: Store) -> None:
        self._engine, self._store = engine, store

    def looked(self, definition: JobVersion, found: Sequence[Expectation], now: datetime) -> None:  # noqa: ARG002 - it is told of a look and asks for outcomes itself
        job = definition.job
        if job.guard is None or not job.enabled or definition.runs_draft or not self._store.replica.leads:
            return
        record = self._followed(definition)
        if record.verdict is GuardVerdict.WAITING:
            record = self._judged(definition, record, now)
        if record.verdict is GuardVerdict.FAILED:
            record = self._stopped(job.name, record)
        if record.verdict is GuardVerdict.STOPPED and self._holds(job.name, record):
            for tell in self._on_stopped:
                tell(definition, record, now)

    def _followed(self, definition: JobVersion) -> GuardRecord:
        """A commit that leaves the job as it was is no new version."""
        job, commit = definition.job, definition.commit
        known = self._read(job.name)
        commits = () if commit is None else (commit,)
        if known is None or known.digest != job.digest:
            return self._write(job.name, GuardRecord(job.digest, commits, definition.version))
        if commit is not None and commit not in known.commits:
            return self._write(job.name, replace(known, commits=(*known.commits, commit)))
        return known

    def _judged(self, definition: JobVersion, record: GuardRecord, now: datetime) -> GuardRecord:
        job = definition.job
        assert job.guard is not None
        judged = guard.judge(EngineRuns(self._engine, job.name, now).ended(), record.commits, job.guard.executions)
        if judged.verdict is GuardVerdict.WAITING:
            return record
        if judged.verdict is GuardVerdict.FAILED:
            why = guard.reason(record.version, record.commits[0] if record.commits else None, judged)
            failures = tuple(row.id for row in judged.failures)
            good = None if judged.good is None else judged.good.id
            ended = judged.failures[-1].completed_at or now  # the same, whichever runner looks
            record = replace(record, reason=why, at=milliseconds.to_ms(ended), failures=failures, good=good)
        record = self._write(job.name, replace(record, verdict=judged.verdict))
        if judged.verdict is GuardVerdict.FAILED:
            failpoints.reach("after-guard-decision")
        return record

    def _stopped(self, job: str, record: GuardRecord) -> GuardRecord:
        if not self._engine.stop_version(record.pause(job)):
            return record
        failpoints.reach("after-guard-pause")
        return self._write(job, replace(record, verdict=GuardVerdict.STOPPED))

    def _holds(self, job: str, record: GuardRecord) -> bool:
        at = milliseconds.instant(record.at)
        return any(one.by == GUARD and one.at == at and one.until is None for one in self._engine.pauses_of(job, at))

    def _read(self, job: str) -> GuardRecord | None:
        row = self._store.read(lambda session: session.execute(_OF_JOB, {"job": job}).fetchone())
        return None if row is None else GuardRecord.read(row["document"])

    def _write(self, job: str, record: GuardRecord) -> GuardRecord:
        values = {"job": job, "document": json.dumps(asdict(record))}

        def operation(session: Session) -> None:
            session.execute(_SET, values)

        self._store.write(operation).result()
        return record


_OF_JOB = "SELECT document FROM guards WHERE job = :job"

_SET = """
INSERT INTO guards (job, document) VALUES (:job, :document)
ON CONFLICT (job) DO UPDATE SET document = excluded.document
"""
