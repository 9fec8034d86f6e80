"""The activities of a runner's worker: decide about time, send one attempt, tell the observer."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from random import Random

from temporalio import activity
from temporalio.exceptions import ApplicationError

from chronos_gitops.engine import callbacks, milliseconds
from chronos_gitops.engine.clock import Clock, elapsed
from chronos_gitops.engine.clock_watch import ClockWatch, Correction
from chronos_gitops.engine.milliseconds import instant, maybe_instant, maybe_ms, to_ms
from chronos_gitops.engine.model import Reason, Status, Trigger
from chronos_gitops.engine.observer import Observer
from chronos_gitops.engine.operations.replays import ReplayEnd, ReplayState
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.status.fleet_backlog import FleetBacklog
from chronos_gitops.engine.temporal.timetables import reconciler
from chronos_gitops.engine.temporal.timetables.revision_order import Ancestry
from chronos_gitops.engine.temporal.worker import decisions
from chronos_gitops.engine.temporal.worker.activity_heartbeat import ActivityHeartbeat, left_to_others
from chronos_gitops.engine.temporal.worker.callback_check import CallbackCheck, called_back
from chronos_gitops.engine.temporal.worker.decisions import TimetableDecision
from chronos_gitops.engine.temporal.worker.timetable_rows import TimetableRows
from chronos_gitops.engine.temporal.worker.zone_releases import ZoneReleases
from chronos_gitops.engine.temporal.workflows import messages
from chronos_gitops.engine.temporal.workflows.messages import (
    CUT_OFF,
    Applied,
    AttemptOrder,
    AttemptReport,
    Awaited,
    Order,
    Pairs,
    PublishedSchedule,
    Row,
    Situation,
    TimetableOrders,
)
from chronos_gitops.engine.temporal.workflows.replay_messages import ReplayRun
from chronos_gitops.engine.ticks.due_queue import held_until
from chronos_gitops.engine.ticks.embedded_calendars import files_of, with_embedded
from chronos_gitops.jobs.model import Concurrency, Job, JobSet
from chronos_gitops.jobs.webhook import Completion
from chronos_gitops.process import failpoints
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.calendars.steps import Moves
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.observed import Fingerprints
from chronos_gitops.webhooks.outcome import ErrorClass, Outcome, OutcomeKind, RequestNotSent
from chronos_gitops.webhooks.request import AttemptContext
from chronos_gitops.webhooks.retry import next_wait

log = logging.getLogger(__name__)

_SOON = timedelta(seconds=1)
_LOADED_WITHIN_S = 60.0
"""A runner has read its jobs by then; one that has not stops holding up what it does not know better."""


class TimingActivities:
    """``decide`` and ``settle``: the schedule is asked here, in a local activity, so that a replay does not ask it."""

    def __init__(
        self, *, late: timedelta, backlog: FleetBacklog, clock_watch: ClockWatch, ancestry: Ancestry | None = None
    ) -> None:
        self.ancestry = ancestry or Ancestry()
        self._late = late
        self._backlog = backlog
        self._clock_watch = clock_watch
        self._started_at = elapsed()
        self._expected: Mapping[str, Applied] | None = None
        self._revision: str | None = None
        self.may_claim: Callable[[], bool] = lambda: True
        """False while nothing could be sent."""
        self.on_planned: Callable[[str, PublishedSchedule], None] = lambda _job, _plan: None
        """Hears what was decided here, before visibility shows it."""
        self.zones = ZoneReleases()
        self.namespace = uuid.UUID(int=0)
        """That of the server's namespace, once there is a session."""

    def expect(self, jobs: JobSet) -> None:
        """Announce the job set that is about to be handed over to the timetables."""
        self._revision, calendars = jobs.revision, jobs.calendars
        self._expected = {one.job.name: reconciler.applied(one, calendars) for one in jobs}

    @activity.defn(name=names.DECIDE)
    async def decide(self, situation: Situation) -> TimetableOrders:
        if (verdict := await self.zones.ask(names.DECIDE, situation)) is not None:
            return verdict
        applied, mark, now = situation.before, maybe_instant(situation.mark), instant(situation.now)
        if applied is None or mark is None:
            return TimetableOrders(situation.mark)
        job = _readable(applied)
        if job is None:
            raise ApplicationError(f"{applied.path}: this release cannot read the job", non_retryable=True)
        if situation.begins_pause:
            closed = decisions.close_held(job, mark, now, _moves(situation.moves))
            return _verdict(closed, TimetableRows(applied, situation.now, self.namespace))
        at = held_until(job, maybe_instant(situation.until), now)
        decided = decisions.decide(
            job,
            mark,
            at,
            moves=_moves(situation.moves),
            is_resumed=situation.is_resumed,
            late=self._late,
            commits=files_of(applied.calendars).commits,
        )
        if decided.follows_an_outage and not situation.is_resumed and await self._is_outdated(applied):
            return TimetableOrders(situation.mark, to_ms(now + _SOON), moves=situation.moves)
        if decided.claims and not situation.is_resumed and not self.may_claim():
            return TimetableOrders(situation.mark, to_ms(now + _SOON), moves=situation.moves)
        self.on_planned(job.name, _plan(job, decided))
        return self._bounded(_verdict(decided, TimetableRows(applied, situation.now, self.namespace)), job)

    def note_ahead(self, mark: datetime, now: datetime) -> None:
        """A mark is taken back."""
        self._clock_watch.note(Correction(1, mark - now), now)

    def _bounded(self, verdict: TimetableOrders, job: Job) -> TimetableOrders:
        """Beyond limits.pending the ticks of a job that may overlap are skipped."""
        if job.concurrency is Concurrency.ALLOW:
            for order in verdict.orders:
                is_due = order.row["trigger"] == Trigger.SCHEDULE and not Status(order.row["status"]).is_final
                if is_due and not self._backlog.take():
                    ended = {"status": Status.SKIPPED.value, "reason": Reason.BACKLOG.value}
                    order.row |= ended | {"completed_at": order.row["created_at"]}
        return verdict

    async def _is_outdated(self, applied: Applied) -> bool:
        """True if git says something else by now: after an outage an edit or a removal fires nothing, so it has to
        arrive first."""
        expected = None if self._expected is None else self._expected.get(applied.document["name"])
        if expected is None:
            return elapsed() - self._started_at < _LOADED_WITHIN_S
        if expected.digest == applied.digest:
            return False
        return applied.revision is None or await self.ancestry.leads(applied.revision, self._revision)

    @activity.defn(name=names.SETTLE)
    async def settle(self, situation: Situation) -> TimetableOrders:
        """Without ``after`` the job was removed."""
        if (verdict := await self.zones.ask(names.SETTLE, situation)) is not None:
            return verdict
        before, after = situation.before, situation.after
        applied = before or after
        if applied is None:
            return TimetableOrders(situation.mark)
        was = None if before is None else _readable(before)
        becomes = None if after is None else with_embedded(Job.from_document(after.document), after.calendars)
        decided = decisions.settle(
            was,
            becomes,
            maybe_instant(situation.mark),
            instant(situation.now),
            moves=_moves(situation.moves),
            is_paused=situation.is_paused,
            is_released=situation.is_released,
            late=self._late,
            commits=files_of(None if after is None else after.calendars).commits,
            commit="" if after is None else after.commit or "",
        )
        speaks = after if decided.claims and after is not None else applied
        rows = TimetableRows(speaks, situation.now, self.namespace, later=after, earlier=before)
        verdict = _verdict(decided, rows)
        late = (replace(rows, applied=after or applied).missed(one) for one in decided.late)
        verdict.orders.extend(Order(messages.row(row)) for row in late)
        return verdict


