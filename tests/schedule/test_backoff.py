from datetime import timedelta
from random import Random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.jobs.model import RetryPolicy
from chronos_gitops.notifications import delivery_worker
from chronos_gitops.rollback import committer
from chronos_gitops.schedule.backoff import Backoff, spread
from chronos_gitops.sync import poller

SECOND = timedelta(seconds=1)
WEBHOOKS = Backoff(RetryPolicy().initial_interval, RetryPolicy().max_interval, RetryPolicy().multiplier)


class Middle(Random):
    def random(self) -> float:
        return 0.5


@pytest.mark.parametrize(
    ("backoff", "seconds"),
    [
        (WEBHOOKS, [1, 2, 4, 8, 16, 32, 60, 60]),
        (delivery_worker.BACKOFF, [10, 20, 40, 80, 160, 320, 600, 600]),
        (poller._BACKOFF, [5, 10, 20, 40, 80, 160, 300, 300]),
        (committer._BACKOFF, [0.05, 0.1, 0.2, 0.4, 0.8, 1, 1, 1]),
        (Backoff(5 * SECOND, 60 * SECOND, multiplier=1.0), [5] * 8),
        (Backoff(timedelta(0), 60 * SECOND), [0] * 8),
        (Backoff(100 * SECOND, 60 * SECOND), [60] * 8),
    ],
)
def test_waits_grow_up_to_the_longest(backoff: Backoff, seconds: list[float]) -> None:
    waits = [backoff.wait(failures, Middle()).total_seconds() for failures in range(1, 9)]
    assert waits == pytest.approx(seconds)


@given(st.integers(1, 10_000), st.integers(0, 2**32))
def test_no_wait_is_more_than_a_fifth_away(failures: int, seed: int) -> None:
    exact = min(60.0, 2.0 ** min(failures - 1, 10))
    wait = WEBHOOKS.wait(failures, Random(seed)).total_seconds()
    assert 0.799 * exact <= wait <= 1.201 * exact
    assert wait * SECOND <= WEBHOOKS.upper_bound


def test_spread_is_even() -> None:
    random = Random(1)
    seconds = [spread(10 * SECOND, random).total_seconds() for _ in range(2000)]
    assert 8 <= min(seconds) < 8.05
    assert 11.95 < max(seconds) <= 12
    assert 9.9 < mean(seconds) < 10.1


@pytest.mark.parametrize("multiplier", [1.0, 2.0, 1e6])
def test_many_failures_do_not_overflow(multiplier: float) -> None:
    assert Backoff(SECOND, 60 * SECOND, multiplier).wait(10**6, Random(1)) <= 72 * SECOND
    assert Backoff(timedelta(0), 60 * SECOND, multiplier).wait(10**6, Random(1)) == timedelta(0)
