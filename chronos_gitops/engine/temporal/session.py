"""One connection to a server and all that lives on it: workers, reconciliation, the pauses as they were seen last."""

import asyncio
import contextlib
import functools
import logging
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError

from chronos_gitops.engine.model import EXECUTION_IDENTITY, Pause
from chronos_gitops.engine.temporal import names, search_attributes, updates
from chronos_gitops.engine.temporal.connection import TemporalConnection
from chronos_gitops.engine.temporal.errors import told
from chronos_gitops.engine.temporal.reconciler import Reconciler, applied
from chronos_gitops.engine.temporal.visibility import Visibility
from chronos_gitops.engine.temporal.worker.activities import Sending, Timing
from chronos_gitops.engine.temporal.worker.workers import Workers
from chronos_gitops.engine.temporal.workflows.messages import Heard, Held, Posted, Row, TriggerRequest, maybe_ms, to_ms
from chronos_gitops.errors import NotFoundError
from chronos_gitops.jobs.model import JobSet, JobVersion

_Answer = TypeVar("_Answer")
log = logging.getLogger(__name__)

CHECK_EVERY = 60.0
_PAUSES_EVERY = 2.0
_AFTER_TROUBLE = 1.0
_TURN_WITHIN = 20.0
_TURN_AGAIN = 0.1
_LONGEST_TURN = timedelta(minutes=2)
"""A runner that died in its turn holds the others up for so long."""
_SAID_LATELY = 5.0
_SIGNING_KEY = "signing-key/callback"
_IDENTITY = f"identity/{EXECUTION_IDENTITY}"
_PROBE = timedelta(seconds=5)
_CONNECT = timedelta(seconds=5)


@functools.cache
def _runtime() -> Runtime:
    """The SDK's threads, once for a process; what it logs goes where ours goes."""
    logging.getLogger("temporalio.worker").setLevel(logging.WARNING)  # it tells each shutdown, in its own terms
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio.core"))
    filters = TelemetryFilter(core_level="ERROR", other_level="ERROR")
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=filters, forwarding=forwarding)))


async def connect(access: TemporalConnection) -> Client:
    """Raises RuntimeError when nobody answers."""
    return await Client.connect(
        access.target,
        namespace=access.namespace,
        tls=access.tls(),
        api_key=access.api_key(),
        connect_timeout=_CONNECT,
        runtime=_runtime(),
    )


