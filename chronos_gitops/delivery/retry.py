"""Outcome to the wait before the next attempt: exponential backoff with full jitter, bounded by the policy."""

from datetime import timedelta
from random import Random

from chronos_gitops.delivery.outcome import Outcome, OutcomeKind
from chronos_gitops.jobs.model import RetryPolicy


def next_wait(policy: RetryPolicy, attempt: int, outcome: Outcome, *, random: Random) -> timedelta | None:
    """How long to wait after attempt number ``attempt`` (from 1); None when there is no further one.

    Full jitter, uniform between zero and the backoff, spreads a crowd of retries best:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/. What the receiver asked for in
    Retry-After is waited at least, up to ``max_interval``.
    """
    if outcome.kind is not OutcomeKind.RETRY or attempt >= policy.max_attempts:
        return None
    wait = random.random() * backoff(policy, attempt)
    return max(wait, min(outcome.retry_after or timedelta(0), policy.max_interval))


def backoff(policy: RetryPolicy, attempt: int) -> timedelta:
    """``initial_interval`` times ``multiplier`` to the power of ``attempt - 1``, at most ``max_interval``."""
    try:
        return min(policy.initial_interval * policy.multiplier ** (attempt - 1), policy.max_interval)
    except OverflowError:
        return policy.max_interval if policy.initial_interval else timedelta(0)
