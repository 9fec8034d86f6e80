"""The executions of one job as they were at each past instant, from rows as they are now."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile

from chronos_gitops.engine.model import Execution, Status, Trigger

_RAN = (Status.SUCCESS, Status.FAILED, Status.CANCELLED)


class PastRuns:
    """Rows with their ends, indexed once for many instants."""

    def __init__(self, rows: Sequence[Execution]) -> None:
        self.rows = sorted(rows, key=lambda row: (row.scheduled_time, row.id))
        self.times = [row.scheduled_time for row in self.rows]
        successes = [row for row in self.rows if row.status is Status.SUCCESS and row.completed_at]
        self.successes = sorted(successes, key=_end)
        self.success_ends = [_end(row) for row in self.successes]
        spans = (_end(row) - row.scheduled_time for row in self.rows)
        self.longest = max(spans, default=timedelta(0))

    def at(self, now: datetime) -> "RunsAt":
        return RunsAt(self, now)


class RunsAt:
    """A ``RunHistory`` at one instant: what ended later still runs, what was claimed later is not there."""

    def __init__(self, past: PastRuns, now: datetime) -> None:
        self._past = past
        self._now = now

    def ticks(self, since: datetime, until: datetime) -> Sequence[Execution]:
        first = bisect_right(self._past.times, since - timedelta(microseconds=1))
        rows = self._past.rows[first : bisect_right(self._past.times, min(until, self._now))]
        return [self._then(row) for row in rows if row.trigger is not Trigger.MANUAL]

    def ended(self) -> Iterator[Execution]:
        """As far back as one may have begun or ended after the newest success: judges look at 50 otherwise."""
        edge: datetime | None = None
        for row in self._newest_first():
            if edge is not None and row.scheduled_time + self._past.longest < edge:
                return
            if row.status in _RAN and _end(row) <= self._now:
                yield row
                edge = row.started_at if edge is None and row.status is Status.SUCCESS else edge

    def unfinished(self) -> Sequence[Execution]:
        """None that is scheduled earlier than the longest of all lasts."""
        first = self._now - self._past.longest
        recent = takewhile(lambda row: row.scheduled_time >= first, self._newest_first())
        return [self._then(row) for row in recent if _end(row) > self._now]

    def last_success(self) -> Execution | None:
        count = bisect_right(self._past.success_ends, self._now)
        return self._past.successes[count - 1] if count else None

    def _newest_first(self) -> Iterator[Execution]:
        position = bisect_right(self._past.times, self._now)
        return (self._past.rows[index] for index in range(position - 1, -1, -1))

    def _then(self, row: Execution) -> Execution:
        if _end(row) <= self._now:
            return row
        has_started = row.started_at is not None and row.started_at <= self._now
        status, started = (Status.RUNNING, row.started_at) if has_started else (Status.PENDING, None)
        return replace(row, status=status, started_at=started, completed_at=None)


def _end(row: Execution) -> datetime:
    return row.completed_at or row.scheduled_time
