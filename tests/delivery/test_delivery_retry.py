from datetime import timedelta
from random import Random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.delivery.outcome import Outcome, OutcomeKind
from chronos_gitops.delivery.retry import backoff, next_wait
from chronos_gitops.jobs.model import RetryPolicy

RETRY = Outcome(OutcomeKind.RETRY)
SECOND = timedelta(seconds=1)


class Highest(Random):
    def random(self) -> float:
        return 1.0


class Lowest(Random):
    def random(self) -> float:
        return 0.0


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 8), (6, 32), (7, 60), (50, 60), (5000, 60)]
)
def test_backoff_doubles_up_to_its_cap(attempt: int, seconds: int) -> None:
    assert backoff(RetryPolicy(), attempt) == seconds * SECOND


def test_multiplier_of_one_stays() -> None:
    assert backoff(RetryPolicy(multiplier=1.0, initial_interval=5 * SECOND), 10_000) == 5 * SECOND


def test_no_initial_interval_means_no_wait() -> None:
    assert backoff(RetryPolicy(initial_interval=timedelta(0), multiplier=10.0), 5000) == timedelta(0)


@pytest.mark.parametrize("kind", [OutcomeKind.SUCCESS, OutcomeKind.FAILED])
def test_only_a_retry_waits(kind: OutcomeKind) -> None:
    assert next_wait(RetryPolicy(), 1, Outcome(kind), random=Highest()) is None


def test_max_attempts_counts_the_first() -> None:
    policy = RetryPolicy(max_attempts=3)
    waits = [next_wait(policy, attempt, RETRY, random=Highest()) for attempt in (1, 2, 3, 4)]
    assert waits == [SECOND, 2 * SECOND, None, None]
    assert next_wait(RetryPolicy(max_attempts=1), 1, RETRY, random=Highest()) is None


def test_jitter_is_full() -> None:
    random = Random(1)
    waits = [next_wait(RetryPolicy(max_attempts=9), 4, RETRY, random=random) for _ in range(2000)]
    seconds = [wait.total_seconds() for wait in waits if wait is not None]
    assert 0 <= min(seconds) < 0.1
    assert 7.9 < max(seconds) <= 8
    assert 3.8 < mean(seconds) < 4.2


@pytest.mark.parametrize(("asked", "waited"), [(5, 5), (60, 60), (61, 60), (86_400, 60), (0, 0)])
def test_retry_after_is_waited_at_least_up_to_the_cap(asked: int, waited: int) -> None:
    outcome = Outcome(OutcomeKind.RETRY, retry_after=asked * SECOND)
    assert next_wait(RetryPolicy(), 1, outcome, random=Lowest()) == waited * SECOND


def test_backoff_longer_than_retry_after_stands() -> None:
    outcome = Outcome(OutcomeKind.RETRY, retry_after=SECOND)
    assert next_wait(RetryPolicy(max_attempts=9), 5, outcome, random=Highest()) == 16 * SECOND


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
def test_wait_is_never_beyond_the_cap(policy: RetryPolicy, attempt: int, retry_after: timedelta | None) -> None:
    wait = next_wait(policy, attempt, Outcome(OutcomeKind.RETRY, retry_after=retry_after), random=Random(attempt))
    assert (wait is None) is (attempt >= policy.max_attempts)
    assert wait is None or timedelta(0) <= wait <= policy.max_interval
