"""A random hand on the engine, step after step: time passes, receivers answer or not, operators meddle, it restarts."""

import asyncio
import contextlib
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from harness.clock import HandClock
from harness.engine_harness import MINUTE, NOON, Bench, Seen, jobset
from harness.engines import EngineMaker, on_postgres, on_sqlite
from harness.programs.postgres import database
from harness.servers import Connection, Hostile, answer
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status, Trigger
from chronos_gitops.jobs.model import Job

NAMES = ("forbid", "replace", "allow", "queue")
ATTEMPTS = 2
BELATED = timedelta(milliseconds=1)
"""A manual trigger is scheduled for the moment of its call, in whole milliseconds."""
EVERYTHING = ExecutionQuery(limit=100_000)


class Desk:
    """Requests lie here until somebody answers them; who goes away takes theirs along."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self.early: list[str] = []
        self._open: list[tuple[str, str, asyncio.Future[bytes]]] = []
        self.heard: set[str] = set()

    async def talk(self, connection: Connection) -> None:
        while True:
            fields = dict(
                line.split(": ", 1) for line in (await connection.request()).decode().split("\r\n") if ": " in line
            )
            reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            entry = (fields["X-Chronos-Job-Name"], fields["X-Chronos-Execution-ID"], reply)
            with self._lock:
                if datetime.fromisoformat(fields["X-Chronos-Scheduled-Time"]) > self._now() + BELATED:
                    self.early.append(entry[1])
                self._open.append(entry)
                self.heard.add(entry[1])
            gone = asyncio.ensure_future(connection.reader.read(1))
            try:
                await asyncio.wait({reply, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not reply.done():
                    return
                await connection.send(reply.result())
            finally:
                with self._lock, contextlib.suppress(ValueError):
                    self._open.remove(entry)
                gone.cancel()
                await asyncio.wait({gone})

    def waiting(self) -> list[str]:
        """The jobs whose requests wait for an answer."""
        with self._lock:
            return [job for job, _, reply in self._open if not reply.done()]

    def answer(self, which: int, status: str, server: Hostile) -> bool:
        with self._lock:
            found = [reply for _, _, reply in self._open if not reply.done()]
        if not found:
            return False
        reply = found[which % len(found)]
        server.call(lambda: None if reply.done() else reply.set_result(answer(status)))
        return True


class Machine(RuleBasedStateMachine):
    """``forbid``, ``replace``, ``allow`` and ``queue``, each due every minute, with one retry, on one ledger."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = contextlib.ExitStack()
        self.clock = HandClock(NOON)
        self.desk = Desk(self.clock.now)
        self.server = self.closing.enter_context(Hostile(self.desk.talk))
        self.bench = Bench(self.maker(), self.closing.enter_context(Receiver()), self.clock, Seen())
        self.edits = 0
        self.ended: dict[str, Status] = {}
        self.paused: dict[str, datetime] = {}
        self.pauses: list[tuple[str, datetime, datetime]] = []
        self.engine = self.bench.start(*self.jobs())

    def maker(self) -> EngineMaker:
        folder = self.closing.enter_context(tempfile.TemporaryDirectory())
        return on_sqlite(Path(folder) / "ledger.db")

    def jobs(self, **fields: object) -> list[Job]:
        retry = {"max_attempts": ATTEMPTS, "initial_interval": "20s", "max_interval": "20s"}
        common = {"retry_policy": retry, "missed_run_policy": "execute_all", "description": str(self.edits), **fields}
        webhook = {"url": self.server.url("/"), "timeout": "10m"}
        return [self.bench.job(name, concurrency=name, webhook=webhook, **common) for name in NAMES]

    @rule(minutes=st.integers(1, 3))
    def time_passes(self, minutes: int) -> None:
        for _ in range(minutes):
            self.clock.turn(MINUTE)

    @rule()
    def a_moment_passes(self) -> None:
        self.clock.turn(timedelta(seconds=11))

    @rule()
    def the_next_minute_is_near(self) -> None:
        """So near that it has been claimed."""
        until = self.clock.now().replace(second=59, microsecond=995_000) - self.clock.now()
        self.clock.turn(max(until, timedelta(milliseconds=1)))

    @rule(which=st.integers(0, 20), status=st.sampled_from(("200 OK", "200 OK", "503 Busy", "404 Gone")))
    def somebody_answers(self, which: int, status: str) -> None:
        self.desk.answer(which, status, self.server)

    @rule(name=st.sampled_from(NAMES))
    def somebody_triggers(self, name: str) -> None:
        assert self.engine.trigger(name).trigger is Trigger.MANUAL

    @rule(name=st.sampled_from(NAMES))
    def somebody_pauses(self, name: str) -> None:
        self.engine.pause(name, reason="a random hand", by="test")
        self.paused.setdefault(name, self.clock.now())

    @precondition(lambda self: self.paused)
    @rule()
    def somebody_resumes(self) -> None:
        name, since = self.paused.popitem()
        self.pauses.append((name, since, self.clock.now()))
        self.engine.resume(name)

    @rule()
    def somebody_edits(self) -> None:
        self.edits += 1
        self.engine.apply(jobset(*self.jobs()))

    @rule(grace=st.sampled_from((0.0, 0.05)), away=st.integers(0, 4))
    def it_restarts(self, grace: float, away: int) -> None:
        self.bench.stop(self.engine, grace)
        # No runner is there to notice. A start takes longer than the 20 ms in which a killed one claims ahead.
        self.clock._now += max(away * MINUTE, timedelta(milliseconds=50))
        self.engine = self.bench.start(*self.jobs())

    @invariant()
    def an_end_is_an_end(self) -> None:
        for row in self.engine.executions(EVERYTHING):
            assert self.ended.get(row.id, row.status) is row.status, row
            assert row.attempts <= ATTEMPTS, row
            if row.status.is_final:
                self.ended[row.id] = row.status

    @invariant()
    def nothing_is_sent_before_its_scheduled_time(self) -> None:
        assert self.desk.early == []

    @invariant()
    def one_request_at_a_time_but_for_allow(self) -> None:
        def orderly(_: Hostile) -> bool:
            return all(count <= 1 for job, count in Counter(self.desk.waiting()).items() if job != "allow")

        # A request that was cut off is gone when the receiver has noticed it.
        assert orderly(self.server) or self.server.wait_for(orderly), self.desk.waiting()

    def teardown(self) -> None:
        try:
            for name, since in self.paused.items():
                self.engine.resume(name)
                self.pauses.append((name, since, self.clock.now()))
            until = self.clock.now()
            self.engine.apply(jobset(*self.jobs(enabled=False)))
            self.let_everything_end()
            self.judge(until)
        finally:
            self.bench.stop_all()
            self.closing.close()

    def let_everything_end(self) -> None:
        deadline = time.monotonic() + 60  # one after the other, in real time
        while time.monotonic() < deadline:
            if all(row.status.is_final for row in self.engine.executions(EVERYTHING)):
                return
            if not self.desk.answer(0, "200 OK", self.server):
                self.clock.turn(timedelta(seconds=5))
        raise AssertionError(f"this never ended: {[self.engine.running(name) for name in NAMES]}")

    def judge(self, until: datetime) -> None:
        rows = self.engine.executions(EVERYTHING)
        assert self.desk.heard <= {row.id for row in rows}, "nothing was sent without a row"
        for job in self.jobs():
            of_job = [row for row in rows if row.job == job.name and row.trigger is not Trigger.MANUAL]
            covered = sorted(tick for row in of_job for tick in ticks_of(job, row))
            assert covered == list(job.timing.between(NOON, until)), job.name
            held = [(since, end) for name, since, end in self.pauses if name == job.name]
            on_time = [row.scheduled_time for row in of_job if row.trigger is Trigger.SCHEDULE and row.count == 1]
            in_pause = [tick for tick in on_time for since, end in held if since < tick < end]
            ran = {row.scheduled_time for row in of_job if row.status is not Status.SKIPPED}
            assert not ran.intersection(in_pause), job.name


