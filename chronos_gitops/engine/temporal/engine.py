"""The engine for fleets: an existing Temporal server keeps time and state, runners are its workers."""

import asyncio
import contextlib
import logging
import secrets
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from chronos_gitops.engine import callbacks, milliseconds
from chronos_gitops.engine.callbacks import CallbackLate, CallbackReport
from chronos_gitops.engine.clock import Clock, LoopHeartbeat
from chronos_gitops.engine.clock_watch import ClockWatch
from chronos_gitops.engine.environment_claim import NO_CLAIM, EnvironmentClaim, WrongEnvironment
from chronos_gitops.engine.loop_thread import call_in_loop, not_running
from chronos_gitops.engine.model import EngineHealth, Execution, Pause, Status, TriggerInputs
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.operations.bulk import BulkCall, BulkItem
from chronos_gitops.engine.operations.pauses import is_same_stop
from chronos_gitops.engine.temporal.bulk_calls import WITHIN
from chronos_gitops.engine.temporal.connection.connection import TemporalConnection
from chronos_gitops.engine.temporal.errors import Unavailable, told, unavailable
from chronos_gitops.engine.temporal.replay_calls import ReplayCalls
from chronos_gitops.engine.temporal.session import WorkerSession, connect, held_now, missing
from chronos_gitops.engine.temporal.status.answers import AnswerStatus
from chronos_gitops.engine.temporal.status.fleet_backlog import FleetBacklog
from chronos_gitops.engine.temporal.timetables import planned_runs
from chronos_gitops.engine.temporal.timetables.revision_order import Ancestry
from chronos_gitops.engine.temporal.visibility.visibility import Visibility
from chronos_gitops.engine.temporal.visibility.visibility_reads import VisibilityReads
from chronos_gitops.engine.temporal.worker.activities import Sending, TimingActivities
from chronos_gitops.engine.temporal.workflows import messages
from chronos_gitops.engine.ticks.backlog import MAX_PENDING
from chronos_gitops.engine.ticks.due_queue import LATE
from chronos_gitops.errors import ChronosError, ConflictError, NotFoundError
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.process import engine_priority
from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.schedule.calendars.applied import AppliedTiming
from chronos_gitops.webhooks.attempt import Delivery

log = logging.getLogger(__name__)
T = TypeVar("T")

_ANSWER_WITHIN, _APPLY_WITHIN = 30.0, 120.0
_FIRST_CONNECTION = 10.0
_BEAT, _PROBE_EVERY = 1.0, 5
_LONGEST_REST, _STOP_LIMIT = 10.0, 10.0
_LAST_BREATH = 0.25
"""The SDK's threads hand over the answers of the last calls; one that does so while Python ends aborts the process."""


