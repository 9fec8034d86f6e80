"""Why did it (not) run then: one answer about one instant of one job. Pure: what is known in, a sentence out."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from chronos_gitops.engine.answers import held_sentences
from chronos_gitops.engine.model import Execution, Gate, Pause, Reason, Status, cancelled_because
from chronos_gitops.engine.ticks.due_queue import CATCHUP_LIMIT
from chronos_gitops.engine.ticks.overlap import MAX_QUEUED
from chronos_gitops.engine.ticks.owed_ticks import held_by
from chronos_gitops.jobs.calendar_set import NO_CALENDARS, CalendarSet
from chronos_gitops.jobs.model import Concurrency, Job, MissedRunPolicy
from chronos_gitops.jobs.promises.guard import GUARD
from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.calendars.applied import AppliedTiming, origin_of
from chronos_gitops.schedule.moves import Move
from chronos_gitops.schedule.schedule import jitter
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.schedule.timing import OnSkip, Timing

NEAR = timedelta(minutes=1)
"""People say 02:00 and mean the tick at 02:00:07."""
_INSTANT = timedelta(microseconds=1)


class TickOutcome(StrEnum):
    """Outcome of one instant: the status of its row, or the reason why it has none."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    PENDING = "pending"
    RUNNING = "running"
    UPCOMING = "upcoming"
    CLOSED = "closed"
    NOT_DUE = "not-due"
    PAUSED = "paused"
    DISABLED = "disabled"
    INVALID = "invalid"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class JobAtTime:
    """The job's definition in git at that time. ``job`` is None when it did not exist (``is_absent``) or never was
    valid; ``version`` and ``commit`` are those that it came from, ``base`` the committed version under a draft;
    ``is_stale``: a newer, invalid version was quarantined. ``begins``: when that version created an absent job.
    ``applied``: the timing with the moves under way, where it is the job that runs now."""

    job: Job | None
    version: int | None = None
    commit: str | None = None
    is_absent: bool = False
    is_stale: bool = False
    calendars: CalendarSet = NO_CALENDARS
    base: str | None = None
    begins: datetime | None = None
    applied: AppliedTiming | None = None

    @property
    def source(self) -> str:
        if self.base is not None:
            return f"a draft, changed since version {self.base}"
        if self.version is None or self.commit is None:
            return "a file that was never committed"
        return f"version {self.version} (commit {self.commit[:8]})"


@dataclass(frozen=True, slots=True)
class Explanation:
    """``due``: the instant was a tick that the runner owed. ``tick`` is the one nearest to ``at``."""

    at: datetime
    due: bool
    tick: datetime | None
    fate: TickOutcome
    message: str
    reason: str | None = None
    execution: Execution | None = None
    version: int | None = None
    commit: str | None = None


def explain(
    at: datetime, now: datetime, standing: JobAtTime, rows: Sequence[Execution], pauses: Sequence[Pause]
) -> Explanation:
    """``rows`` are those of the ticks within NEAR of ``at``, ``pauses`` those that may have held then."""
    tick = None if standing.job is None else _nearest(_ticks(standing.job, at), at)
    row = _row(rows, at, tick)
    if row is not None:
        found = tick if tick is not None and _covers(row, tick) else row.scheduled_time
        reason, message = row.reason, _told(row, found, standing.job)
        if row.reason == Reason.MISSED and row.message:
            late = f"{row.message}, and an @at entry in the past does not run"
            message = f"The scheduled time {_clock(found)} was skipped: it was {late}."
        elif row.reason == Reason.MISSED:
            reason, message = _missed(row, found, _holding(pauses, found), standing.job)
        elif row.reason == Reason.CALENDAR:
            message = held_sentences.of_row(row, found, standing.job)
        return Explanation(at, True, found, TickOutcome(row.status), message, reason, row, row.version, row.commit)
    fate, reason, message = _without_row(at, now, standing, tick, pauses)
    due = fate in (TickOutcome.UNKNOWN, TickOutcome.UPCOMING)
    return Explanation(at, due, tick, fate, message, reason, None, standing.version, standing.commit)


