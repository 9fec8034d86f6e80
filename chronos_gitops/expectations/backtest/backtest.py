"""A changed job put through past days, its old and its new definition, beside what happened (PROMISES section 10)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from chronos_gitops.engine.answers import failure_streak
from chronos_gitops.engine.answers.version_outcomes import p95
from chronos_gitops.engine.model import Execution, Reason, Status, Trigger
from chronos_gitops.expectations.backtest.past_runs import PastRuns
from chronos_gitops.expectations.backtest.replayed_expectations import times_broken
from chronos_gitops.expectations.backtest.simulation import RealRun, simulate
from chronos_gitops.expectations.guard import GuardVerdict, judge
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.backtest import Backtest, OnRecord, Outlook
from chronos_gitops.jobs.promises.expect import ExpectationKind

MOST_ROWS: Final = 10_000
MOST_TICKS: Final = 50_000
"""More than one a minute over 30 days; a look at an expectation takes 0.3 ms."""
_MS: Final = timedelta(milliseconds=1)
_INSTANT: Final = timedelta(microseconds=1)


def backtest(before: Job, after: Job, rows: Sequence[Execution], *, days: int, now: datetime) -> Backtest:
    """``rows`` are the newest executions with scheduled times in [now - days, now), ``MOST_ROWS`` at most. The same
    rows give an equal result."""
    asked = now - timedelta(days=days)
    oldest = min(row.scheduled_time for row in rows) if len(rows) >= MOST_ROWS else asked
    since = max(oldest, _begin_of_newest(before, asked, now), _begin_of_newest(after, asked, now))
    kept = sorted((row for row in rows if _counts(row, since, now)), key=_order)
    sent = [row for row in kept if _was_sent(row)]
    if not sent:
        return Backtest(days, len(kept), since <= asked, since)
    return Backtest(
        days,
        len(kept),
        since <= asked,
        since,
        _outlook(before, before, kept, sent, since, now),
        _outlook(after, before, kept, sent, since, now),
        _on_record(before, kept, sent, since),
    )


def _begin_of_newest(job: Job, asked: datetime, now: datetime) -> datetime:
    """From where on there are no more ticks than are simulated."""
    if not job.enabled or job.timing.count(asked, now) <= MOST_TICKS:
        return asked
    return job.timing.latest(asked, now - _INSTANT, MOST_TICKS)[0]


def _counts(row: Execution, since: datetime, now: datetime) -> bool:
    """A draft was another job, and a replay ran at another time. Rows of several ticks have nothing to compare."""
    is_in = since <= row.scheduled_time < now and (row.completed_at is None or row.completed_at <= now)
    return is_in and row.status.is_final and not row.draft and row.trigger is not Trigger.REPLAY


def _was_sent(row: Execution) -> bool:
    is_told = row.started_at is not None and row.completed_at is not None
    return is_told and row.status in (Status.SUCCESS, Status.FAILED)


def _outlook(
    job: Job, before: Job, kept: Sequence[Execution], sent: Sequence[Execution], since: datetime, now: datetime
) -> Outlook:
    real = [RealRun(row.scheduled_time, _duration(row), row.status) for row in sent]
    made = simulate(job, real, since - _INSTANT, now - _INSTANT)
    ran = [row for row in made if row.status in (Status.SUCCESS, Status.FAILED)]
    cut, undecided = _cut(job, sent)
    return Outlook(
        len(made),
        sum(row.reason == Reason.OVERLAP for row in made),
        sum(row.reason == Reason.REPLACED for row in made),
        p95([_duration(row) // _MS for row in ran]),
        cut,
        undecided,
        sum(_is_refused(job, row) for row in sent),
        _broken(job, kept if _runs_alike(job, before) else made, since, now),
        None if job.guard is None else _guarded(sent, job.guard.executions),
    )


def _runs_alike(job: Job, before: Job) -> bool:
    """True if both definitions start at the same times, so that recorded executions are valid for either."""
    return (job.timing, job.jitter, job.concurrency) == (before.timing, before.jitter, before.concurrency)


def _cut(job: Job, sent: Sequence[Execution]) -> tuple[int, int]:
    """Successes that took longer than an attempt may, and those of several attempts that may have had one such."""
    long = [row for row in sent if row.status is Status.SUCCESS and _duration(row) > job.attempt_timeout]
    cut = sum(row.attempts <= 1 for row in long)
    return cut, len(long) - cut


def _is_refused(job: Job, row: Execution) -> bool:
    code = row.status_code
    return row.status is Status.SUCCESS and code is not None and code not in job.webhook.success_codes


def _broken(job: Job, rows: Sequence[Execution], since: datetime, now: datetime) -> Mapping[ExpectationKind, int]:
    if job.expect is None:
        return {}
    past = PastRuns(rows)
    return {kind: times_broken(job, kind, past, since, now) for kind in job.expect.limits()}


def _guarded(sent: Sequence[Execution], executions: int) -> int:
    """Versions, told apart by commit, that would have been paused when their last judged failure ended."""
    ended = [row for row in failure_streak.ended(sent) if row.trigger is not Trigger.MANUAL]
    paused = 0
    for commit in dict.fromkeys(row.commit for row in ended if row.commit is not None):
        of_version = (index for index, row in enumerate(ended) if row.commit == commit)
        last = next(islice(of_version, executions - 1, None), None)
        if last is not None:
            paused += judge(ended[: last + 1], {commit}, executions).verdict is GuardVerdict.FAILED
    return paused


def _on_record(before: Job, kept: Sequence[Execution], sent: Sequence[Execution], since: datetime) -> OnRecord:
    begins = min(row.range_start or row.scheduled_time for row in kept)
    is_short = before.enabled and begins > since
    return OnRecord(
        sum(row.trigger is not Trigger.MANUAL for row in sent),
        sum(row.count for row in kept if row.reason == Reason.OVERLAP),
        sum(row.reason == Reason.REPLACED for row in kept),
        sum(row.status is Status.SUCCESS for row in sent),
        sum(row.status is Status.FAILED for row in sent),
        p95([_duration(row) // _MS for row in sent]),
        begins,
        before.timing.count(since - _INSTANT, begins - _INSTANT) if is_short else 0,
    )


def _duration(row: Execution) -> timedelta:
    assert row.started_at is not None
    assert row.completed_at is not None
    return max(row.completed_at - row.started_at, timedelta(0))


def _order(row: Execution) -> tuple[datetime, str]:
    return row.scheduled_time, row.id
