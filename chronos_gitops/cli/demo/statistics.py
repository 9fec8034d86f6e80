"""Counting what the receiver got and what the runner recorded; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from math import ceil
from typing import Any

from chronos_gitops.cli.demo.receiver import Received
from chronos_gitops.process.lazy_dataclass import dataclass

Json = Mapping[str, Any]


@dataclass(slots=True)
class Statistics:
    """One job's numbers. ``ticks`` counts executions by status; a skipped row may stand for several ticks."""

    received: int = 0
    retried: int = 0
    ticks: Counter[str] = field(default_factory=Counter)
    lateness_ms: list[float] = field(default_factory=list)

    @property
    def fired(self) -> int:
        """Executions that were begun: every tick but the skipped ones."""
        return self.ticks.total() - self.ticks["skipped"]


def tallies(requests: Iterable[Received], executions: Iterable[Json]) -> dict[str, Statistics]:
    """By job name."""
    found: dict[str, Statistics] = {}
    for request in requests:
        tally = found.setdefault(request.header("X-Chronos-Job-Name") or "?", Statistics())
        tally.received += 1
        if attempt_of(request) > 1:
            tally.retried += 1
        else:
            tally.lateness_ms.append(lateness_ms(request))
    for execution in executions:
        found.setdefault(execution["job"], Statistics()).ticks[execution["status"]] += execution.get("count") or 1
    return found


def total(parts: Iterable[Statistics]) -> Statistics:
    whole = Statistics()
    for part in parts:
        whole.received += part.received
        whole.retried += part.retried
        whole.ticks.update(part.ticks)
        whole.lateness_ms += part.lateness_ms
    return whole


def attempt_of(request: Received) -> int:
    return int(request.header("X-Chronos-Attempt") or 1)


def lateness_ms(request: Received) -> float:
    """From the tick that the request names to its arrival."""
    scheduled = datetime.fromisoformat(request.header("X-Chronos-Scheduled-Time") or "")
    return (request.arrived_at - scheduled).total_seconds() * 1000


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Nearest rank; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, ceil(percent / 100 * len(values)) - 1)]


def duplicates(requests: Iterable[Received]) -> list[tuple[str, int]]:
    """(execution, attempt) pairs that arrived more than once: there must be none."""
    seen = Counter((request.execution_id or "?", attempt_of(request)) for request in requests)
    return [pair for pair, count in seen.items() if count > 1]
