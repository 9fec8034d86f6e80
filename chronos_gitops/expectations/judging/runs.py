"""The executions of a job, read from its engine as they are asked for."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status

_PAGE: Final = 50
_MOST_PAGES: Final = 20
_RAN: Final = (Status.SUCCESS, Status.FAILED, Status.CANCELLED)


def is_visible(row: Execution, now: datetime) -> bool:
    """False for what a clock that was ahead has recorded."""
    instants = (row.scheduled_time, row.created_at, row.started_at, row.completed_at)
    return all(at is None or at <= now for at in instants)


class EngineRuns:
    """A ``RunHistory`` at ``now``; what was read once is not read again."""

    def __init__(self, engine: Engine, job: str, now: datetime) -> None:
        self._engine = engine
        self._job = job
        self._now = now
        self._ended: list[Execution] = []
        self._pages = 0
        self._last: Execution | None = None

    def ticks(self, since: datetime, until: datetime) -> Sequence[Execution]:
        return self._visible(self._engine.ticks(self._job, since, until))

    def ended(self) -> Iterator[Execution]:
        position = 0
        while True:
            while position == len(self._ended) and self._read():
                pass
            if position == len(self._ended):
                return
            yield self._ended[position]
            position += 1

    def unfinished(self) -> Sequence[Execution]:
        return self._visible(self._engine.running(self._job))

    def last_success(self) -> Execution | None:
        return self._engine.last_success(self._job, self._now)

    def _read(self) -> bool:
        """True if another page may follow."""
        if self._pages == _MOST_PAGES or (self._pages and self._last is None):
            return False
        before = None if self._last is None else (self._last.scheduled_time, self._last.id)
        page = self._engine.executions(ExecutionQuery(self._job, _RAN, _PAGE, before))
        self._pages += 1
        self._last = page[-1] if len(page) == _PAGE else None
        self._ended += self._visible(page)
        return True

    def _visible(self, rows: Sequence[Execution]) -> list[Execution]:
        return [row for row in rows if is_visible(row, self._now)]
