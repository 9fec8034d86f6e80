"""Counting: executions from the runner, requests from the receiver."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chronos_gitops.cli.demo import statistics
from chronos_gitops.cli.demo.receiver import Received

TICK = datetime(2026, 1, 1, tzinfo=UTC)


def request(job: str, execution: str, *, attempt: int = 1, late_ms: float = 0) -> Received:
    headers = (
        ("X-Chronos-Job-Name", job),
        ("X-Chronos-Execution-ID", execution),
        ("X-Chronos-Attempt", str(attempt)),
        ("X-Chronos-Scheduled-Time", "2026-01-01T00:00:00Z"),
    )
    return Received("POST", "/ok", headers, b"", TICK + timedelta(milliseconds=late_ms), 0.0)


def execution(job: str, status: str, count: int = 1) -> dict[str, Any]:
    return {"id": f"{job}-{status}", "job": job, "status": status, "count": count}


def test_retries_are_received_but_not_late() -> None:
    found = statistics.tallies([request("a", "1", late_ms=2), request("a", "1", attempt=2, late_ms=1000)], [])
    assert (found["a"].received, found["a"].retried, found["a"].lateness_ms) == (2, 1, [2.0])


def test_a_skipped_row_may_stand_for_several_ticks_and_fires_nothing() -> None:
    found = statistics.tallies([], [execution("a", "success"), execution("a", "skipped", 3), execution("b", "failed")])
    assert found["a"].ticks == {"success": 1, "skipped": 3}
    assert found["a"].fired == 1
    whole = statistics.total(found.values())
    assert (whole.fired, whole.ticks["skipped"]) == (2, 3)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, None), ([7.0], 99, 7.0), ([3.0, 1.0, 2.0], 50, 2.0), ([float(n) for n in range(1, 101)], 99, 99.0)],
)
def test_percentiles_are_nearest_rank(values: list[float], percent: float, expected: float | None) -> None:
    assert statistics.percentile(values, percent) == expected


def test_only_the_same_attempt_of_the_same_execution_is_a_duplicate() -> None:
    requests = [request("a", "1"), request("a", "1", attempt=2), request("a", "2"), request("a", "2")]
    assert statistics.duplicates(requests) == [("2", 1)]