def not_started(row: Execution, job: Job) -> str | None:
    """Of an execution without a start: its reason. None of a missed or held one, which takes more than its row."""
    if row.started_at is not None or row.reason in (Reason.MISSED, Reason.CALENDAR):
        return None
    return _told(row, row.scheduled_time, job)


def _ticks(job: Job, at: datetime) -> list[datetime]:
    """The last tick at or before the instant and the first one after it, where they are near, and held ones."""
    before = job.timing.latest(at - NEAR - _INSTANT, at, 1)
    after = job.timing.next_after(at)
    held = (one.time for one in job.timing.held(at - NEAR - _INSTANT, at + NEAR))
    return [*before, *([after] if after is not None and after - at <= NEAR else []), *held]


def _nearest(ticks: Sequence[datetime], at: datetime) -> datetime | None:
    return min(ticks, key=lambda tick: (abs(tick - at), tick), default=None)


def _row(rows: Sequence[Execution], at: datetime, tick: datetime | None) -> Execution | None:
    """A row of the tick itself; else of the nearest recorded one: git may tell another schedule than what ran then."""
    covering = [row for row in rows if tick is not None and _covers(row, tick)]
    if covering:
        return min(covering, key=lambda row: row.count)  # missed ticks may lie on both sides of held ones
    near = [row for row in rows if row.count == 1 and abs(row.scheduled_time - at) <= NEAR]
    return min(near, key=lambda row: abs(row.scheduled_time - at), default=None)


def _covers(row: Execution, tick: datetime) -> bool:
    return (row.range_start or row.scheduled_time) <= tick <= row.scheduled_time


def _holding(pauses: Sequence[Pause], tick: datetime) -> Pause | None:
    return next((pause for pause in pauses if pause.at <= tick and pause.holds_at(tick)), None)


def _told(row: Execution, tick: datetime, job: Job | None) -> str:
    made = plural(row.attempts, "attempt")
    if row.status is Status.SKIPPED:
        return f"The scheduled time {_clock(tick)} was skipped: {_skipped_because(row, job)}."
    if row.status is Status.CANCELLED:
        return f"The execution of {_clock(tick)} was cancelled after {made}: {cancelled_because(row.reason)}."
    if row.status is Status.PENDING and row.waiting_for and row.requires is not None:
        return f"The execution of {_clock(tick)} waits for a success of {_gate(row.requires)}."
    if row.status is Status.PENDING:
        return f"The execution of {_clock(tick)} is recorded and waits for its turn."
    if row.status is Status.RUNNING:
        return f"The execution of {_clock(tick)} is running, after {made}."
    if row.status is Status.SUCCESS:
        moved = held_sentences.in_place_of(row)
        return f"It ran: the execution of {_clock(tick)} was a success after {made}.{moved}"
    failure = row.error or row.error_class or "no reason was kept"
    return f"It ran and failed after {made}: {failure}.{held_sentences.in_place_of(row)}"


def _skipped_because(row: Execution, job: Job | None) -> str:
    if row.reason == Reason.BACKLOG:
        return "as many executions were unfinished as limits.pending allows"
    if row.reason == Reason.REQUIRES and row.requires is not None:
        return f"it waited for a success of {_gate(row.requires)}, and none came"
    if job is not None and job.concurrency is Concurrency.QUEUE:
        return f"{MAX_QUEUED} executions were waiting for their turn already"
    return "the execution before it was still running, and the job forbids an overlap"


def _gate(gate: Gate) -> str:
    return f"{gate.job} from {_clock(gate.since)} to {_clock(gate.until)}"