def ticks_of(job: Job, row: Execution) -> Iterator[datetime]:
    if row.range_start is None:
        return iter([row.scheduled_time])
    return job.timing.between(row.range_start - timedelta(milliseconds=1), row.scheduled_time)


def run(examples: int, steps: int, machine: type[Machine] = Machine) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(120)
def test_the_promises_hold_under_a_random_hand() -> None:
    """Takes some seconds: some two hundred steps with real requests and a real database."""
    run(examples=6, steps=40)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_the_promises_hold_for_ten_thousand_steps() -> None:
    """Takes some minutes."""
    run(examples=200, steps=50)


def on_server(url: str) -> type[Machine]:
    class PostgresMachine(Machine):
        """The same on a database of its own for each run."""

        def maker(self) -> EngineMaker:
            return on_postgres(self.closing.enter_context(database(url)))

    return PostgresMachine


@pytest.mark.timeout(120)
def test_the_promises_hold_on_postgresql_too(postgres_server: str) -> None:
    """Takes some ten seconds: a hundred steps with real requests and a real database."""
    run(examples=3, steps=30, machine=on_server(postgres_server))


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_the_promises_hold_on_postgresql_for_three_thousand_steps(postgres_server: str) -> None:
    """Takes some minutes."""
    run(examples=60, steps=50, machine=on_server(postgres_server))
