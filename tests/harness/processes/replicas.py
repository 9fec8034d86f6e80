"""Several engines on one PostgreSQL database and one receiver that measures, by the clock on the wall."""

import asyncio
import contextlib
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from time import monotonic
from typing import Any

from harness.engine_harness import Seen, jobset
from harness.servers import Connection, Hostile, answer

from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress
from chronos_gitops.engine.sql.postgres.store import PostgresStore
from chronos_gitops.jobs.model import Job
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy, Level

LEASE_S = 1.5


@dataclass(slots=True)
class Visit:
    """One request, from its arrival to its end; ``was_cut`` when the client went away before the answer."""

    job: str
    execution: str
    since: float
    until: float | None = None
    was_cut: bool = False


class Sink:
    """Answers after the seconds that a path names (``/0.5``), or when ``release`` is called (``/hold``)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visits: list[Visit] = []
        self.server = Hostile(self._talk)
        self._gate = asyncio.Event()

    def url(self, path: str) -> str:
        return self.server.url(path)

    def release(self) -> None:
        self.server.call(self._gate.set)

    @property
    def visits(self) -> list[Visit]:
        with self._lock:
            return list(self._visits)

    def of(self, job: str) -> list[Visit]:
        return [visit for visit in self.visits if visit.job == job]

    def most_at_once(self, job: str) -> int:
        """The largest number of requests of the job that were open at one time."""
        edges = sorted((at, step) for visit in self.of(job) for at, step in _edges(visit))
        open_now = most = 0
        for _, step in edges:
            open_now += step
            most = max(most, open_now)
        return most

    def twice(self) -> list[str]:
        """The executions that sent more than one request."""
        seen: dict[str, int] = defaultdict(int)
        for visit in self.visits:
            seen[visit.execution] += 1
        return [execution for execution, count in seen.items() if count > 1]

    async def _talk(self, connection: Connection) -> None:
        while True:
            head = (await connection.request()).decode()
            fields = dict(line.split(": ", 1) for line in head.split("\r\n") if ": " in line)
            visit = Visit(fields["X-Chronos-Job-Name"], fields["X-Chronos-Execution-ID"], monotonic())
            with self._lock:
                self._visits.append(visit)
            await self._exchange(connection, visit, head.split(" ")[1])
            if visit.was_cut:
                return

    async def _exchange(self, connection: Connection, visit: Visit, path: str) -> None:
        patience = self._gate.wait() if path == "/hold" else asyncio.sleep(float(path[1:]))
        tasks = [asyncio.ensure_future(patience), asyncio.ensure_future(connection.reader.read(1))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            visit.was_cut = not tasks[0].done()
            visit.until = monotonic()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if not visit.was_cut:
            await connection.send(answer("200 OK"))


def _edges(visit: Visit) -> Iterator[tuple[float, int]]:
    yield visit.since, 1
    if visit.until is not None:
        yield visit.until, -1


class Fleet:
    """Builds replicas on one database; they end with the test."""

    def __init__(self, url: str, sink: Sink) -> None:
        self.url = url
        self.sink = sink
        self.engines: list[SqlEngine] = []
        self.seen: list[Seen] = []

    def start(
        self,
        *jobs: Job,
        url: str | None = None,
        revision: str | None = "c" * 40,
        lease_s: float = LEASE_S,
        per_host: int = 50,
        release: str | None = None,
    ) -> SqlEngine:
        address, seen, place = DatabaseAddress(url or self.url), Seen(), f"place-{len(self.engines)}"
        engine = SqlEngine(
            lambda: PostgresStore(address, place=place, lease_s=lease_s, release=release),
            delivery=lambda: Delivery(
                secrets=Secrets({}),
                egress=EgressPolicy(level=Level.INTERNAL, loopback_allowed=True),
                user_agent="chronos-gitops/test",
                per_host=per_host,
            ),
            clock=SystemClock(),
            observer=seen,
            random=Random(7),
        )
        engine.start()
        self.engines.append(engine)
        self.seen.append(seen)
        self.apply(engine, *jobs, revision=revision)
        return engine

    def apply(self, engine: SqlEngine, *jobs: Job, revision: str | None) -> None:
        engine.apply(replace(jobset(*jobs), revision=revision))

    def stop(self, engine: SqlEngine, grace: float = 0.0) -> None:
        engine.stop(grace)
        self.engines.remove(engine)

    def close(self) -> None:
        self.sink.release()
        with contextlib.ExitStack() as all_of_them:
            for engine in self.engines:
                all_of_them.callback(engine.stop, 5.0)

    def job(self, name: str, path: str = "/0", **fields: Any) -> Job:
        document = {"schedule": "* * * * * *", "enabled": True, "webhook": {"url": self.sink.url(path)}, **fields}
        return Job.from_document({"name": name, **document})

    def jobs(self, names: Sequence[str], **fields: Any) -> list[Job]:
        return [self.job(name, **fields) for name in names]
