"""The engine on a SQL database: one thread with its own asyncio loop, and a store below it."""

import asyncio
import contextlib
import logging
import secrets
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from random import Random
from typing import Any, TypeVar

from chronos_gitops.engine import callbacks
from chronos_gitops.engine.answers.version_outcomes import VersionOutcomes, of_groups
from chronos_gitops.engine.callbacks import CallbackReport
from chronos_gitops.engine.clock import TOLERANCE, Clock, elapsed
from chronos_gitops.engine.engine import STALLED_AFTER, NotRunning
from chronos_gitops.engine.loop_thread import call_in_loop, not_running
from chronos_gitops.engine.model import (
    EngineHealth,
    Execution,
    ExecutionDetail,
    ExecutionQuery,
    Pause,
    TriggerInputs,
    tick_execution_id,
)
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.operations.bulk import BulkCall, BulkItem, check_same
from chronos_gitops.engine.operations.pauses import shown
from chronos_gitops.engine.operations.replays import Replay
from chronos_gitops.engine.sql.execution.executor import Executor
from chronos_gitops.engine.sql.operations import replays
from chronos_gitops.engine.sql.operations.bulk_operations import recorded
from chronos_gitops.engine.sql.retention import Keep, Retention
from chronos_gitops.engine.sql.scheduler import Scheduler
from chronos_gitops.engine.sql.store import ledger, zone_data
from chronos_gitops.engine.sql.store.row_mapping import KnownExecutions
from chronos_gitops.engine.sql.store.store import Store, StoreError
from chronos_gitops.engine.sql.waiting_start import WaitingStart
from chronos_gitops.engine.sql.write_batcher import WriteBatcher
from chronos_gitops.engine.ticks.backlog import MAX_PENDING, Backlog
from chronos_gitops.errors import ChronosError, NotFoundError
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.process import engine_priority
from chronos_gitops.process.background_thread import BackgroundThread
from chronos_gitops.schedule.calendars.applied import AppliedTiming
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.observed import Fingerprints

log = logging.getLogger(__name__)
T = TypeVar("T")

_ANSWER_WITHIN = 30.0
_GIVEN_BACK_WITHIN = 5.0
_LAST_DECISION_S = 5.0
_CLOSE_S = 3.0
"""Time reserved from the drain for a database that does not answer: to finish a transaction and close connections."""


