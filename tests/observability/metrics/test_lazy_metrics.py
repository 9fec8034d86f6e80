"""Metrics that are built for the first number, with the fetches of git that came before it."""

from datetime import UTC, datetime

import pytest

from chronos_gitops.observability.metrics.exposition import Metrics
from chronos_gitops.observability.metrics.lazy_metrics import LazyMetrics

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Built:
    """Counts how often metrics are built."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Metrics:
        self.times += 1
        return Metrics()


def test_metrics_are_built_once_for_the_first_number() -> None:
    built = Built()
    metrics = LazyMetrics(built)
    assert built.times == 0
    metrics.rollback("committed")
    metrics.rollback("refused")
    assert built.times == 1
    text, kind = metrics.exposition()
    assert b'chronos_rollbacks_total{result="refused"} 1.0' in text
    assert kind.startswith("text/plain")


@pytest.mark.parametrize(("fetches", "times"), [(1, 0), (100, 0), (101, 1), (150, 1)])
def test_the_first_fetches_build_nothing_and_are_counted(fetches: int, times: int) -> None:
    built = Built()
    metrics = LazyMetrics(built)
    for _ in range(fetches):
        metrics.git_fetched("unchanged", 0.1, NOW)
    assert built.times == times
    assert f'chronos_git_fetch_total{{result="unchanged"}} {fetches}.0' in metrics.exposition()[0].decode()