class Sending:
    """``attempt`` and ``tell``. ``key`` is the one that all runners share: it signs callbacks. ``in_flight`` requests
    are under way; ``untold`` are executions that had their last one in a drain, and their workflow has not come to its
    end here yet.
    """

    def __init__(
        self,
        *,
        delivery: Delivery,
        clock: Clock,
        observer: Observer,
        random: Random,
        key: Callable[[], Awaitable[bytes]],
    ) -> None:
        self._delivery = delivery
        self._key = key
        self._clock = clock
        self._observer = observer
        self._random = random
        self._sending: set[asyncio.Task[AttemptReport]] = set()
        self.untold: set[str] = set()
        self._is_draining = False

    @property
    def in_flight(self) -> int:
        return len(self._sending)

    def begin_drain(self) -> None:
        self._is_draining = True

    def cut_off(self) -> None:
        """The runner stops: what is under way is left to be sent again, under the same ids."""
        for task in self._sending:
            task.cancel()

    @activity.defn(name=names.ATTEMPT)
    async def attempt(self, order: AttemptOrder) -> AttemptReport:
        started_at = self._clock.now()
        is_signed = order.document["webhook"].get("completion") == Completion.CALLBACK
        key = await self._key()
        signature = callbacks.sign(key, order.execution_id) if is_signed else ""
        pulse = ActivityHeartbeat(started_at)
        task = asyncio.create_task(self._report(order, signature, Fingerprints(key), pulse))
        self._sending.add(task)
        try:
            async with pulse:
                await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            details = activity.cancellation_details()
            if details is None or not details.cancel_requested:
                raise left_to_others("the server has given it to another runner") from None
            if task.cancelled():
                duration_ms = max(0, to_ms(self._clock.now()) - to_ms(started_at))
                error = "cut off: the execution was cancelled"
                return AttemptReport(
                    order.number, to_ms(started_at), duration_ms, OutcomeKind.FAILED, error_class=CUT_OFF, error=error
                )
        finally:
            self._sending.discard(task)
        if task.cancelled():
            raise left_to_others("the runner stops")
        return task.result()

    async def _report(
        self, order: AttemptOrder, signature: str, fingerprints: Fingerprints, pulse: ActivityHeartbeat
    ) -> AttemptReport:
        started_at = self._clock.now()
        awaited: Awaited | None = None
        check = CallbackCheck(order)
        try:
            job = Job.from_document(order.document)
            scheduled = instant(order.scheduled_time)
            call = AttemptContext(
                order.execution_id,
                scheduled,
                order.number,
                order.commit,
                path=order.path,
                version=order.version,
                trigger=order.trigger,
                idempotency_key=order.idempotency_key or "",
                may_send=pulse.is_steady,
                confirm=check.may_send,
                signature=signature,
                fingerprints=fingerprints,
            )
            outcome = await self._sent(job, call, pulse, check)
            self._observer.attempt_finished(job, outcome)
            wait = next_wait(job.retry_policy, order.number, outcome, random=self._random)
            awaited = self._awaited(job, order.number, outcome)
            failpoints.reach("before-record")
        except ApplicationError:
            raise
        except Exception as error:
            log.exception("an execution failed with an internal error", extra={"execution_id": order.execution_id})
            message = f"an internal error ({type(error).__name__}); see the log of the runner"
            outcome = Outcome(OutcomeKind.FAILED, error_class=ErrorClass.INTERNAL, error=message)
            wait = None
        if wait is None and awaited is None:
            self._note_last(order.execution_id)
        return replace(_told(order.number, to_ms(started_at), outcome, wait), awaited=awaited)

    async def _sent(self, job: Job, call: AttemptContext, pulse: ActivityHeartbeat, check: CallbackCheck) -> Outcome:
        """Send the request, unless its execution was called back. After a freeze of the process, checks first that the
        attempt was not given to another runner."""
        while await pulse.is_ours():
            if await check.is_called_back():
                self._note_last(call.execution_id)
                raise called_back()
            with contextlib.suppress(RequestNotSent):
                return await self._delivery.attempt(job, call)
        raise left_to_others("the server has given it to another runner")

    def _note_last(self, execution_id: str) -> None:
        """Its execution ends with this attempt."""
        if self._is_draining:
            self.untold.add(execution_id)

    def _awaited(self, job: Job, number: int, outcome: Outcome) -> Awaited | None:
        deadline = callbacks.deadline(job, outcome, self._clock.now())
        if deadline is None:
            return None
        late = callbacks.overdue("", last_heartbeat=None)
        wait = next_wait(job.retry_policy, number, late, random=self._random)
        within = durations.render(job.attempt_timeout)
        within_ms = milliseconds.length(job.attempt_timeout)
        return Awaited(to_ms(deadline), within, None if wait is None else milliseconds.length(wait), within_ms)

    @activity.defn(name=names.TELL)
    async def tell(self, row: Row) -> None:
        self.untold.discard(row["id"])
        self._observer.execution_finished(messages.execution(row))

    @activity.defn(name=names.TELL_REPLAY)
    async def tell_replay(self, run: ReplayRun) -> None:
        self._observer.replay_ended(
            ReplayEnd(run.id, run.job, run.by, ReplayState(run.state), run.begun, len(run.items))
        )


