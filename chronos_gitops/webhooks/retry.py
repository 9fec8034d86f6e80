"""Outcome to the wait before the next attempt, as the job's retry policy says."""

from datetime import timedelta
from random import Random

from chronos_gitops.jobs.model import RetryPolicy
from chronos_gitops.schedule.backoff import Backoff
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind


def next_wait(policy: RetryPolicy, attempt: int, outcome: Outcome, *, random: Random) -> timedelta | None:
    """Wait after attempt number ``attempt`` (from 1); None when there is no further one. At least the time of the
    target's Retry-After, up to ``max_interval``."""
    if outcome.kind is not OutcomeKind.RETRY or attempt >= policy.max_attempts:
        return None
    wait = Backoff(policy.initial_interval, policy.max_interval, policy.multiplier).wait(attempt, random)
    return max(wait, min(outcome.retry_after or timedelta(0), policy.max_interval))
