"""Number of times an expectation would have been broken: it is judged at each instant that may change its state."""

from bisect import bisect_right
from dataclasses import replace
from datetime import datetime

from chronos_gitops.expectations.backtest.past_runs import PastRuns
from chronos_gitops.expectations.judging.evaluate import evaluate
from chronos_gitops.expectations.judging.state import ExpectationState
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.expect import Expect, ExpectationKind


def times_broken(job: Job, kind: ExpectationKind, past: PastRuns, since: datetime, now: datetime) -> int:
    """In (since, now]. Pauses of those days are not known: a scheduled time in one counts as any other."""
    assert job.expect is not None
    limit = getattr(job.expect, kind.value)
    alone = replace(job, expect=replace(Expect(), **{kind.value: limit}))
    events = [*_instants(past, kind, since, now), now]
    count, was_broken, at = 0, False, events[0]
    while True:
        [found] = evaluate(alone, past.at(at), (), {kind: since}, at)
        is_broken = found.state is ExpectationState.BROKEN
        count += is_broken and not was_broken
        was_broken = is_broken
        if at >= now:
            return count
        following = events[bisect_right(events, at)]
        at = following if found.next_at is None or found.next_at <= at else min(following, found.next_at)


def _instants(past: PastRuns, kind: ExpectationKind, since: datetime, now: datetime) -> list[datetime]:
    """The ends of executions; their beginnings, too, where it is asked when they start."""
    found = {row.completed_at for row in past.rows if row.completed_at is not None}
    if kind is ExpectationKind.START_WITHIN:
        found |= {row.started_at for row in past.rows if row.started_at is not None}
    return sorted(at for at in found if since < at < now)
