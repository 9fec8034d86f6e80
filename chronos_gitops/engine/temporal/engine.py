"""The engine for fleets: an existing Temporal server keeps time and state, runners are its workers."""

import asyncio
import contextlib
import logging
import secrets
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from temporalio.client import WorkflowUpdateFailedError
from temporalio.service import RPCError

from chronos_gitops.engine import callbacks
from chronos_gitops.engine.callbacks import CallbackLate, CallbackReport
from chronos_gitops.engine.clock import Clock, Heartbeat, elapsed
from chronos_gitops.engine.due_queue import LATE, upcoming
from chronos_gitops.engine.loop_thread import call_in_loop, not_running
from chronos_gitops.engine.model import (
    EngineHealth,
    Execution,
    ExecutionDetail,
    ExecutionQuery,
    Pause,
    Status,
)
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.connection import TemporalConnection
from chronos_gitops.engine.temporal.errors import Unavailable, told, unavailable
from chronos_gitops.engine.temporal.session import Session, connect, held_now, missing
from chronos_gitops.engine.temporal.worker.activities import Sending, Timing
from chronos_gitops.engine.temporal.workflows import messages
from chronos_gitops.engine.temporal.workflows.messages import Posted, TriggerRequest, to_ms
from chronos_gitops.errors import ChronosError, ConflictError, NotFoundError
from chronos_gitops.jobs.model import JobSet, JobVersion
from chronos_gitops.process import engine_priority
from chronos_gitops.webhooks.attempt import Delivery

log = logging.getLogger(__name__)
T = TypeVar("T")

_ANSWER_WITHIN = 30.0
_APPLY_WITHIN = 120.0
_FIRST_CONNECTION = 10.0
_BEAT = 1.0
_PROBE_EVERY = 5
_LONGEST_REST = 10.0
_STOP_LIMIT = 10.0
_LAST_BREATH = 0.25
"""The SDK's threads hand over the answers of the last calls; one that does so while Python ends aborts the process."""