class SqlEngine:
    """See the Engine protocol. ``open_store`` is called by ``start``, ``delivery`` once in the engine's own thread."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        *,
        delivery: Callable[[], Delivery],
        clock: Clock,
        observer: Observer,
        random: Random,
        keep: Keep | None = None,
        max_pending: int = MAX_PENDING,
        is_stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._open_store = open_store
        self._build_delivery = delivery
        self._clock = clock
        self._observer = observer
        self._random = random
        self._keep = keep or Keep()
        self._max_pending = max_pending
        self._waiting_start = WaitingStart(is_stopping)
        self._thread = BackgroundThread("engine", self._main)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._stop_by = 0.0
        self._deciding: asyncio.Task[None]
        self._opened: Store | None = None
        self._given_back = threading.Event()
        self._given_back.set()
        self._key = b""
        self._known = KnownExecutions()
        self._zone_data_before: str | None = None
        self._retention: Retention
        self._scheduler: Scheduler
        self._executor: Executor
        self._backlog: Backlog
        self._delivery: Delivery
        self._loop: asyncio.AbstractEventLoop

    def start(self) -> None:
        self._opened = self._open_store()
        try:
            fresh = secrets.token_bytes(callbacks.KEY_BYTES)
            self._key = self._waiting_start.until_answered(partial(self._callback_key, self._opened, fresh))
            self._zone_data_before = self._waiting_start.until_answered(partial(zone_data.note, self._opened))
        except ChronosError:
            self._abandon_start()
            raise
        self._retention = Retention(self._opened, self._keep, self._clock.now)
        self._thread.launch()
        self._ready.wait()
        if self._failure is not None:
            self._abandon_start()
            raise self._failure
        self._retention.start()

    def _callback_key(self, opened: Store, fresh: bytes) -> bytes:
        return opened.write(lambda session: ledger.signing_key(session, "callback", fresh)).result()

    def _abandon_start(self) -> None:
        """Nothing runs that ``stop`` could wait for."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def stop(self, grace: float = 25.0) -> None:
        if self._opened is None:
            return
        deadline = self._stop_by = elapsed() + grace
        if self._ready.is_set() and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._begin_stop)
        self._thread.join(max(0.0, deadline - elapsed()) + _GIVEN_BACK_WITHIN)
        self._retention.stop()
        self._given_back.wait(_GIVEN_BACK_WITHIN if self._opened.replica.is_current else 0.0)
        self._opened.close(max(_CLOSE_S, deadline - elapsed()) if self._opened.replica.is_current else 0.0)

    def _begin_stop(self) -> None:
        """A decision that the database does not answer is not waited for: it is found again, or was never made."""
        self._scheduler.stop()
        patience = _LAST_DECISION_S if self._store.replica.is_current else 0.0
        within = min(patience, max(0.0, self._stop_by - elapsed()))
        self._loop.call_later(within, self._deciding.cancel)

    @contextlib.contextmanager
    def lend(self) -> Iterator[Store]:
        """The ledger's database to one who keeps something beside it; ``stop`` waits a moment to get it back."""
        self._given_back.clear()
        try:
            yield self._store
        finally:
            self._given_back.set()

    @property
    def store(self) -> Store:
        """The ledger's database, for short operations while the engine runs. NotRunning before it started."""
        return self._store

    @property
    def _store(self) -> Store:
        if self._opened is None:
            raise not_running()
        return self._opened

    def apply(self, jobs: JobSet) -> None:
        self._ask(lambda scheduler: scheduler.apply(jobs))

    def trigger(self, name: str, *, key: str | None = None, inputs: TriggerInputs | None = None) -> Execution:
        return self._ask(lambda scheduler: scheduler.trigger(name, key=key, inputs=inputs))

    def cancel(self, execution_id: str, *, by: str) -> Execution:
        return self._ask(lambda scheduler: scheduler.cancel(execution_id, by=by))

    def call_back(self, execution_id: str, report: CallbackReport, *, signature: str) -> Execution:
        if not self._key:
            raise not_running()
        callbacks.verify(self._key, execution_id, signature)
        found = self._store.read(lambda session: ledger.execution(session, execution_id))
        if found is None:
            raise callbacks.unknown()
        spacing = callbacks.spacing(found.execution, found.job)
        scrubbed = callbacks.scrubbed(report, found, signature, self._delivery.excerpt)
        return self._ask(lambda scheduler: scheduler.call_back(execution_id, scrubbed, spacing=spacing))

    def pause(self, name: str, *, reason: str, by: str, until: datetime | None = None) -> Pause:
        pause = Pause(name, reason, by, self._clock.now(), until)
        self._ask(lambda scheduler: scheduler.pause(pause))
        return pause

    def stop_version(self, pause: Pause) -> bool:
        return self._ask(lambda scheduler: scheduler.stop_version(pause))

    def resume(self, name: str) -> None:
        self._ask(lambda scheduler: scheduler.resume(name))

    def bulk(self, call: BulkCall) -> Sequence[BulkItem]:
        first = self.bulk_call(call.id)
        if first is not None:
            check_same(first.fingerprint, call.fingerprint)
        return self._ask(lambda scheduler: scheduler.bulk(call))

    def bulk_call(self, call_id: str) -> BulkCall | None:
        found = self._store.read(lambda session: recorded(session, call_id))
        return None if found is None else found[0]

    def replay(self, replay: Replay) -> None:
        self._ask(lambda scheduler: scheduler.replay(replay))

    def replay_of_id(self, replay_id: str) -> Replay:
        return _found(self._store.read(lambda session: replays.find(session, replay_id)), replay_id)

    def cancel_replay(self, replay_id: str) -> Replay:
        return _found(self._ask(lambda scheduler: scheduler.replays.cancel(replay_id, self._clock.now())), replay_id)

    def tick_id(self, name: str, tick: datetime) -> str:
        return tick_execution_id(self._store.replica.namespace, name, tick)

    def pauses(self) -> Mapping[str, Pause]:
        if not self._ready.is_set():
            return {}
        now = self._clock.now()
        held = self._scheduler.timetable.pauses.items()
        return {name: shown(pause, now) for name, pause in held if pause.holds_at(now)}

    def next_runs(self, name: str, count: int) -> Sequence[datetime]:
        return self._scheduler.timetable.next_runs(name, count, self._clock.now()) if self._ready.is_set() else ()

    def next_due(self) -> datetime | None:
        async def look(scheduler: Scheduler) -> datetime | None:
            return scheduler.timetable.next_at()

        return self._ask(look)

    def moving(self) -> Mapping[str, AppliedTiming]:
        return self._scheduler.timetable.moving(self._clock.now()) if self._ready.is_set() else {}

    def decided_until(self) -> Mapping[str, datetime]:
        return self._scheduler.timetable.decided_until(self._clock.now()) if self._ready.is_set() else {}

    def zone_data_before(self) -> str | None:
        return self._zone_data_before

    def executions(self, query: ExecutionQuery) -> Sequence[Execution]:
        return self._store.read(lambda session: ledger.executions(session, query))

    def execution(self, execution_id: str) -> ExecutionDetail:
        found = self._store.read(lambda session: ledger.execution(session, execution_id))
        if found is None:
            raise NotFoundError(f'there is no execution "{execution_id[:64]}"')
        return found

    def latest(self, names: Sequence[str]) -> Mapping[str, Execution]:
        return self._store.read(lambda session: ledger.latest(session, names, self._latest(), self._known))

    def recent(self, names: Sequence[str], count: int) -> Mapping[str, Sequence[Execution]]:
        return self._store.read(lambda session: ledger.recent(session, names, count, self._latest()))

    def last_success(self, name: str, until: datetime) -> Execution | None:
        return self._store.read(lambda session: ledger.last_success(session, name, until))

    def running(self, name: str) -> Sequence[Execution]:
        return self._store.read(lambda session: ledger.running(session, name))

    def outcomes(self, name: str) -> Mapping[str, VersionOutcomes]:
        return of_groups(self._store.read(lambda session: ledger.ended_of_versions(session, name)), complete=True)

    def ticks(self, name: str, since: datetime, until: datetime) -> Sequence[Execution]:
        return self._store.read(lambda session: ledger.ticks(session, name, since, until))

    def pauses_of(self, name: str, since: datetime) -> Sequence[Pause]:
        return self._store.read(lambda session: ledger.pauses_of(session, name, since))

    def health(self) -> EngineHealth:
        if not (self._ready.is_set() and self._thread.is_alive()):
            return EngineHealth(ok=False, detail=self._waiting_start.trouble or "the engine is not running")
        heartbeat = self._scheduler.heartbeat
        failure = self._store.replica.lease_failure
        trouble = failure or self._scheduler.claiming.trouble or self._store.replica.trouble
        trouble = trouble or self._scheduler.clock_trouble(self._clock.now())
        trouble = trouble or self._delivery.descriptor_shortage
        if not trouble and heartbeat.at is not None and heartbeat.age > STALLED_AFTER:
            trouble = f"the scheduler has not looked at the clock since {heartbeat.at.isoformat()}"
        return EngineHealth(
            not trouble,
            trouble or "claiming",
            self._executor.running,
            heartbeat.at,
            heartbeat.age,
            self._delivery.open_circuits(),
            self._backlog.warning,
            failure,
        )

    def alone(self, name: str) -> AbstractContextManager[None]:
        """One at a time of this name, over all runners that share the database."""
        return self._store.alone(name)

    def _latest(self) -> datetime:
        """The latest scheduled time that counts: rows after it were written by a clock that was ahead."""
        return self._clock.now() + TOLERANCE

    def _ask(self, question: Callable[[Scheduler], Coroutine[Any, Any, T]]) -> T:
        """Runs in the engine's loop and waits here for the answer."""
        if not (self._ready.is_set() and self._thread.is_alive()):
            raise not_running()
        try:
            return call_in_loop(question(self._scheduler), self._loop, seconds=_ANSWER_WITHIN)
        except TimeoutError as error:
            raise StoreError(f"the engine did not answer within {_ANSWER_WITHIN:.0f} s", hint="try again") from error

    def _hear(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens any more
            self._loop.call_soon_threadsafe(self._scheduler.hear)

    def _main(self) -> None:
        try:
            engine_priority.run(self._serve())
        except NotRunning as error:
            self._failure = error
        except BaseException as error:
            self._failure = error
            log.exception("the engine stopped")
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with self._build_delivery() as delivery:
            self._delivery = delivery
            outbox, replica = WriteBatcher(self._store), self._store.replica
            wake = asyncio.Event()
            self._executor = Executor(
                outbox=outbox,
                replica=replica,
                delivery=delivery,
                clock=self._clock,
                observer=self._observer,
                random=self._random,
                sign=lambda execution_id: callbacks.sign(self._key, execution_id),
                fingerprints=Fingerprints(self._key),
                wake=wake.set,
            )
            self._backlog = Backlog(self._max_pending, lambda: len(self._executor.ids()))
            self._scheduler = Scheduler(
                outbox=outbox,
                replica=replica,
                executor=self._executor,
                clock=self._clock,
                observer=self._observer,
                wake=wake,
                room=self._backlog.room,
            )
            await self._waiting_start.until_opened(self._scheduler.open)
            replica.watch(self._hear)
            self._deciding = asyncio.create_task(self._scheduler.run())
            self._ready.set()
            await asyncio.wait([self._deciding])
            if not self._deciding.cancelled():
                self._deciding.result()
            reserved = 0.0 if replica.is_current else _CLOSE_S
            await self._executor.drain(max(0.0, self._stop_by - elapsed() - reserved))
            outbox.flush()


def _found(replay: Replay | None, replay_id: str) -> Replay:
    if replay is None:
        raise NotFoundError(f'there is no replay "{replay_id[:64]}"')
    return replay
