"""Rows of preflights, beside the executions: jobs that failed, and when the newest daily one was due."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Self

from chronos_gitops.engine.sql.store.store import Session, Store
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.webhooks.preflight.checks import PreflightCheck

_DAILY: Final = ""
"""No job has this name."""


@dataclass(frozen=True, slots=True)
class PreflightFailure:
    """``scheduled_time`` is the first one that is concerned. ``since`` is when a preflight failed first, ``at`` when it
    failed last. ``host`` is None where the url is a secret."""

    check: PreflightCheck
    message: str
    host: str | None
    scheduled_time: datetime
    since: datetime
    at: datetime

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        times = {name: datetime.fromisoformat(document[name]) for name in ("scheduled_time", "since", "at")}
        return cls(**{**document, **times, "check": PreflightCheck(document["check"])})

    def document(self) -> dict[str, Any]:
        times = {name: getattr(self, name).isoformat() for name in ("scheduled_time", "since", "at")}
        return {"check": self.check.value, "message": self.message, "host": self.host, **times}


@dataclass(frozen=True, slots=True)
class DailyPreflight:
    """The newest one: when it was due, and when it ended."""

    due: datetime
    ended: datetime


class PreflightStore:
    """Safe from any thread. Raises StoreErrors while the database is away."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def leads(self) -> bool:
        """True if no other runner knows newer jobs."""
        return self._store.replica.leads

    def failures(self) -> Mapping[str, PreflightFailure]:
        """By the name of the job."""
        rows = self._store.read(lambda session: session.execute(_ALL).fetchall())
        return {row["job"]: PreflightFailure.read(json.loads(row["document"])) for row in rows if row["job"] != _DAILY}

    def daily(self) -> DailyPreflight | None:
        row = self._store.read(lambda session: session.execute(_ONE, {"job": _DAILY}).fetchone())
        if row is None:
            return None
        return DailyPreflight(**{name: datetime.fromisoformat(at) for name, at in json.loads(row["document"]).items()})

    def write(self, failures: Mapping[str, PreflightFailure], *, ended: DailyPreflight | None = None) -> None:
        rows = [{"job": job, "document": json.dumps(found.document())} for job, found in failures.items()]
        if ended is not None:
            times = {"due": ended.due.isoformat(), "ended": ended.ended.isoformat()}
            rows.append({"job": _DAILY, "document": json.dumps(times)})

        def operation(session: Session) -> None:
            for row in rows:
                session.execute(_SET, row)

        self._store.write(operation).result()

    def forget(self, job: str) -> None:
        self._store.write(lambda session: session.execute(_FORGET, {"job": job})).result()


_ALL = "SELECT job, document FROM preflights"

_ONE = "SELECT document FROM preflights WHERE job = :job"

_FORGET = "DELETE FROM preflights WHERE job = :job"

_SET = """
INSERT INTO preflights (job, document) VALUES (:job, :document)
ON CONFLICT (job) DO UPDATE SET document = excluded.document
"""