class TemporalEngine(VisibilityReads, ReplayCalls):
    """See the Engine protocol. ``late``: a tick that could not be claimed for longer was missed.

    A server that cannot be reached stops neither ``start`` nor ``apply``: health says so, and what was applied last is
    handed over when it is back. Every other question is answered with Unavailable meanwhile.
    """

    def __init__(
        self,
        access: TemporalConnection,
        *,
        delivery: Callable[[], Delivery],
        clock: Clock,
        observer: Observer,
        random: Random,
        late: timedelta = LATE,
        max_pending: int = MAX_PENDING,
        claim: EnvironmentClaim = NO_CLAIM,
        ancestry: Ancestry | None = None,
    ) -> None:
        self._access = access
        self._claim = claim
        self._build_delivery = delivery
        self._clock = clock
        self._observer = observer
        self._random = random
        self._backlog = backlog = FleetBacklog(max_pending)
        self._clock_watch = watch = ClockWatch()
        self._timing = TimingActivities(late=late, backlog=backlog, clock_watch=watch, ancestry=ancestry)
        self._thread = BackgroundThread("engine", self._main)
        self._ready = threading.Event()
        self._tried = threading.Event()
        self._failure: BaseException | None = None
        self._grace, self._key = 0.0, b""
        self._jobs = JobSet()
        self._is_applied = False
        self._session: WorkerSession | None = None
        self._answers = AnswerStatus(access)
        self._heartbeat = LoopHeartbeat()
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        self._delivery: Delivery
        self._sending: Sending

    def start(self) -> None:
        self._thread.launch()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        self._tried.wait(_FIRST_CONNECTION)
        if self._failure is not None:
            self._thread.join(_STOP_LIMIT)
            raise self._failure

    def stop(self, grace: float = 25.0) -> None:
        if not self._is_running():
            return
        self._grace = grace
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(grace + 2 * _STOP_LIMIT)

    def apply(self, jobs: JobSet) -> None:
        if not self._is_running():
            raise not_running()
        if jobs.revision is None and not len(jobs) and not self._is_applied:
            return  # nothing is known yet, as when the remote is away: that is nobody's decision to end all jobs
        self._jobs, self._is_applied = jobs, True
        self._timing.expect(jobs)
        if (session := self._session) is None:
            log.warning("the jobs will be applied when %s responds", self._access)
            return
        future = asyncio.run_coroutine_threadsafe(session.apply(jobs), self._loop)
        try:
            future.result(_APPLY_WITHIN)
        except (FutureTimeoutError, CancelledError):  # cancelled: the engine stops
            future.cancel()
            log.warning("the jobs are still being applied: %s", self._answers.trouble or session.trouble)

    def trigger(self, name: str, *, key: str | None = None, inputs: TriggerInputs | None = None) -> Execution:
        definition = self._definition(name)
        identity = uuid.uuid4() if key is None else uuid.uuid5(self._timing.namespace, f"{name}#{key}")
        request = messages.TriggerRequest(str(identity), milliseconds.to_ms(self._clock.now()))
        if inputs is not None:
            request = replace(request, document=inputs.job.document(), variables=dict(inputs.variables))
        row = self._ask(lambda session: session.trigger(definition, request))
        if row is None:
            return self._known(request.id, name)
        execution = messages.execution(row)
        return execution if execution.status.is_final else replace(execution, status=Status.PENDING)

    def cancel(self, execution_id: str, *, by: str) -> Execution:
        before = self.execution(execution_id).execution
        row = None if before.status.is_final else self._ask(lambda session: session.cancel(execution_id, by))
        after = self.execution(execution_id).execution if row is None else messages.execution(row)
        if after.status is not Status.CANCELLED:
            raise ConflictError(f"execution {execution_id} has ended already: {after.status}")
        return after

    def call_back(self, execution_id: str, report: CallbackReport, *, signature: str) -> Execution:
        callbacks.verify(self._ask(self._signing_key), execution_id, signature)
        try:
            found = self.execution(execution_id)
        except NotFoundError as error:
            raise callbacks.unknown() from error
        spacing = callbacks.spacing(found.execution, found.job)
        scrubbed = callbacks.scrubbed(report, found, signature, self._delivery.excerpt)
        posted = messages.Posted(scrubbed.told.value, scrubbed.message, milliseconds.length(spacing))
        is_over = found.execution.status.is_final
        heard = None if is_over else self._ask(lambda session: session.call_back(execution_id, posted))
        if heard is None:
            ended = found.execution if is_over else self.execution(execution_id).execution
            callbacks.received(ended, scrubbed, at=self._clock.now(), spacing=spacing)
            return ended
        if heard.late is not None:
            raise CallbackLate(heard.late)
        return messages.execution(heard.row)

    async def _signing_key(self, session: WorkerSession | None) -> bytes:
        if not self._key:
            if session is None:
                raise unavailable(self._access, self._answers.trouble)
            self._key = await session.signing_key(secrets.token_bytes(callbacks.KEY_BYTES))
        return self._key

    def pause(self, name: str, *, reason: str, by: str, until: datetime | None = None) -> Pause:
        definition, pause = self._definition(name), Pause(name, reason, by, self._clock.now(), until)
        self._ask(lambda session: session.pause(definition, pause))
        return pause

    def resume(self, name: str) -> None:
        self._ask(lambda session: session.resume(name))

    def bulk(self, call: BulkCall) -> Sequence[BulkItem]:
        ids, within = self._timing.namespace, WITHIN + _STOP_LIMIT
        return self._ask(lambda session: session.bulk_calls.perform(call, self._jobs, ids), within=within)

    def bulk_call(self, call_id: str) -> BulkCall | None:
        return self._ask(lambda session: session.bulk_calls.find(call_id))

    def stop_version(self, pause: Pause) -> bool:
        definition = self._jobs.get(pause.job)
        if definition is None or definition.job.digest != pause.content:
            return False
        is_made = self._ask(lambda session: session.pause(definition, pause))
        return is_made or any(is_same_stop(one, pause) for one in self.pauses_of(pause.job, pause.at))

    def pauses(self) -> Mapping[str, Pause]:
        """The last that are known, also while the server does not answer."""
        session = self._session
        return {} if session is None else held_now(session.pauses.values, self._clock.now())

    def next_runs(self, name: str, count: int) -> Sequence[datetime]:
        if (session := self._session) is None:
            return ()
        plan, pause = session.plans.values.get(name), session.pauses.values.get(name)
        return planned_runs.next_runs(plan, pause, name, self._jobs.get(name), self._clock.now(), count)

    def moving(self) -> Mapping[str, AppliedTiming]:
        session, now = self._session, self._clock.now()
        return {} if session is None else planned_runs.moving(session.plans, session.pauses, self._jobs, now)

    def next_due(self) -> datetime | None:
        return self._clock.now()  # the server hands out what other runners have planned, too

    def decided_until(self) -> Mapping[str, datetime]:
        plans = {} if (session := self._session) is None else session.plans.values
        return planned_runs.decided_until(plans, self._clock.now())

    def zone_data_before(self) -> str | None:
        return None if self._session is None else self._session.zone_data_before

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """The server keeps the turn; that of a runner which dies ends by itself."""
        turn = self._ask(lambda session: session.take_turn(name))
        try:
            yield
        finally:
            with contextlib.suppress(Unavailable):
                self._ask(lambda session: session.end_turn(turn))

    def health(self) -> EngineHealth:
        if not self._is_running():
            return EngineHealth(ok=False, detail="the engine is not running")
        trouble = self._trouble()
        return EngineHealth(
            not trouble,
            trouble or "claiming",
            self._sending.in_flight,
            self._heartbeat.at,
            self._heartbeat.age,
            self._delivery.open_circuits(),
            self._backlog.warning,
            self._liveness_failure(),
        )

    def _trouble(self) -> str:
        session = self._session
        of_session = "" if session is None else session.all_trouble
        of_server = self._answers.trouble or self._liveness_failure() or of_session
        if of_server:
            return f"{self._access}: {of_server}"
        return self._clock_watch.trouble(self._clock.now()) or self._delivery.descriptor_shortage

    def _liveness_failure(self) -> str:
        session = self._session
        return self._answers.lease_failure or ("" if session is None else session.poll_watch.failure)

    def _definition(self, name: str) -> JobVersion:
        if not self._is_running():
            raise not_running()
        definition = self._jobs.get(name)
        if definition is None:
            raise missing(name)
        return definition

    def _known(self, execution_id: str, job: str) -> Execution:
        """A trigger that was no news: made before under this key, or its job is gone by now."""
        try:
            return self.execution(execution_id).execution
        except NotFoundError as error:
            raise missing(job) from error

    def _ask(self, question: Callable[[WorkerSession], Coroutine[Any, Any, T]], *, within: float = _ANSWER_WITHIN) -> T:
        """Runs in the engine's loop and waits here for the answer."""
        if not self._is_running():
            raise not_running()
        session = self._session
        if session is None or self._answers.trouble:
            raise unavailable(self._access, self._answers.trouble)
        try:
            return call_in_loop(question(session), self._loop, seconds=within)
        except TimeoutError as error:
            raise unavailable(self._access, f"no answer within {within:.0f} s") from error
        except (RPCError, WorkflowUpdateFailedError) as error:
            raise unavailable(self._access, told(error)) from error

    def _read(self, question: Callable[[Visibility], Coroutine[Any, Any, T]]) -> T:
        return self._ask(lambda session: question(session.visibility))

    def _is_running(self) -> bool:
        return self._ready.is_set() and self._thread.is_alive()

    def _main(self) -> None:
        try:
            engine_priority.run(self._serve())
        except BaseException as error:
            self._failure = error
            log.exception("the engine stopped")
        finally:
            self._session = None
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        async with self._build_delivery() as self._delivery:
            self._sending = Sending(
                delivery=self._delivery,
                clock=self._clock,
                observer=self._observer,
                random=self._random,
                key=lambda: self._signing_key(self._session),
            )
            self._timing.may_claim = lambda: not self._delivery.is_short_of_descriptors
            self._heartbeat.beat(self._clock.now())
            tasks = [asyncio.create_task(work()) for work in (self._supervise, self._beat)]
            self._ready.set()
            await self._stopping.wait()
            await self._drain()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_STOP_LIMIT)
            await asyncio.sleep(_LAST_BREATH)

    async def _drain(self) -> None:
        if (session := self._session) is None:
            return
        try:
            async with asyncio.timeout(self._grace + _STOP_LIMIT):
                await session.drain(self._grace)
        except TimeoutError:
            log.warning("Temporal did not respond during shutdown; executions continue on another runner")

    async def _supervise(self) -> None:
        """Connects, and again when a connection or a worker is lost, until the engine stops."""
        rest = 1.0
        while not self._stopping.is_set():
            try:
                await self._connected()
                rest = 1.0
            except WrongEnvironment as error:
                self._failure = error
                self._answers.note(str(error))
                self._stopping.set()
            except Exception as error:
                self._answers.note(told(error), is_ours=not isinstance(error, (RPCError, RuntimeError, ChronosError)))
            self._session = None
            self._tried.set()
            await asyncio.sleep(rest)
            rest = min(2 * rest, _LONGEST_REST)

    async def _connected(self) -> None:
        keys = self._access.encryption_keys()
        client, now = await connect(self._access, keys), self._clock.now
        session = WorkerSession(
            client, timing=self._timing, sending=self._sending, backlog=self._backlog, now=now, keys=keys
        )
        await session.open(self._claim)
        self._timing.namespace = await session.execution_namespace()
        if self._is_applied:
            session.want(self._jobs)
        self._session = session
        self._answers.note("")
        self._tried.set()
        await session.run()

    async def _beat(self) -> None:
        count = 0
        while True:
            self._heartbeat.beat(self._clock.now())
            session = self._session
            if session is not None and count % _PROBE_EVERY == 0:
                await self._probe(session)
            count += 1
            await asyncio.sleep(_BEAT)

    async def _probe(self, session: WorkerSession) -> None:
        try:
            await session.probe()
            trouble = ""
        except RPCError as error:
            trouble = told(error)
        if self._session is session:
            self._answers.note(trouble)
        if not trouble:
            with contextlib.suppress(RPCError):  # the next probe tells
                await session.watch_polls()
