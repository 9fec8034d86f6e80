"""Why did it (not) run then: one answer about one instant of one job. Pure: what is known in, a sentence out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chronos_gitops.engine.due_queue import CATCHUP_LIMIT
from chronos_gitops.engine.model import Execution, Pause, Reason, Status
from chronos_gitops.jobs.model import Job, MissedRunPolicy
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.schedule import jitter
from chronos_gitops.schedule.timestamps import rfc3339

NEAR = timedelta(minutes=1)
"""People say 02:00 and mean the tick at 02:00:07."""
_INSTANT = timedelta(microseconds=1)


class TickOutcome(StrEnum):
    """What became of the instant: the status of its row, or why it has none."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    PENDING = "pending"
    RUNNING = "running"
    UPCOMING = "upcoming"
    NOT_DUE = "not-due"
    PAUSED = "paused"
    DISABLED = "disabled"
    INVALID = "invalid"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class JobAtTime:
    """What git said about the job at that time. ``job`` is None when it did not exist (``is_absent``) or never was
    valid; ``version`` and ``commit`` name what made it so; ``is_stale``: a newer, invalid version was held back."""

    job: Job | None
    version: int | None = None
    commit: str | None = None
    is_absent: bool = False
    is_stale: bool = False

    @property
    def source(self) -> str:
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
        reason, message = row.reason, _told(row, found)
        if row.reason == Reason.MISSED:
            reason, message = _missed(row, found, _holding(pauses, found), standing.job)
        return Explanation(at, True, found, TickOutcome(row.status), message, reason, row, row.version, row.commit)
    fate, reason, message = _without_row(at, now, standing, tick, pauses)
    due = fate in (TickOutcome.UNKNOWN, TickOutcome.UPCOMING)
    return Explanation(at, due, tick, fate, message, reason, None, standing.version, standing.commit)


def _ticks(job: Job, at: datetime) -> list[datetime]:
    """The last tick at or before the instant and the first one after it, where they are near."""
    before = job.schedule.latest(at - NEAR - _INSTANT, at, 1)
    after = job.schedule.next_after(at)
    return [*before, *([after] if after is not None and after - at <= NEAR else [])]


def _nearest(ticks: Sequence[datetime], at: datetime) -> datetime | None:
    return min(ticks, key=lambda tick: (abs(tick - at), tick), default=None)


def _row(rows: Sequence[Execution], at: datetime, tick: datetime | None) -> Execution | None:
    """A row of the tick itself; else of the nearest recorded one: git may tell another schedule than what ran then."""
    covering = next((row for row in rows if tick is not None and _covers(row, tick)), None)
    if covering is not None:
        return covering
    near = [row for row in rows if row.range_start is None and abs(row.scheduled_time - at) <= NEAR]
    return min(near, key=lambda row: abs(row.scheduled_time - at), default=None)


def _covers(row: Execution, tick: datetime) -> bool:
    return (row.range_start or row.scheduled_time) <= tick <= row.scheduled_time


def _holding(pauses: Sequence[Pause], tick: datetime) -> Pause | None:
    return next((pause for pause in pauses if pause.at <= tick and pause.holds_at(tick)), None)


def _told(row: Execution, tick: datetime) -> str:
    made = f"{row.attempts} attempt{'' if row.attempts == 1 else 's'}"
    if row.status is Status.SKIPPED:
        cause = "the execution before it was still running, and the job forbids an overlap"
        if row.reason == Reason.BACKLOG:
            cause = "as many executions were unfinished as limits.pending allows"
        return f"The tick of {_clock(tick)} was skipped: {cause}."
    if row.status is Status.CANCELLED:
        why = "an operator ended it" if row.reason == Reason.OPERATOR else "a newer one replaced it"
        return f"The execution of {_clock(tick)} was cancelled after {made}: {why}."
    if row.status is Status.PENDING:
        return f"The execution of {_clock(tick)} is recorded and waits for its turn."
    if row.status is Status.RUNNING:
        return f"The execution of {_clock(tick)} is running, after {made}."
    if row.status is Status.SUCCESS:
        return f"It ran: the execution of {_clock(tick)} was a success after {made}."
    return f"It ran and failed after {made}: {row.error or row.error_class or 'no reason was kept'}."


def _missed(row: Execution, tick: datetime, pause: Pause | None, job: Job | None) -> tuple[str, str]:
    """Why a missed tick was missed, and why it was not caught up: the row says ``missed`` for all of them."""
    held = f"the job was paused by {pause.by} ({pause.reason})" if pause else "no runner could claim it then"
    given_up = "its missed_run_policy and catchup_window did not catch it up"
    reason = "paused" if pause else str(Reason.MISSED)
    if job is not None and _is_over_the_limit(row, tick, job):
        reason, given_up = "catchup-limit", f"only the newest {CATCHUP_LIMIT} of so many ticks are caught up"
    many = f"; one row stands for {row.count} ticks from {_clock(row.range_start)}" if row.range_start else ""
    return reason, f"The tick of {_clock(tick)} was skipped: {held}, and {given_up}{many}."


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
        return TickOutcome.ABSENT, "absent", f"There was no such job then: {standing.source} says so."
    if job is None:
        return (
            TickOutcome.INVALID,
            "invalid",
            f"The job's file was invalid then, by {standing.source}; nothing could run.",
        )
    if not job.enabled:
        return TickOutcome.DISABLED, "disabled", f"The job was disabled then, by {standing.source}."
    if tick is None:
        return TickOutcome.NOT_DUE, None, _not_due(job, at, standing)
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
        return TickOutcome.UPCOMING, None, f"The tick of {_clock(tick)} is still to come{delay}."
    return TickOutcome.UNKNOWN, None, _unknown(tick, standing)


def _not_due(job: Job, at: datetime, standing: JobAtTime) -> str:
    following = job.schedule.next_after(at)
    then = f"; the next tick after it is {_clock(following)}" if following else ""
    held = ", the last valid one" if standing.is_stale else ""
    text = f'"{job.schedule.text}" in {job.timezone}'
    return f"No tick was due: the schedule was {text} by {standing.source}{held}{then}."


def _unknown(tick: datetime, standing: JobAtTime) -> str:
    return (
        f"The ledger has no row for the tick of {_clock(tick)}: no runner had applied {standing.source} by then, "
        "or the row is older than the history that is kept."
    )


def _clock(instant: datetime | None) -> str:
    return "?" if instant is None else rfc3339(instant)
