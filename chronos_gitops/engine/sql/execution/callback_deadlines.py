"""Executions whose callback is awaited: each costs an entry of a heap, and neither a task nor a timer nor a thread."""

import heapq
from collections import Counter
from datetime import datetime
from typing import Final

from chronos_gitops.engine.sql.execution.pending_run import PendingRun

_STALE: Final = 64
"""More entries than twice the runs and these, and the heap is made anew."""


class CallbackDeadlines:
    """By execution id, and by deadline. Lives in the engine's loop."""

    def __init__(self) -> None:
        self._runs: dict[str, tuple[PendingRun, datetime]] = {}
        self._jobs: Counter[str] = Counter()
        self._heap: list[tuple[datetime, str]] = []

    def __len__(self) -> int:
        return len(self._runs)

    def __contains__(self, execution_id: str) -> bool:
        return execution_id in self._runs

    def is_awaited_by(self, job: str) -> bool:
        return job in self._jobs

    def add(self, run: PendingRun, now: datetime) -> None:
        """A run whose execution has a deadline, which no clock that was ahead makes later than one set now."""
        assert run.execution.callback_deadline is not None
        self.discard(run.execution.id)
        due = min(run.execution.callback_deadline, now + run.job.attempt_timeout)
        self._runs[run.execution.id] = run, due
        self._jobs[run.job.name] += 1
        heapq.heappush(self._heap, (due, run.execution.id))

    def bound(self, now: datetime) -> None:
        """The clock went back to now."""
        for run, _ in list(self._runs.values()):
            self.add(run, now)

    def discard(self, execution_id: str) -> bool:
        """True if it was there."""
        found = self._runs.pop(execution_id, None)
        if found is None:
            return False
        run = found[0]
        self._jobs[run.job.name] -= 1
        if not self._jobs[run.job.name]:
            del self._jobs[run.job.name]
        if len(self._heap) > 2 * len(self._runs) + _STALE:
            self._heap = [entry for entry in self._heap if self._is_current(entry)]
            heapq.heapify(self._heap)
        return True

    def clear(self) -> None:
        self._runs.clear()
        self._jobs.clear()
        self._heap.clear()

    def next_at(self) -> datetime | None:
        while self._heap and not self._is_current(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: datetime) -> list[PendingRun]:
        """Takes out the runs whose deadline has come, the earliest first."""
        due = []
        while (at := self.next_at()) is not None and at <= now:
            execution_id = heapq.heappop(self._heap)[1]
            due.append(self._runs[execution_id][0])
            self.discard(execution_id)
        return due

    def _is_current(self, entry: tuple[datetime, str]) -> bool:
        found = self._runs.get(entry[1])
        return found is not None and found[1] == entry[0]
