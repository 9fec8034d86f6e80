"""The numbers of a runner, collected from the first one on: prometheus_client takes 3 MB, and a start needs none."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from chronos_gitops.engine.model import Execution
from chronos_gitops.jobs.model import Job
from chronos_gitops.webhooks.outcome import Outcome

if TYPE_CHECKING:
    from chronos_gitops.observability.metrics.exposition import Metrics

_MOST_FETCHES: Final = 100


class LazyMetrics:
    """Stands for ``Metrics``, which ``make`` builds when there is something to count or to show. Any thread. The first
    fetches from git, one of which belongs to each start, are counted later."""

    def __init__(self, make: "Callable[[], Metrics]") -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: Metrics | None = None
        self._fetches: list[tuple[str, float, datetime]] = []

    def attempt_finished(self, job: Job, outcome: Outcome) -> None:
        self.load().attempt_finished(job, outcome)

    def execution_finished(self, execution: Execution) -> None:
        self.load().execution_finished(execution)

    def git_fetched(self, result: str, seconds: float, at: datetime) -> None:
        with self._lock:
            is_early = self._made is None and len(self._fetches) < _MOST_FETCHES
            if is_early:
                self._fetches.append((result, seconds, at))
        if not is_early:
            self.load().git_fetched(result, seconds, at)

    def rollback(self, result: str) -> None:
        self.load().rollback(result)

    def notification(self, channel: str, result: str) -> None:
        self.load().notification(channel, result)

    def forge_status(self, result: str) -> None:
        self.load().forge_status(result)

    def http_request(self, method: str, route: str, status: int, seconds: float) -> None:
        self.load().http_request(method, route, status, seconds)

    def caller_refused(self, status: int) -> None:
        self.load().caller_refused(status)

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        return self.load().exposition(accept)

    def load(self) -> "Metrics":
        if self._made is None:
            with self._lock:
                if self._made is None:
                    made = self._make()
                    for fetch in self._fetches:
                        made.git_fetched(*fetch)
                    self._made = made
        return self._made