def _missed(row: Execution, tick: datetime, pause: Pause | None, job: Job | None) -> tuple[str, str]:
    """Why a missed tick was missed, and why it was not caught up: the row says ``missed`` for all of them."""
    held = f"the job was paused by {pause.by} ({pause.reason})" if pause else "no runner was there to claim it"
    given_up = "its missed_run_policy and catchup_window did not catch it up"
    reason = "paused" if pause else str(Reason.MISSED)
    if pause is not None and pause.by == GUARD:
        given_up = "an edit that ends such a pause runs nothing, a resume follows missed_run_policy"
    elif job is not None and _is_over_the_limit(row, tick, job):
        reason, given_up = "catchup-limit", f"at most the newest {CATCHUP_LIMIT} scheduled times are caught up"
    return reason, f"The scheduled time {_clock(tick)} was skipped: {held}, and {given_up}{held_sentences.many(row)}."


def _is_over_the_limit(row: Execution, tick: datetime, job: Job) -> bool:
    """It was decided when the row was made: what lay in the window then was given up for their number alone."""
    if row.created_at is None or job.missed_run_policy is not MissedRunPolicy.EXECUTE_ALL:
        return False
    return tick >= row.created_at - job.catchup_window


def _without_row(
    at: datetime, now: datetime, standing: JobAtTime, tick: datetime | None, pauses: Sequence[Pause]
) -> tuple[TickOutcome, str | None, str]:
    job = standing.job
    if standing.is_absent:
        return TickOutcome.ABSENT, "absent", _absent(standing)
    if job is None:
        said = f"The job's file was invalid then, by {standing.source}; there was no valid version to run."
        return TickOutcome.INVALID, "invalid", said
    if not job.enabled:
        return TickOutcome.DISABLED, "disabled", f"The job was disabled then, by {standing.source}."
    if tick is None:
        return TickOutcome.NOT_DUE, None, _not_due(job, at, standing)
    closed = held_by(job.timing.closure(tick), standing.calendars)
    if closed is not None:
        move = None if job.timing.on_skip is OnSkip.DROP else _move(standing.applied or job.timing, tick)
        said = held_sentences.to_come(tick, closed, move, job, now)
        return TickOutcome.CLOSED, str(Reason.CALENDAR), said
    pause = _holding(pauses, tick)
    if pause is not None:
        return (
            TickOutcome.PAUSED,
            "paused",
            f"The job is paused by {pause.by} since {_clock(pause.at)}: {pause.reason}.",
        )
    starts = tick + jitter(job.name, tick, job.jitter)
    if starts > now:
        delay = f", {durations.render(starts - tick)} later by its jitter" if starts > tick else ""
        origin = held_sentences.takes_place_of(origin_of(standing.applied or job.timing, tick))
        return TickOutcome.UPCOMING, None, f"The scheduled time {_clock(tick)} is still to come{delay}.{origin}"
    return TickOutcome.UNKNOWN, None, _unknown(tick, standing)


def _move(timing: Timing | AppliedTiming, tick: datetime) -> Move | None:
    return next((one.move for one in timing.held(tick - _INSTANT, tick)), None)


def _not_due(job: Job, at: datetime, standing: JobAtTime) -> str:
    following = job.timing.next_after(at)
    then = f"; the next scheduled time after it is {_clock(following)}" if following else ""
    held = ", the last valid one" if standing.is_stale else ""
    text = f'"{job.timing.schedules.text}" in {job.timezone}'
    return f"Nothing was due: the schedule was {text} by {standing.source}{held}{then}."


def _unknown(tick: datetime, standing: JobAtTime) -> str:
    return (
        f"The scheduled time {_clock(tick)} has no record: no runner had applied {standing.source} by then, "
        "or the record is older than the history that is kept."
    )


def _absent(standing: JobAtTime) -> str:
    if standing.begins is not None:
        return f"The job did not exist yet: {standing.source} created it at {_clock(standing.begins)}."
    if standing.version is None:
        return "There is no such job."
    return f"The job did not exist any more: {standing.source} had removed it."


def _clock(instant: datetime | None) -> str:
    return "?" if instant is None else rfc3339(instant)
