"""The executions of one job as a list, for questions about them without an engine."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.expectations.judging.runs import is_visible


class ListedRuns:
    """A ``RunHistory`` over all rows that there are."""

    def __init__(self, rows: Sequence[Execution], now: datetime) -> None:
        visible = [row for row in rows if is_visible(row, now)]
        self._rows = sorted(visible, key=lambda row: (row.scheduled_time, row.id), reverse=True)

    def ticks(self, since: datetime, until: datetime) -> Sequence[Execution]:
        return [row for row in self._rows if since <= row.scheduled_time <= until and row.trigger != "manual"]

    def ended(self) -> Iterator[Execution]:
        return (row for row in self._rows if row.status.is_final and row.status is not Status.SKIPPED)

    def unfinished(self) -> Sequence[Execution]:
        return [row for row in self._rows if not row.status.is_final]

    def last_success(self) -> Execution | None:
        successes = [row for row in self._rows if row.status is Status.SUCCESS]
        return max(successes, key=lambda row: (row.completed_at or row.scheduled_time, row.id), default=None)
