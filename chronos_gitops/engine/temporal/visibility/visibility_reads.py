"""The questions of an engine that Temporal's visibility answers."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from chronos_gitops.engine.answers.version_outcomes import VersionOutcomes, by_commit, ended
from chronos_gitops.engine.model import Execution, ExecutionDetail, ExecutionQuery, Pause
from chronos_gitops.engine.temporal.visibility.visibility import Visibility

T = TypeVar("T")
_COUNTED: Final = 1000
"""Rows of a job whose outcomes are counted, the newest: each is read over the network."""


class VisibilityReads:
    """See the Engine protocol; ``_read`` asks from any thread and waits for the answer."""

    def _read(self, question: Callable[[Visibility], Coroutine[Any, Any, T]]) -> T:
        raise NotImplementedError

    def executions(self, query: ExecutionQuery) -> Sequence[Execution]:
        return self._read(lambda visibility: visibility.executions(query))

    def execution(self, execution_id: str) -> ExecutionDetail:
        return self._read(lambda visibility: visibility.execution(execution_id))

    def latest(self, names: Sequence[str]) -> Mapping[str, Execution]:
        return self._read(lambda visibility: visibility.latest(names))

    def recent(self, names: Sequence[str], count: int) -> Mapping[str, Sequence[Execution]]:
        return self._read(lambda visibility: visibility.recent(names, count))

    def last_success(self, name: str, until: datetime) -> Execution | None:
        return self._read(lambda visibility: visibility.last_success(name, until))

    def running(self, name: str) -> Sequence[Execution]:
        return self._read(lambda visibility: visibility.running(name))

    def outcomes(self, name: str) -> Mapping[str, VersionOutcomes]:
        """Of the newest rows."""
        rows = self.executions(ExecutionQuery(job=name, limit=_COUNTED))
        return by_commit(ended(rows), complete=len(rows) < _COUNTED)

    def ticks(self, name: str, since: datetime, until: datetime) -> Sequence[Execution]:
        return self._read(lambda visibility: visibility.ticks(name, since, until))

    def pauses_of(self, name: str, since: datetime) -> Sequence[Pause]:
        return self._read(lambda visibility: visibility.pauses_of(name, since))
