"""``expect``: limits that cannot be kept, or never be broken (PROMISES section 2)."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from chronos_gitops.jobs.model import RetryPolicy
from chronos_gitops.jobs.problem import Problem
from chronos_gitops.jobs.promises import kept_limits
from chronos_gitops.jobs.promises.kept_limits import LongestRun, UnkeptLimit
from chronos_gitops.jobs.promises.worst_run import longest
from chronos_gitops.jobs.validation.document import Document
from chronos_gitops.jobs.validation.quoting import short
from chronos_gitops.jobs.validation.rules.times import schedules
from chronos_gitops.jobs.validation.yaml.positions import Path
from chronos_gitops.schedule import durations
from chronos_gitops.schedule.daily import is_clock

_LOOSE_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::00)?\Z", re.ASCII)


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
    never = kept_limits.never(most, run)
    if never is not None:
        yield _told(source, never)


def dated_notes(source: Document, today: datetime) -> Iterator[Problem]:
    """Limits that the year after ``today`` does not keep."""
    timing = schedules.timing_of(source) if "expect" in source.value else None
    if timing is None:
        return
    every, limit = _length(source, ("expect", "success_every")), source.text("expect", "finish_by")
    finish_by = limit if limit and is_clock(limit) else None
    for one in kept_limits.dated(timing, _run(source), every, finish_by, today):
        yield _told(source, one)


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


def _run(source: Document) -> LongestRun:
    policy = RetryPolicy()
    attempts = source.get("retry_policy", "max_attempts")
    attempts = attempts if isinstance(attempts, int) and attempts > 0 else policy.max_attempts
    timeout = _length(source, ("webhook", "timeout")) or _length(source, ("timeout",)) or timedelta(minutes=5)
    interval = _length(source, ("retry_policy", "max_interval")) or policy.max_interval
    jitter = _length(source, ("jitter",)) or timedelta(0)
    return LongestRun(attempts, timeout, longest(attempts, timeout, interval), jitter)


def _length(source: Document, path: Path) -> timedelta | None:
    """None also for what is no duration: that is said elsewhere."""
    text = source.text(*path)
    try:
        return None if text is None else durations.parse(text)
    except durations.DurationError:
        return None


def _told(source: Document, one: UnkeptLimit) -> Problem:
    return _spot(source, one.field, one.message, one.rule, one.hint)


def _spot(source: Document, name: str, message: str, rule: str, hint: str) -> Problem:
    return source.spot(("expect", name)).problem(rule, message, hint)
