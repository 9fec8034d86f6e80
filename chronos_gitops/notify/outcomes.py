"""How the newest executions of one job ended, as far back as it matters."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from chronos_gitops.engine import streak
from chronos_gitops.engine.clock import TOLERANCE
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status
from chronos_gitops.notify.incident import Message, Watch

_PAGE: Final = 50
_MOST_PAGES: Final = 20


class Outcomes:
    """Read when they are asked for, and once for all channels; with what was only heard of so far."""

    def __init__(self, engine: Engine, job: str, heard: Mapping[str, Execution], *, now: datetime) -> None:
        self._engine = engine
        self._job = job
        self._rows: dict[str, Execution] = dict(heard)
        # What a clock that was ahead has recorded stands before everything else in the list.
        self._before: tuple[datetime, str] | None = (now + TOLERANCE, "")
        self._is_whole = False
        self._pages = 0

    def since(self, watch: Watch, threshold: int) -> list[Execution]:
        """Everything that ended after the mark, as far as it is kept; at least enough to see an incident begin."""
        if not self._pages:
            self._read()
        while not self._is_whole and self._pages < _MOST_PAGES and self._needs_more(watch, threshold):
            self._read()
        return streak.ended(self._rows.values())

    def good_before(self, message: Message) -> Execution | None:
        """The last success before the incident."""
        known = [row for row in streak.ended(self._rows.values()) if row.status is Status.SUCCESS]
        earlier = [row for row in known if row.scheduled_time < message.incident.since]
        if earlier:
            return earlier[-1]
        query = ExecutionQuery(self._job, Status.SUCCESS, 1, (message.incident.since, ""))
        return next(iter(self._engine.executions(query)), None)

    def _needs_more(self, watch: Watch, threshold: int) -> bool:
        outcomes = streak.ended(self._rows.values())
        if watch.mark is not None and self._before is not None and self._before[0] < watch.mark[0]:
            return False
        failures = 0
        for outcome in reversed(outcomes):
            if outcome.status is Status.SUCCESS:
                return watch.incident is not None
            failures += 1
        return failures < threshold or watch.incident is not None or failures == len(outcomes)

    def _read(self) -> None:
        page = self._engine.executions(ExecutionQuery(self._job, None, _PAGE, self._before))
        self._pages += 1
        self._is_whole = len(page) < _PAGE
        for row in page:
            self._rows[row.id] = self._rows[row.id] if row.id in self._rows and not row.status.is_final else row
        if page:
            self._before = (page[-1].scheduled_time, page[-1].id)
