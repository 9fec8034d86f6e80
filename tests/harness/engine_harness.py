"""An engine on a bench: real HTTP, a real database, a clock turned by hand."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, TypeVar

from harness.clock import HandClock
from harness.engines import EngineMaker

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.outcome import Outcome
from chronos_gitops.webhooks.secrets import Secrets
from chronos_gitops.webhooks.transport.egress import EgressPolicy, Level

T = TypeVar("T")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Seen:
    """An observer that remembers the ends of executions and lets a test wait for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.ended: list[Execution] = []

    def attempt_finished(self, job: Job, outcome: Outcome) -> None:
        pass

    def execution_finished(self, execution: Execution) -> None:
        with self._changed:
            self.ended.append(execution)
            self._changed.notify_all()

    def wait_until(self, holds: Callable[[], bool], timeout: float = 30.0) -> None:
        """Asks again after each end of an execution."""
        with self._changed:
            assert self._changed.wait_for(holds, timeout), f"only {self.ended}"

    def wait(self, count: int, timeout: float = 30.0) -> list[Execution]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.ended) >= count, timeout), f"only {self.ended}"
            return list(self.ended)


class Bench:
    """Builds jobs against the receiver and engines on one database; engines end with the test."""

    def __init__(self, maker: EngineMaker, receiver: Receiver, clock: HandClock, seen: Seen) -> None:
        self._maker = maker
        self.receiver = receiver
        self.clock = clock
        self.seen = seen
        self._running: list[Engine] = []

    def start(self, *jobs: Job, **limits: int) -> Engine:
        engine = self.build(**limits)
        engine.start()
        self._running.append(engine)
        engine.apply(jobset(*jobs))
        return engine

    def build(self, **limits: int) -> Engine:
        def delivery() -> Delivery:
            return Delivery(
                secrets=Secrets({}),
                egress=EgressPolicy(level=Level.INTERNAL, loopback_allowed=True),
                user_agent="chronos-gitops/test",
                public_url=lambda: "http://runner.example",
                **limits,
            )

        return self._maker(delivery, self.clock, self.seen)

    def stop(self, engine: Engine, grace: float = 0.0) -> None:
        engine.stop(grace)
        self._running.remove(engine)

    def stop_all(self) -> None:
        for engine in list(self._running):
            self.stop(engine)

    def settled(self, engine: Engine, job: str = "daily-backup") -> list[tuple[str, str | None]]:
        """``statuses`` once every execution of the job has ended."""
        query = ExecutionQuery(job=job, limit=1000)
        self.seen.wait_until(lambda: all(row.status.is_final for row in engine.executions(query)))
        return statuses(engine, job)

    def job(self, name: str = "daily-backup", path: str = "/ok", **fields: Any) -> Job:
        document = {"schedule": "* * * * *", "enabled": True, **fields}
        return Job.from_document({"name": name, "webhook": {"url": self.receiver.url(path)}, **document})


def eventually(question: Callable[[], T], timeout: float = 30.0) -> T:
    """The first true answer, where there is no event to wait for: another process, or a row that follows the answer."""
    deadline, pause = monotonic() + timeout, threading.Event()
    while not (answer := question()):
        assert monotonic() < deadline, f"still {answer!r}"
        pause.wait(0.01)
    return answer


def jobset(*jobs: Job, version: int = 1) -> JobSet:
    return JobSet.of(
        "c" * 40, [JobVersion(job, f"jobs/{job.name}.yaml", "b" * 40, version=version, commit="a" * 40) for job in jobs]
    )


def statuses(engine: Engine, job: str = "daily-backup") -> list[tuple[str, str | None]]:
    """(status, reason) of the job's executions, oldest first."""
    rows = engine.executions(ExecutionQuery(job=job))
    return [(row.status.value, row.reason) for row in reversed(rows)]
