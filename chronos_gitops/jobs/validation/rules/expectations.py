"""``expect``: limits that cannot be kept, or never be broken (PROMISES section 2)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from chronos_gitops.jobs.model import RetryPolicy
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.promises.worst_run import longest
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.rules import schedules
from chronos_gitops.jobs.validation.yaml.positions import Path
from chronos_gitops.plurals import plural
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.daily import daily, is_clock
from chronos_gitops.schedule.timestamps import rfc3339
from chronos_gitops.schedule.timing import OnSkip, Timing
from chronos_gitops.schedule.zones import timezones

_YEAR: Final = timedelta(days=366)
_DAY: Final = timedelta(days=1)
_INSTANT: Final = timedelta(microseconds=1)
_LOOSE_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::00)?\Z", re.ASCII)
_MOST_STEPS: Final = 20_000
"""A year of ``*/5`` with the shortest limit that it can keep takes 2 x 105,120 / 12 of them."""


@dataclass(frozen=True, slots=True)
class _LongestRun:
    """The longest that a run takes from its scheduled time on; ``attempts`` of ``timeout`` each."""

    attempts: int
    timeout: timedelta
    longest: timedelta
    jitter: timedelta


def check(source: Document) -> Iterator[Problem]:
    """Without a date: what the limits say of each other and of the retries."""
    if "expect" not in source.value:
        return
    yield from _clock(source)
    run = _run(source)
    least, most = (_length(source, ("expect", name)) for name in ("min_duration", "max_duration"))
    ends = f"it ends within {durations.render(run.longest)}"
    if least is not None and most is not None and least >= most:
        message = f"no run can take {durations.render(least)} and less than {durations.render(most)}"
        yield _spot(source, "min_duration", message, "expect-range", "write a min_duration below max_duration")
    elif least is not None and least >= run.longest:
        message = f"no run can take {durations.render(least)}: {ends}"
        yield _spot(source, "min_duration", message, "expect-range", "write a shorter one; it is that of one success")
    if most is not None and most >= run.longest:
        message = f"max_duration {durations.render(most)} is never reached: a run {ends[3:]}"
        hint = "write a shorter one; timeout and retry_policy end a run before"
        yield _spot(source, "max_duration", message, "expect-never", hint)


def dated_notes(source: Document, today: datetime) -> Iterator[Problem]:
    """Limits that the year after ``today`` does not keep."""
    timing = schedules.timing_of(source) if "expect" in source.value else None
    if timing is None:
        return
    run = _run(source)
    every = _length(source, ("expect", "success_every"))
    wait = None if every is None else _first_long_wait(timing, every - run.jitter - run.longest, today)
    if every is not None and wait is not None:
        message = f"nothing is due from {rfc3339(wait[0])} to {rfc3339(wait[1])}"
        span, last = wait[1] - wait[0], run.jitter + run.longest
        parts = f"that is {durations.render(span)}, and the next run takes up to {durations.render(last)}"
        hint = f"{parts}; write {durations.render(span + last)} or longer"
        yield _spot(source, "success_every", message, "expect-unkeepable", hint)
    limit = source.text("expect", "finish_by")
    tight = _first_tight(timing, limit, run.jitter + run.longest, today) if limit and is_clock(limit) else None
    if tight is not None:
        yield _tight(source, timing, run, tight)


def _tight(source: Document, timing: Timing, run: _LongestRun, tick: datetime) -> Problem:
    begins = f"{tick.astimezone(timezones.load(timing.timezone)):%H:%M}"
    attempts = f"{plural(run.attempts, 'attempt')} of {durations.render(run.timeout)} and their waits take"
    if run.attempts == 1:
        attempts = f"an attempt of {durations.render(run.timeout)} takes"
    message = f"{attempts} up to {durations.render(run.longest + run.jitter)} from {begins}"
    hint = f"first at {rfc3339(tick)}; write a later time, or fewer and shorter attempts"
    return _spot(source, "finish_by", message, "expect-tight", hint)


def _clock(source: Document) -> Iterator[Problem]:
    text = source.text("expect", "finish_by")
    if text is None or is_clock(text):
        return
    loose = _LOOSE_CLOCK.match(text)
    meant = f"{int(loose[1]):02}:{loose[2]}" if loose is not None else ""
    is_time = is_clock(meant)
    write = f'write "{meant}"' if is_time else 'write one like "06:00"'
    message = f'"{short(text)}" is not a wall clock time; {write}'
    yield source.spot(("expect", "finish_by")).problem("expect-time", message, fix=f'"{meant}"' if is_time else "")


def _run(source: Document) -> _LongestRun:
    policy = RetryPolicy()
    attempts = source.get("retry_policy", "max_attempts")
    attempts = attempts if isinstance(attempts, int) and attempts > 0 else policy.max_attempts
    timeout = _length(source, ("webhook", "timeout")) or _length(source, ("timeout",)) or timedelta(minutes=5)
    interval = _length(source, ("retry_policy", "max_interval")) or policy.max_interval
    jitter = _length(source, ("jitter",)) or timedelta(0)
    return _LongestRun(attempts, timeout, longest(attempts, timeout, interval), jitter)


def _length(source: Document, path: Path) -> timedelta | None:
    """None also for what is no duration: that is said elsewhere."""
    text = source.text(*path)
    try:
        return None if text is None else durations.parse(text)
    except durations.DurationError:
        return None


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


def _spot(source: Document, name: str, message: str, rule: str, hint: str) -> Problem:
    return source.spot(("expect", name)).problem(rule, message, hint)
