"""An engine on a bench: real HTTP, a real database, a clock turned by hand."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, TypeVar

from harness.clock import HandClock, RealClock
from harness.engines import EngineMaker

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery
from chronos_gitops.engine.operations.replays import ReplayEnd
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.outcome import Outcome
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy, Level

T = TypeVar("T")
CONNECTING = "the engine is connecting"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Seen:
    """An observer that remembers the ends of executions and lets a test wait for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.ended: list[Execution] = []
        self.replays: list[ReplayEnd] = []

    def attempt_finished(self, job: Job, outcome: Outcome) -> None:
        pass

    def execution_finished(self, execution: Execution) -> None:
        with self._changed:
            self.ended.append(execution)
            self._changed.notify_all()

    def replay_ended(self, ended: ReplayEnd) -> None:
        with self._changed:
            self.replays.append(ended)
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

    def __init__(
        self,
        maker: EngineMaker,
        receiver: Receiver,
        clock: HandClock | RealClock,
        seen: Seen,
        *,
        leave: "Callable[[Bench, Job, timedelta], None] | None" = None,
    ) -> None:
        """``leave`` makes it so that the job was known and nothing has run since; the clock is set back by default."""
        self._maker = maker
        self._leave = leave or _stopped
        self.receiver = receiver
        self.clock = clock
        self.seen = seen
        self._running: list[Engine] = []

    def start(self, *jobs: Job, **limits: Any) -> Engine:
        """A fresh Temporal server on a loaded machine answers later than an engine waits for it at its start."""
        engine = self.build(**limits)
        engine.start()
        self._running.append(engine)
        eventually(lambda: not engine.health().detail.endswith(CONNECTING), 60.0)
        engine.apply(jobset(*jobs))
        return engine

    def adopt(self, engine: Engine) -> None:
        """One that was started by hand ends with the test."""
        self._running.append(engine)

    def build(self, **limits: Any) -> Engine:
        return self._maker(lambda: self.delivery(**limits), self.clock, self.seen)

    def delivery(self, **limits: Any) -> Delivery:
        return Delivery(
            secrets=Secrets({}),
            egress=EgressPolicy(level=Level.INTERNAL, loopback_allowed=True),
            user_agent="chronos-gitops/test",
            public_url=lambda: "http://runner.example",
            **limits,
        )

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

    def after_outage(self, job: Job, length: timedelta, *, first: JobSet | None = None) -> Engine:
        """An engine that starts after one; ``first`` is what it is told to run, the same job by default."""
        self._leave(self, job, length)
        engine = self.build()
        engine.start()
        self._running.append(engine)
        engine.apply(jobset(job) if first is None else first)
        return engine

    def job(self, name: str = "daily-backup", path: str = "/ok", **fields: Any) -> Job:
        document = {"schedule": "* * * * *", "enabled": True, **fields}
        return Job.from_document({"name": name, "webhook": {"url": self.receiver.url(path)}, **document})


def _stopped(bench: Bench, job: Job, length: timedelta) -> None:
    assert isinstance(bench.clock, HandClock)
    bench.clock.leap(-length)
    bench.stop(bench.start(job))
    bench.clock.leap(length)


def eventually(question: Callable[[], T], timeout: float = 30.0) -> T:
    """The first true answer, where there is no event to wait for: another process, or a row that follows the answer.

    Questions follow each other after a tenth of the time that has passed, at least 10 ms and at most a quarter of a
    second: a question costs the asked server more processor time than the wait is worth.
    """
    started, pause = monotonic(), threading.Event()
    while not (answer := question()):
        waited = monotonic() - started
        assert waited < timeout, f"still {answer!r}"
        pause.wait(min(max(0.01, waited / 10), 0.25))
    return answer


def jobset(*jobs: Job, version: int = 1) -> JobSet:
    identity = DefinitionId("b" * 40)
    return JobSet.of(
        "c" * 40, [JobVersion(job, f"jobs/{job.name}.yaml", identity, version=version, commit="a" * 40) for job in jobs]
    )


def ends_as(engine: Engine, *expected: tuple[str, str | None], job: str = "daily-backup") -> None:
    """The oldest executions; a list follows a moment after the end that an observer hears of."""
    eventually(lambda: statuses(engine, job)[: len(expected)] == list(expected))


def statuses(engine: Engine, job: str = "daily-backup") -> list[tuple[str, str | None]]:
    """(status, reason) of the job's executions, oldest first."""
    rows = engine.executions(ExecutionQuery(job=job))
    return [(row.status.value, row.reason) for row in reversed(rows)]
