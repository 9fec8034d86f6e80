"""One connection to a server and all that lives on it: workers, reconciliation, timetables as they were seen last."""

import asyncio
import contextlib
import functools
import logging
import os
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError

from chronos_gitops.engine.clock import elapsed
from chronos_gitops.engine.environment_claim import NO_CLAIM, EnvironmentClaim
from chronos_gitops.engine.model import EXECUTION_IDENTITY, Pause
from chronos_gitops.engine.operations.pauses import combined, shown
from chronos_gitops.engine.operations.replays import Replay
from chronos_gitops.engine.temporal import names, updates
from chronos_gitops.engine.temporal.bulk_calls import BulkCalls
from chronos_gitops.engine.temporal.connection import encryption_mark, zone_data_mark
from chronos_gitops.engine.temporal.connection.connection import TemporalConnection
from chronos_gitops.engine.temporal.connection.encryption import Key, data_converter
from chronos_gitops.engine.temporal.connection.environment_mark import claim_environment
from chronos_gitops.engine.temporal.errors import told
from chronos_gitops.engine.temporal.replays import Replays
from chronos_gitops.engine.temporal.status.clock_correction import ClockCorrection
from chronos_gitops.engine.temporal.status.fleet_backlog import FleetBacklog
from chronos_gitops.engine.temporal.status.lag import Lag
from chronos_gitops.engine.temporal.status.poll_watch import PollWatch
from chronos_gitops.engine.temporal.timetables.followed import Followed
from chronos_gitops.engine.temporal.timetables.reconciler import Reconciler
from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.visibility.visibility import TimetableView, Visibility
from chronos_gitops.engine.temporal.worker.activities import Sending, TimingActivities
from chronos_gitops.engine.temporal.worker.gate_watch import GateWatch
from chronos_gitops.engine.temporal.worker.workers import Workers
from chronos_gitops.engine.temporal.workflows.messages import (
    BulkAnswer,
    Heard,
    PauseRecord,
    Posted,
    PublishedSchedule,
    Row,
    TriggerRequest,
)
from chronos_gitops.engine.temporal.workflows.replay_workflow import NO_TIMETABLE
from chronos_gitops.errors import ConflictError, NotFoundError
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.schedule.zones.timezones import rules_version

_Answer = TypeVar("_Answer")
log = logging.getLogger(__name__)

CHECK_EVERY = 60.0
_FOLLOW_EVERY, _FOLLOW_SHARE = 2.0, 5.0
_READ_AT_MOST = 200
_AFTER_TROUBLE = 1.0
_TURN_WITHIN = 20.0
_TURN_AGAIN = 0.1
_LONGEST_TURN = timedelta(minutes=2)
"""A runner that died in its turn holds the others up for so long."""
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


async def connect(access: TemporalConnection, keys: Sequence[Key] = ()) -> Client:
    """Raises RuntimeError when no server answers."""
    return await Client.connect(
        access.target,
        namespace=access.namespace,
        tls=access.tls(),
        api_key=access.api_key(),
        connect_timeout=_CONNECT,
        identity=f"{os.getpid()}@{socket.gethostname()}/{uuid.uuid4().hex[:8]}",
        data_converter=data_converter(keys),
        runtime=_runtime(),
    )


