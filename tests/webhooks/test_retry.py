from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.jobs.model import RetryPolicy
from chronos_gitops.webhooks.outcome import Outcome, OutcomeKind
from chronos_gitops.webhooks.retry import next_wait

RETRY = Outcome(OutcomeKind.RETRY)
SECOND = timedelta(seconds=1)


class Highest(Random):
    def random(self) -> float:
        return 1.0


class Lowest(Random):
    def random(self) -> float:
        return 0.0


@pytest.mark.parametrize("kind", [OutcomeKind.SUCCESS, OutcomeKind.FAILED])
def test_only_a_retry_waits(kind: OutcomeKind) -> None:
    assert next_wait(RetryPolicy(), 1, Outcome(kind), random=Highest()) is None


def test_max_attempts_counts_the_first() -> None:
    policy = RetryPolicy(max_attempts=3)
    waits = [next_wait(policy, attempt, RETRY, random=Highest()) for attempt in (1, 2, 3, 4)]
    assert waits == [1.2 * SECOND, 2.4 * SECOND, None, None]
    assert next_wait(RetryPolicy(max_attempts=1), 1, RETRY, random=Highest()) is None


@given(st.integers(0, 2**32))
def test_defaults_never_wait_nearly_nothing(seed: int) -> None:
    """Three attempts of the defaults take 2.4 s at least (before: 0.8 s, and less)."""
    waits = [next_wait(RetryPolicy(), attempt, RETRY, random=Random(seed)) for attempt in (1, 2)]
    assert sum((wait for wait in waits if wait), timedelta(0)) >= 2.4 * SECOND


@pytest.mark.parametrize(("asked", "waited"), [(5, 5), (60, 60), (61, 60), (86_400, 60), (0, 0.8)])
def test_retry_after_is_waited_at_least_up_to_the_cap(asked: int, waited: float) -> None:
    outcome = Outcome(OutcomeKind.RETRY, retry_after=asked * SECOND)
    assert next_wait(RetryPolicy(), 1, outcome, random=Lowest()) == waited * SECOND


def test_backoff_longer_than_retry_after_stands() -> None:
    outcome = Outcome(OutcomeKind.RETRY, retry_after=SECOND)
    assert next_wait(RetryPolicy(max_attempts=9), 5, outcome, random=Lowest()) == 12.8 * SECOND


@settings(deadline=None)
@given(
    st.builds(
        RetryPolicy,
        max_attempts=st.integers(1, 1000),
        initial_interval=st.timedeltas(timedelta(0), timedelta(days=3660)),
        multiplier=st.floats(1.0, 1e6),
        max_interval=st.timedeltas(timedelta(0), timedelta(days=3660)),
    ),
    st.integers(1, 1000),
    st.none() | st.timedeltas(timedelta(0), timedelta(days=10_000)),
)
def test_wait_is_never_beyond_the_cap_and_its_spread(
    policy: RetryPolicy, attempt: int, retry_after: timedelta | None
) -> None:
    wait = next_wait(policy, attempt, Outcome(OutcomeKind.RETRY, retry_after=retry_after), random=Random(attempt))
    assert (wait is None) is (attempt >= policy.max_attempts)
    assert wait is None or timedelta(0) <= wait <= policy.max_interval * 1.2
