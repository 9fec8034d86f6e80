"""A real Temporal server on loopback, and an empty namespace of it for each test.

It is the CLI's dev server (one process, in memory), with settings that make it do at once what it does seconds later
by default: see `PROMPT`.
"""

import asyncio
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self, TypeVar

from google.protobuf.duration_pb2 import Duration
from harness.clock import HandClock, RealClock
from harness.engine_harness import Bench, Seen, jobset
from harness.engines import EngineMaker
from harness.programs.tools import free_port
from temporalio import activity
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from chronos_gitops.config.groups import TemporalAccess
from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.clock_watch import ClockWatch
from chronos_gitops.engine.milliseconds import to_ms
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.connection.connection import TemporalConnection
from chronos_gitops.engine.temporal.engine import TemporalEngine
from chronos_gitops.engine.temporal.status.fleet_backlog import FleetBacklog
from chronos_gitops.engine.temporal.timetables.reconciler import applied
from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.visibility.visibility import Visibility
from chronos_gitops.engine.temporal.worker.activities import Sending, TimingActivities
from chronos_gitops.engine.temporal.worker.gate_watch import GateWatch
from chronos_gitops.engine.temporal.worker.workers import Workers
from chronos_gitops.engine.temporal.workflows.messages import Situation, TimetableOrders, TimetableState
from chronos_gitops.engine.ticks.backlog import MAX_PENDING
from chronos_gitops.engine.ticks.due_queue import LATE
from chronos_gitops.jobs.calendar_set import NO_CALENDARS, CalendarSet
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.schedule.calendars.steps import Moves
from chronos_gitops.webhooks.attempt import Delivery

T = TypeVar("T")
_READY_WITHIN = 60.0
PROMPT = (
    'history.timerProcessorMaxTimeShift="10ms"',  # timers fire up to a second late otherwise
    # The server deletes an execution after its queues have saved how far they are: every 30 s by default.
    'history.transferProcessorUpdateAckInterval="200ms"',
    'history.visibilityProcessorUpdateAckInterval="200ms"',
)


class TemporalServer:
    """``with TemporalServer(folder) as server``; ``database`` keeps its state, so that it can be killed and started."""

    def __init__(
        self, folder: Path, *, port: int | None = None, database: Path | None = None, dynamic: Sequence[str] = ()
    ) -> None:
        self.port = free_port() if port is None else port
        self._folder = folder
        self._database = database
        self.dynamic = tuple(dynamic)
        """Settings of the server that hold from its next start on, each as ``name=JSON``."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        program = shutil.which("temporal", path=str(Path(sys.executable).parent)) or "temporal"
        command = [program, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self.port)]
        command += ["--log-level", "error"]
        command += [word for setting in (*PROMPT, *self.dynamic) for word in ("--dynamic-config-value", setting)]
        if self._database is not None:
            command += ["--db-filename", str(self._database)]
        with (self._folder / "temporal.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _READY_WITHIN
        while not run(self._answers()):
            assert time.monotonic() < deadline, (self._folder / "temporal.log").read_text()
            assert self._process.poll() is None, (self._folder / "temporal.log").read_text()
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGKILL)

    def namespace(self) -> str:
        """A new one, ready to be used."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        run(self._register(name))
        return name

    def url(self, namespace: str) -> str:
        return f"temporal://127.0.0.1:{self.port}/{namespace}"

    async def client(self, namespace: str = "default") -> Client:
        return await Client.connect(f"127.0.0.1:{self.port}", namespace=namespace)

    async def _register(self, name: str) -> None:
        day = Duration(seconds=86400)
        request = RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=day)
        await (await self.client()).workflow_service.register_namespace(request)

    async def _answers(self) -> bool:
        try:
            return await (await self.client()).service_client.check_health()
        except (RuntimeError, RPCError):
            await asyncio.sleep(0.05)
            return False


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def on_temporal(
    url: str, *, late: timedelta = LATE, max_pending: int = MAX_PENDING, access: TemporalAccess | None = None
) -> EngineMaker:
    def make(delivery: Callable[[], Delivery], clock: HandClock | RealClock, observer: Observer) -> TemporalEngine:
        return TemporalEngine(
            TemporalConnection.parse(url, access or TemporalAccess()),
            delivery=delivery,
            clock=clock,
            observer=observer,
            random=Random(7),
            late=late,
            max_pending=max_pending,
        )

    return make


async def sleep_since(
    client: Client,
    definition: JobVersion,
    mark: datetime,
    *,
    moves: Moves = (),
    calendars: CalendarSet = NO_CALENDARS,
) -> None:
    """A timetable as an outage leaves it: nobody has looked at it since ``mark``, when ``moves`` were under way."""
    await search_attributes.register(client)
    name, given = definition.job.name, applied(definition, calendars)
    pairs = [[to_ms(origin), to_ms(target)] for origin, target in moves]
    await client.start_workflow(
        names.TIMETABLE,
        TimetableState(job=name, applied=given, mark=to_ms(mark), moves=pairs),
        id=names.timetable_id(name),
        task_queue=names.TIMETABLES,
        search_attributes=search_attributes.of_timetable(name, given.digest, search_attributes.SCHEDULED_STATUS),
    )


def asleep(server: TemporalServer, namespace: str) -> Callable[[Bench, Job, timedelta], None]:
    """The state that an outage leaves on this server: see ``Bench``."""

    def leave(_: Bench, job: Job, length: timedelta) -> None:
        async def asleep() -> None:
            definition = jobset(job).definitions[job.name]
            await sleep_since(await server.client(namespace), definition, datetime.now(UTC) - length)

        run(asleep())

    return leave


class AheadTiming(TimingActivities):
    """Decides as it would while the server's clock is ahead."""

    def __init__(self, by: timedelta) -> None:
        super().__init__(late=LATE, backlog=FleetBacklog(), clock_watch=ClockWatch())
        self._by = by

    @activity.defn(name=names.DECIDE)
    async def decide(self, situation: Situation) -> TimetableOrders:
        return await super().decide(replace(situation, now=situation.now + self._by // timedelta(milliseconds=1)))


async def sleep_ahead(client: Client, definition: JobVersion, by: timedelta, delivery: Delivery) -> None:
    """A timetable as a server whose clock was ahead leaves it: it sleeps until that time."""
    await sleep_since(client, definition, datetime.now(UTC))
    observer = Seen()
    async with delivery:
        sending = Sending(delivery=delivery, clock=SystemClock(), observer=observer, random=Random(7), key=_no_key)
        timing = AheadTiming(by)
        timing.expect(JobSet.of("c" * 40, [definition]))
        visibility = Visibility(client)
        gates = GateWatch(visibility, lambda: datetime.now(UTC))
        workers = Workers(client, visibility, timing=timing, sending=sending, gates=gates)
        running = asyncio.create_task(workers.run())
        handle = client.get_workflow_handle(names.timetable_id(definition.job.name))
        while not await _is_ahead(handle, by):
            await asyncio.sleep(0.05)
        await workers.drain(5)
        await running


async def _is_ahead(handle: "WorkflowHandle[Any, Any]", by: timedelta) -> bool:
    plan = await (await handle.describe()).memo_value(names.PLAN, None)
    return plan is not None and plan["mark"] > to_ms(datetime.now(UTC) + by / 2)


async def _no_key() -> bytes:
    return b"x" * 32