class TemporalEngine:
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
    ) -> None:
        self._access = access
        self._build_delivery = delivery
        self._clock = clock
        self._observer = observer
        self._random = random
        self._timing = Timing(late=late, now=clock.now)
        self._thread = threading.Thread(target=self._main, name="engine", daemon=True)
        self._ready = threading.Event()
        self._tried = threading.Event()
        self._failure: BaseException | None = None
        self._grace = 0.0
        self._key = b""
        self._jobs = JobSet()
        self._is_applied = False
        self._session: Session | None = None
        self._answered_at = elapsed()
        self._trouble = "the engine is connecting"
        self._heartbeat = Heartbeat()
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        self._delivery: Delivery
        self._sending: Sending

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        self._tried.wait(_FIRST_CONNECTION)

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
        session = self._session
        if session is None:
            log.warning("the jobs are applied when %s answers", self._access)
            return
        future = asyncio.run_coroutine_threadsafe(session.apply(jobs), self._loop)
        try:
            future.result(_APPLY_WITHIN)
        except FutureTimeoutError:
            future.cancel()
            log.warning("the jobs are still being applied: %s", self._trouble or session.trouble)

    def trigger(self, name: str, *, key: str | None = None) -> Execution:
        definition = self._definition(name)
        identity = uuid.uuid4() if key is None else uuid.uuid5(self._timing.namespace, f"{name}#{key}")
        request = TriggerRequest(str(identity), to_ms(self._clock.now()))
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
        posted = Posted(scrubbed.told.value, scrubbed.message, spacing // timedelta(milliseconds=1))
        is_over = found.execution.status.is_final
        heard = None if is_over else self._ask(lambda session: session.call_back(execution_id, posted))
        if heard is None:
            ended = found.execution if is_over else self.execution(execution_id).execution
            callbacks.received(ended, scrubbed, at=self._clock.now(), spacing=spacing)
            return ended
        if heard.late is not None:
            raise CallbackLate(heard.late)
        return messages.execution(heard.row)

    async def _signing_key(self, session: Session) -> bytes:
        if not self._key:
            self._key = await session.signing_key(secrets.token_bytes(callbacks.KEY_BYTES))
        return self._key

    async def _sign(self, execution_id: str) -> str:
        session = self._session
        if session is None:
            raise unavailable(self._access, self._trouble)
        return callbacks.sign(await self._signing_key(session), execution_id)

    def pause(self, name: str, *, reason: str, by: str, until: datetime | None = None) -> Pause:
        definition = self._definition(name)
        pause = Pause(name, reason, by, self._clock.now(), until)
        self._ask(lambda session: session.pause(definition, pause))
        return pause

    def resume(self, name: str) -> None:
        self._ask(lambda session: session.resume(name))

    def pauses(self) -> Mapping[str, Pause]:
        """The last that are known, also while the server does not answer."""
        session = self._session
        return {} if session is None else held_now(session.pauses, self._clock.now())

    def next_runs(self, name: str, count: int) -> Sequence[datetime]:
        """By what was applied and is paused; the timetable itself goes by the server's clock."""
        definition, now = self._jobs.get(name), self._clock.now()
        return () if definition is None else upcoming(definition.job, self.pauses().get(name), now, count)

    def decided_until(self) -> Mapping[str, datetime]:
        return {}

    def executions(self, query: ExecutionQuery) -> Sequence[Execution]:
        return self._ask(lambda session: session.visibility.executions(query))

    def execution(self, execution_id: str) -> ExecutionDetail:
        return self._ask(lambda session: session.visibility.execution(execution_id))

    def latest(self, names: Sequence[str]) -> Mapping[str, Execution]:
        return self._ask(lambda session: session.visibility.latest(names))

    def recent(self, names: Sequence[str], count: int) -> Mapping[str, Sequence[Execution]]:
        return self._ask(lambda session: session.visibility.recent(names, count))

    def running(self, name: str) -> Sequence[Execution]:
        return self._ask(lambda session: session.visibility.running(name))

    def ticks(self, name: str, since: datetime, until: datetime) -> Sequence[Execution]:
        return self._ask(lambda session: session.visibility.ticks(name, since, until))

    def pauses_of(self, name: str, since: datetime) -> Sequence[Pause]:
        return self._ask(lambda session: session.visibility.pauses_of(name, since))

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """The server keeps the turn; that of a runner which dies ends by itself."""
        turn = self._ask(lambda session: session.take_turn(name))
        if turn is None:
            raise ConflictError(f"another runner is at it for too long: {name}", hint="try again")
        try:
            yield
        finally:
            with contextlib.suppress(Unavailable):
                self._ask(lambda session: session.end_turn(turn))

    def health(self) -> EngineHealth:
        if not self._is_running():
            return EngineHealth(ok=False, detail="the engine is not running")
        session = self._session
        trouble = self._trouble or (session.trouble if session is not None else "")
        hosts = self._delivery.open_circuits()
        detail = f"{self._access}: {trouble}" if trouble else "claiming"
        return EngineHealth(
            not trouble,
            detail,
            self._sending.in_flight,
            self._heartbeat.at,
            self._heartbeat.age,
            hosts,
            liveness_failure=self._lease_failure(),
        )

    def _lease_failure(self) -> str:
        """The server takes a runner that it does not hear of for dead, and gives its work to others."""
        seconds = elapsed() - self._answered_at
        if seconds <= names.HEARTBEAT_TIMEOUT.total_seconds():
            return ""
        return f"{self._access} has not answered for {seconds:.0f} s: {self._trouble or 'it is silent'}"

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

    def _ask(self, question: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        """Runs in the engine's loop and waits here for the answer."""
        if not self._is_running():
            raise not_running()
        session = self._session
        if session is None or self._trouble:
            raise unavailable(self._access, self._trouble)
        try:
            return call_in_loop(question(session), self._loop, seconds=_ANSWER_WITHIN)
        except TimeoutError as error:
            raise unavailable(self._access, f"no answer within {_ANSWER_WITHIN:.0f} s") from error
        except (RPCError, WorkflowUpdateFailedError) as error:
            raise unavailable(self._access, told(error)) from error

    def _is_running(self) -> bool:
        return self._ready.is_set() and self._thread.is_alive()

    def _main(self) -> None:
        try:
            engine_priority.run(self._serve())
        except BaseException as error:
            self._failure = error
            log.exception("the engine ended")
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
                sign=self._sign,
            )
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
        session = self._session
        if session is None:
            return
        try:
            async with asyncio.timeout(self._grace + _STOP_LIMIT):
                await session.drain(self._grace)
        except TimeoutError:
            log.warning("Temporal did not answer while the runner was stopping; it goes on elsewhere, or at the start")

    async def _supervise(self) -> None:
        """Connects, and again when a connection or a worker is lost, until the engine stops."""
        rest = 1.0
        while not self._stopping.is_set():
            try:
                await self._connected()
                rest = 1.0
            except Exception as error:
                self._note_trouble(told(error), is_ours=not isinstance(error, (RPCError, RuntimeError, ChronosError)))
            self._session = None
            self._tried.set()
            await asyncio.sleep(rest)
            rest = min(2 * rest, _LONGEST_REST)

    async def _connected(self) -> None:
        session = Session(await connect(self._access), timing=self._timing, sending=self._sending)
        await session.open()
        self._timing.namespace = await session.execution_namespace()
        if self._is_applied:
            session.want(self._jobs)
        self._session, self._trouble, self._answered_at = session, "", elapsed()
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

    async def _probe(self, session: Session) -> None:
        try:
            await session.probe()
            trouble, self._answered_at = "", elapsed()
        except RPCError as error:
            trouble = told(error)
        if self._session is session:
            self._note_trouble(trouble)

    def _note_trouble(self, trouble: str, *, is_ours: bool = False) -> None:
        """Logged when it changes: a server that is away for a night is one line."""
        if trouble and trouble != self._trouble:
            log.warning("%s: %s", self._access, trouble, exc_info=is_ours)
        self._trouble = trouble
