"""The newest execution of a job that has an outcome, behind one that was skipped or cancelled."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.process.bounded_dict import BoundedDict

_LOOKED_BACK: Final = 10
"""Executions behind a skipped or cancelled one among which the last outcome is searched."""


_Recent = Callable[[Sequence[str], int], Mapping[str, Sequence[Execution]]]


class LastOutcomes:
    """Remembers what it has found. Safe from any thread."""

    def __init__(self, most: int = 20_000) -> None:
        self._lock = threading.Lock()
        self._known: BoundedDict[tuple[str, Status], Execution | None] = BoundedDict(most)

    def behind(self, recent: _Recent, newest: Iterable[Execution]) -> dict[str, Execution | None]:
        """By job, for those whose newest execution has no outcome; ``recent`` is ``Engine.recent``. Kept until the job
        has another execution, unless one of those behind has not ended."""
        silent = [one for one in newest if not has_outcome(one)]
        with self._lock:
            found = {one.job: self._known[key] for one in silent if (key := (one.id, one.status)) in self._known}
        asked = {one.job: (one.id, one.status) for one in silent if one.job not in found}
        rows_of = recent(list(asked), _LOOKED_BACK) if asked else {}
        for job, key in asked.items():
            rows = rows_of.get(job, ())
            found[job] = next(filter(has_outcome, rows), None)
            if all(row.status.is_final for row in rows):
                with self._lock:
                    self._known[key] = found[job]
        return found


def has_outcome(execution: Execution) -> bool:
    """True for an execution with an outcome of the job, or on its way to one: skipped and cancelled ones have none, and
    a replay says nothing about the schedule."""
    if not execution.status.is_final:
        return True
    return execution.status in (Status.SUCCESS, Status.FAILED) and not execution.replay
