"""A real Temporal server on loopback, and an empty namespace of it for each test.

It is the CLI's dev server (one process, in memory); `history.timerProcessorMaxTimeShift` is what delays its timers by
up to a second otherwise.
"""

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self, TypeVar

from google.protobuf.duration_pb2 import Duration
from harness.clock import HandClock
from harness.engines import EngineMaker
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from chronos_gitops.config.model import TemporalAccess
from chronos_gitops.engine.due_queue import LATE
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.temporal import names, search_attributes
from chronos_gitops.engine.temporal.connection import TemporalConnection
from chronos_gitops.engine.temporal.engine import TemporalEngine
from chronos_gitops.engine.temporal.reconciler import applied
from chronos_gitops.engine.temporal.workflows.messages import TimetableState, to_ms
from chronos_gitops.jobs.model import JobVersion
from chronos_gitops.webhooks.attempt import Delivery

T = TypeVar("T")
_READY_WITHIN = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class TemporalServer:
    """``with TemporalServer(folder) as server``; ``database`` keeps its state, so that it can be killed and started."""

    def __init__(self, folder: Path, *, port: int | None = None, database: Path | None = None) -> None:
        self.port = free_port() if port is None else port
        self._folder = folder
        self._database = database
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        program = shutil.which("temporal", path=str(Path(sys.executable).parent)) or "temporal"
        command = [program, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self.port)]
        command += ["--log-level", "error", "--dynamic-config-value", 'history.timerProcessorMaxTimeShift="10ms"']
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


def on_temporal(url: str, *, late: timedelta = LATE) -> EngineMaker:
    def make(delivery: Callable[[], Delivery], clock: HandClock, observer: Observer) -> TemporalEngine:
        return TemporalEngine(
            TemporalConnection.parse(url, TemporalAccess()),
            delivery=delivery,
            clock=clock,
            observer=observer,
            random=Random(7),
            late=late,
        )

    return make


async def sleep_since(client: Client, definition: JobVersion, mark: datetime) -> None:
    """A timetable as an outage leaves it: nobody has looked at it since ``mark``."""
    await search_attributes.register(client)
    name, given = definition.job.name, applied(definition)
    await client.start_workflow(
        names.TIMETABLE,
        TimetableState(job=name, applied=given, mark=to_ms(mark)),
        id=names.timetable_id(name),
        task_queue=names.TIMETABLES,
        search_attributes=search_attributes.of_timetable(name, given.digest, search_attributes.SCHEDULED_STATUS),
    )