def _told(number: int, started_at: int, outcome: Outcome, wait: timedelta | None) -> AttemptReport:
    return AttemptReport(
        number,
        started_at,
        milliseconds.length(outcome.duration),
        outcome.kind.value,
        outcome.status_code,
        None if outcome.error_class is None else str(outcome.error_class),
        outcome.error,
        outcome.response,
        None if outcome.phases is None else asdict(outcome.phases),
        None if wait is None else milliseconds.length(wait),
        context=None if outcome.observed is None else outcome.observed.document(),
    )


def _readable(applied: Applied) -> Job | None:
    """A document was valid when it was applied; a later release may read it otherwise."""
    try:
        return with_embedded(Job.from_document(applied.document), applied.calendars)
    except Exception:
        log.exception("a job that was applied cannot be read", extra={"path": applied.path})
        return None


def _moves(pairs: Pairs) -> Moves:
    return tuple((instant(origin), instant(target)) for origin, target in pairs)


def _pairs(moves: Moves) -> Pairs:
    return [[to_ms(origin), to_ms(target)] for origin, target in moves]


def _plan(job: Job, decided: TimetableDecision) -> PublishedSchedule:
    is_awake, moves = decided.wake_at is not None, _pairs(decided.moves)
    return PublishedSchedule(job.timing.definition, job.timezone, maybe_ms(decided.mark), is_awake, moves)


def _verdict(decided: TimetableDecision, rows: TimetableRows) -> TimetableOrders:
    ended = [] if decided.missed is None else [rows.missed(decided.missed, decided.closure)]
    ended += map(rows.held, decided.held)
    # A replay enumerates the ticks of such a row by the job whose ticks they were.
    orders = [Order(messages.row(one), document=rows.applied.document if one.count > 1 else None) for one in ended]
    for claim in decided.claims:
        execution = replace(rows.due(claim.tick, claim.trigger), moved_from=claim.moved_from)
        orders.append(Order(messages.row(execution), not_before=maybe_ms(claim.not_before)))
    verdict = TimetableOrders(maybe_ms(decided.mark), maybe_ms(decided.wake_at), orders, _pairs(decided.moves))
    return replace(verdict, withdrawn=list(map(to_ms, decided.withdrawn)), why=decided.why)
