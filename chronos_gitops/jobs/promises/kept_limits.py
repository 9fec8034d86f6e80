"""Limits of ``expect`` that the year to come does not keep, or that no run ever breaks (PROMISES section 2). Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.worst_run import worst_run
from chronos_gitops.plurals import plural
from chronos_gitops.process.lazy_dataclass import dataclass
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.daily import daily
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.schedule.timing import OnSkip, Timing
from chronos_gitops.schedule.zones import timezones

_YEAR: Final = timedelta(days=366)
_DAY: Final = timedelta(days=1)
_INSTANT: Final = timedelta(microseconds=1)
_MOST_STEPS: Final = 20_000
"""A year of ``*/5`` with the shortest limit that it can keep takes 2 x 105,120 / 12 of them."""


@dataclass(frozen=True, slots=True)
class LongestRun:
    """The longest that a run takes from its scheduled time on; ``attempts`` of ``timeout`` each."""

    attempts: int
    timeout: timedelta
    longest: timedelta
    jitter: timedelta


@dataclass(frozen=True, slots=True)
class UnkeptLimit:
    """``field`` is the one of ``expect``, ``rule`` that of validation."""

    rule: str
    field: str
    message: str
    hint: str


def of_job(job: Job, at: datetime) -> Iterator[UnkeptLimit]:
    """All of a job, in the year from ``at`` on."""
    expect = job.expect
    if expect is None:
        return
    run = LongestRun(job.retry_policy.max_attempts, job.attempt_timeout, worst_run(job), job.jitter)
    unreached = never(expect.max_duration, run)
    if unreached is not None:
        yield unreached
    yield from dated(job.timing, run, expect.success_every, expect.finish_by, at)


def never(max_duration: timedelta | None, run: LongestRun) -> UnkeptLimit | None:
    """A limit that is not reached."""
    if max_duration is None or max_duration < run.longest:
        return None
    ends = f"a run ends within {durations.render(run.longest)}"
    message = f"max_duration {durations.render(max_duration)} is never reached: {ends}"
    hint = "write a shorter one; timeout and retry_policy end a run before"
    return UnkeptLimit("expect-never", "max_duration", message, hint)


def dated(
    timing: Timing, run: LongestRun, success_every: timedelta | None, finish_by: str | None, today: datetime
) -> Iterator[UnkeptLimit]:
    """Limits that the year after ``today`` does not keep."""
    last = run.jitter + run.longest
    wait = None if success_every is None else _first_long_wait(timing, success_every - last, today)
    if wait is not None:
        message, span = f"nothing is due from {rfc3339(wait[0])} to {rfc3339(wait[1])}", wait[1] - wait[0]
        parts = f"that is {durations.render(span)}, and the next run takes up to {durations.render(last)}"
        hint = f"{parts}; write {durations.render(span + last)} or longer"
        yield UnkeptLimit("expect-unkeepable", "success_every", message, hint)
    tight = None if finish_by is None else _first_tight(timing, finish_by, last, today)
    if tight is not None:
        yield _tight(timing, run, tight)


def _tight(timing: Timing, run: LongestRun, tick: datetime) -> UnkeptLimit:
    begins = f"{tick.astimezone(timezones.load(timing.timezone)):%H:%M}"
    attempts = f"{plural(run.attempts, 'attempt')} of {durations.render(run.timeout)} and their waits take"
    if run.attempts == 1:
        attempts = f"an attempt of {durations.render(run.timeout)} takes"
    message = f"{attempts} up to {durations.render(run.longest + run.jitter)} from {begins}"
    hint = f"first at {rfc3339(tick)}; write a later time, or fewer and shorter attempts"
    return UnkeptLimit("expect-tight", "finish_by", message, hint)


@lru_cache(maxsize=4096)
def _first_long_wait(timing: Timing, most: timedelta, today: datetime) -> tuple[datetime, datetime] | None:
    """The first two ticks of the year that lie further apart; one that a calendar drops ends a wait, too."""
    ticks = timing.schedules if timing.on_skip is OnSkip.DROP else timing
    at = ticks.next_after(today)
    for _ in range(_MOST_STEPS):
        if at is None or at > today + _YEAR:
            return None
        following = ticks.latest(at, at + max(most, timedelta(0)), 1)
        if not following:
            after = ticks.next_after(at)
            return None if after is None else (at, after)
        at = following[0]
    return None


@lru_cache(maxsize=4096)
def _first_tight(timing: Timing, limit: str, needs: timedelta, today: datetime) -> datetime | None:
    """The first tick of the year that has less time than it may need: of each day the last one before the limit."""
    for due_at in daily(limit, timing.timezone).between(today, today + _YEAR):
        last = timing.latest(due_at - _DAY - timedelta(hours=2), due_at - _INSTANT, 1)
        if last and last[0] >= today and last[0] + needs > due_at:
            return last[0]
    return None