class WorkerSession:
    """``run`` it until it fails or is drained; the rest may be asked meanwhile, in the same loop."""

    def __init__(
        self,
        client: Client,
        *,
        timing: TimingActivities,
        sending: Sending,
        backlog: FleetBacklog,
        now: Callable[[], datetime],
        keys: Sequence[Key] = (),
    ) -> None:
        self._client = client
        self._keys = keys
        self._backlog = backlog
        self.visibility = Visibility(client)
        self.bulk_calls = BulkCalls(client, send=self.bulk, trigger=self.trigger)
        self.replays = Replays(client, self.visibility)
        self.poll_watch = PollWatch(client)
        self.clock_correction = ClockCorrection(client, self.visibility, now)
        self._lag = Lag()
        self._zones = timing.zones
        self._now = now
        self._reconciler = Reconciler(client, self.visibility, timing.ancestry)
        self._workers = Workers(
            client, self.visibility, timing=timing, sending=sending, gates=GateWatch(self.visibility, now)
        )
        self._wanted: JobSet | None = None
        self._news = asyncio.Event()
        self._settled = asyncio.Event()
        self.pauses: Followed[Pause] = Followed()
        self.plans: Followed[PublishedSchedule] = Followed()
        self.trouble = ""
        self.zone_data_before: str | None = None
        timing.on_planned = self.plans.note

    async def open(self, claim: EnvironmentClaim = NO_CLAIM) -> None:
        """EngineUnreadable where a runner has encrypted what the server keeps, and this one does not have the key;
        WrongEnvironment where the namespace belongs to another environment."""
        await search_attributes.register(self._client)
        await encryption_mark.check(self._client, self._keys)
        await claim_environment(self._client, claim)
        self.zone_data_before = await zone_data_mark.note(self._client, rules_version())
        await self._zones.look(self._client)
        await self._see()

    async def run(self) -> None:
        """Returns after ``drain``; raises what a worker failed with."""
        tasks = [asyncio.create_task(work()) for work in (self._reconcile, self._keep_following)]
        try:
            await self._workers.run()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self, grace: float) -> None:
        await self._workers.drain(grace)

    @property
    def all_trouble(self) -> str:
        """The first of what stands between the jobs and their scheduled times; empty where nothing does."""
        return self.trouble or self.clock_correction.trouble or self._lag.trouble

    def want(self, jobs: JobSet) -> None:
        self._wanted = jobs
        self._settled.clear()
        self._news.set()

    async def apply(self, jobs: JobSet) -> None:
        """Returns when the timetables are those of the newest JobSet that was wanted."""
        self.want(jobs)
        await self._settled.wait()

    async def trigger(self, definition: JobVersion, request: TriggerRequest) -> Row | None:
        row: Row | None = await self._update(definition, names.TRIGGER, request)
        return row

    async def pause(self, definition: JobVersion, pause: Pause) -> bool:
        """False: one of the guard that came too late."""
        is_made: bool | None = await self._update(definition, names.PAUSE, PauseRecord.of(pause), bool)
        if is_made is not False:  # a runner of an earlier release answers nothing
            self.pauses.note(pause.job, combined(self.pauses.values.get(pause.job), pause))
        return is_made is not False

    async def bulk(self, definition: JobVersion, update: str, argument: object) -> BulkAnswer:
        """The job's outcome of a bulk pause or resume."""
        answer: BulkAnswer = await self._update(definition, update, argument, BulkAnswer)
        name = definition.job.name
        self.pauses.note(name, None if answer.current is None else answer.current.pause(name))
        return answer

    async def begin_replay(self, definition: JobVersion, replay: Replay) -> str:
        """The replay's state; a timetable that was ended is started again."""
        state = await self.replays.begin(replay)
        if state != NO_TIMETABLE:
            return state
        await self._reconciler.give_again(definition)
        return await self.replays.begin(replay)

    async def take_turn(self, name: str) -> "WorkflowHandle[Any, Any]":
        """ConflictError when another runner has the turn for all of the time that is worth waiting."""
        deadline = asyncio.get_running_loop().time() + _TURN_WITHIN
        while True:
            try:
                return await self._client.start_workflow(
                    names.TURN, id=f"turn/{name}", task_queue=names.TURNS, run_timeout=_LONGEST_TURN
                )
            except WorkflowAlreadyStartedError:
                if asyncio.get_running_loop().time() > deadline:
                    raise ConflictError(f"another runner is at it for too long: {name}", hint="try again") from None
            await asyncio.sleep(_TURN_AGAIN)

    async def end_turn(self, turn: "WorkflowHandle[Any, Any]") -> None:
        with contextlib.suppress(RPCError):  # it has taken so long that it was ended, or ends by itself
            await turn.terminate("the turn is over")

    async def resume(self, name: str) -> None:
        handle = self._client.get_workflow_handle(names.timetable_id(name))
        with contextlib.suppress(updates.Ended):  # then no pause is held either
            await updates.send(handle, names.RESUME, result_type=None)
        self.pauses.note(name, None)

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
        """The namespace of execution ids; the same for all runners of the Temporal namespace."""
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

    async def _update(self, definition: JobVersion, update: str, argument: object, answers: type = dict) -> Any:
        """To a timetable that ought to be there; one that was ended is started again."""
        name = definition.job.name
        handle = self._client.get_workflow_handle(names.timetable_id(name))
        try:
            return await updates.send(handle, update, argument, result_type=answers)
        except updates.Ended:
            await self._reconciler.give_again(definition)
            return await updates.send(handle, update, argument, result_type=answers)

    async def _reconcile(self) -> None:
        while True:
            is_check = not await _within(CHECK_EVERY, self._news)
            self._news.clear()
            jobs = self._wanted
            if jobs is None:
                continue
            try:
                changed = await (self._reconciler.check(jobs) if is_check else self._reconciler.apply(jobs))
                await self._read(changed)
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

    async def _keep_following(self) -> None:
        """A fleet with so many jobs that its list takes long is listed more seldom."""
        while True:
            started = elapsed()
            with contextlib.suppress(RPCError):  # the probe tells; what was seen last stays
                await self._follow()
            await asyncio.sleep(max(_FOLLOW_EVERY, _FOLLOW_SHARE * (elapsed() - started)))

    async def _follow(self) -> None:
        await self._read(await self.clock_correction.check(await self._see()))
        await self._zones.look(self._client)

    async def _see(self) -> Mapping[str, TimetableView]:
        """Read the published state of all timetables, including those of other runners, and the number of unfinished
        executions."""
        seen = await self.visibility.timetables()
        self.pauses.follow({job: view.pause for job, view in seen.items() if view.pause is not None})
        self.plans.follow({job: view.plan for job, view in seen.items() if view.plan is not None})
        self._lag.look(self.plans.values, self.pauses.values, self._wanted or JobSet(), self._now())
        await self._backlog.follow(self.visibility.unfinished)
        return seen

    async def _read(self, jobs: Sequence[str]) -> None:
        """The plans of these jobs as they are, where visibility may lag behind; of very many it is asked later on."""
        if len(jobs) > _READ_AT_MOST:
            return
        for job, view in zip(jobs, await asyncio.gather(*map(self.visibility.timetable, jobs)), strict=True):
            self.plans.note(job, None if view is None else view.plan)

    async def probe(self) -> None:
        """Raises what stands between this runner and the server."""
        request = DescribeNamespaceRequest(namespace=self._client.namespace)
        await self._client.workflow_service.describe_namespace(request, timeout=_PROBE)

    async def watch_polls(self) -> None:
        """Raises RPCError as ``probe`` does."""
        await self.poll_watch.look()
        self._backlog.runners = self.poll_watch.runners


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
    return {job: shown(pause, now) for job, pause in pauses.items() if pause.holds_at(now)}