class Session:
    """``run`` it until it fails or is drained; the rest may be asked meanwhile, in the same loop."""

    def __init__(self, client: Client, *, timing: Timing, sending: Sending) -> None:
        self._client = client
        self.visibility = Visibility(client)
        self._reconciler = Reconciler(client, self.visibility)
        self._workers = Workers(client, timing=timing, sending=sending)
        self._wanted: JobSet | None = None
        self._news = asyncio.Event()
        self._settled = asyncio.Event()
        self._said: dict[str, float] = {}
        self.pauses: Mapping[str, Pause] = {}
        self.trouble = ""

    async def open(self) -> None:
        await search_attributes.register(self._client)
        self.pauses = await self.visibility.pauses()

    async def run(self) -> None:
        """Returns after ``drain``; raises what a worker failed with."""
        tasks = [asyncio.create_task(work()) for work in (self._reconcile, self._follow_pauses)]
        try:
            await self._workers.run()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self, grace: float) -> None:
        await self._workers.drain(grace)

    def want(self, jobs: JobSet) -> None:
        self._wanted = jobs
        self._settled.clear()
        self._news.set()

    async def apply(self, jobs: JobSet) -> None:
        """Returns when the timetables are those of the newest JobSet that was wanted."""
        self.want(jobs)
        await self._settled.wait()

    async def trigger(self, definition: JobVersion, request: TriggerRequest) -> Row | None:
        return await self._update(definition, names.TRIGGER, request)

    async def pause(self, definition: JobVersion, pause: Pause) -> None:
        held = Held(pause.reason, pause.by, to_ms(pause.at), maybe_ms(pause.until))
        await self._update(definition, names.PAUSE, held)
        self._note(pause.job, {**self.pauses, pause.job: pause})

    async def take_turn(self, name: str) -> "WorkflowHandle[Any, Any] | None":
        """None when another runner has the turn for all of the time that is worth waiting."""
        deadline = asyncio.get_running_loop().time() + _TURN_WITHIN
        while True:
            try:
                return await self._client.start_workflow(
                    names.TURN, id=f"turn/{name}", task_queue=names.TURNS, run_timeout=_LONGEST_TURN
                )
            except WorkflowAlreadyStartedError:
                if asyncio.get_running_loop().time() > deadline:
                    return None
            await asyncio.sleep(_TURN_AGAIN)

    async def end_turn(self, turn: "WorkflowHandle[Any, Any]") -> None:
        with contextlib.suppress(RPCError):  # it has taken so long that it was ended, or ends by itself
            await turn.terminate("the turn is over")

    async def resume(self, name: str) -> None:
        handle = self._client.get_workflow_handle(names.timetable_id(name))
        with contextlib.suppress(updates.Ended):  # then no pause is held either
            await updates.send(handle, names.RESUME, result_type=None)
        self._note(name, {job: pause for job, pause in self.pauses.items() if job != name})

    async def cancel(self, execution_id: str, by: str) -> Row | None:
        """The row with its end; None when it had one before."""
        return await self._told(execution_id, names.CANCEL, by, dict)

    async def call_back(self, execution_id: str, posted: Posted) -> Heard | None:
        """None when the execution has ended: what came of it stands in its row."""
        return await self._told(execution_id, names.CALL_BACK, posted, Heard)

    async def _told(self, execution_id: str, update: str, argument: object, answers: type[_Answer]) -> _Answer | None:
        """None when the execution has ended."""
        handle = self._client.get_workflow_handle(execution_id)
        try:
            answer: _Answer = await updates.send(handle, update, argument, result_type=answers)
        except updates.Ended:
            return None
        return answer

    async def signing_key(self, fresh: bytes) -> bytes:
        """The key that all runners of the namespace share: the memo of a workflow which only is there, and which can
        be started once; ``fresh`` becomes it when there is none."""
        return bytes.fromhex(await self._made_once(names.SIGNING_KEY, _SIGNING_KEY, fresh.hex()))

    async def execution_namespace(self) -> uuid.UUID:
        """What the ids of executions are made in; the same for all runners of the server's namespace."""
        return uuid.UUID(await self._made_once(names.IDENTITY, _IDENTITY, str(uuid.uuid4())))

    async def _made_once(self, workflow: str, identity: str, fresh: str) -> str:
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await self._client.start_workflow(
                workflow,
                id=identity,
                task_queue=names.TURNS,
                memo={names.KEY: fresh},
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )
        described = await self._client.get_workflow_handle(identity).describe()
        value: str = await described.memo_value(names.KEY)
        return value

    async def _update(self, definition: JobVersion, update: str, argument: object) -> "Row | None":
        """To a timetable that ought to be there; one that somebody ended is started again."""
        name = definition.job.name
        handle = self._client.get_workflow_handle(names.timetable_id(name))
        answer: Row | None
        try:
            answer = await updates.send(handle, update, argument, result_type=dict)
        except updates.Ended:
            await self._reconciler.give(applied(definition))
            answer = await updates.send(handle, update, argument, result_type=dict)
        return answer

    def _note(self, job: str, pauses: Mapping[str, Pause]) -> None:
        self.pauses = pauses
        self._said[job] = asyncio.get_running_loop().time()

    async def _reconcile(self) -> None:
        while True:
            is_check = not await _within(CHECK_EVERY, self._news)
            self._news.clear()
            jobs = self._wanted
            if jobs is None:
                continue
            try:
                await (self._reconciler.check(jobs) if is_check else self._reconciler.apply(jobs))
                self.trouble = ""
            except (RPCError, WorkflowUpdateFailedError) as error:
                self.trouble = f"the jobs are not applied yet: {told(error)}"
                log.warning("%s", self.trouble)
                await asyncio.sleep(_AFTER_TROUBLE)
                if not is_check:
                    self._news.set()
                continue
            if not self._news.is_set():
                self._settled.set()

    async def _follow_pauses(self) -> None:
        """What other runners paused; what this one said a moment ago wins, for visibility lags a little."""
        while True:
            await asyncio.sleep(_PAUSES_EVERY)
            before = self.pauses
            try:
                seen = await self.visibility.pauses()
            except RPCError:
                continue  # the probe tells; these are the last that are known
            if self.pauses is not before:
                continue
            now = asyncio.get_running_loop().time()
            lately = {job for job, at in self._said.items() if now - at < _SAID_LATELY}
            kept = {job: pause for job, pause in self.pauses.items() if job in lately}
            self.pauses = {job: pause for job, pause in seen.items() if job not in lately} | kept

    async def probe(self) -> None:
        """Raises what stands between this runner and the server."""
        request = DescribeNamespaceRequest(namespace=self._client.namespace)
        await self._client.workflow_service.describe_namespace(request, timeout=_PROBE)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def missing(name: str) -> NotFoundError:
    return NotFoundError(f'there is no job "{name}"')


def held_now(pauses: Mapping[str, Pause], now: datetime) -> dict[str, Pause]:
    return {job: pause for job, pause in pauses.items() if pause.holds_at(now)}
