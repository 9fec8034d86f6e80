"""Executions of this runner that wait for their turn, by job, the oldest first. Lives in the engine's loop."""

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime

from chronos_gitops.engine.model import Pause, Status
from chronos_gitops.engine.sql.claiming import waiting
from chronos_gitops.engine.sql.execution.pending_run import PendingRun
from chronos_gitops.jobs.model import Concurrency


class TurnQueue:
    """A pause holds what is queued of its job until it ends."""

    def __init__(self) -> None:
        self._runs: dict[str, list[PendingRun]] = defaultdict(list)
        self._pauses: Mapping[str, Pause] = {}

    def hold(self, pauses: Mapping[str, Pause]) -> set[str]:
        """These pauses hold from now on; the jobs whose pause has ended or is another one."""
        changed = {name for name, pause in self._pauses.items() if pauses.get(name) != pause}
        self._pauses = pauses
        return changed

    def is_held(self, run: PendingRun) -> bool:
        is_queued = run.job.concurrency is Concurrency.QUEUE and run.execution.status is Status.PENDING
        return is_queued and waiting.holds(
            self._pauses.get(run.job.name), run.execution.trigger, run.execution.created_at
        )

    def add(self, run: PendingRun) -> None:
        insort(self._runs[run.job.name], run, key=_age)

    def remove(self, run: PendingRun) -> None:
        runs = self._runs[run.job.name]
        runs.remove(run)
        self._drop_empty(run.job.name)

    def pop(self, job: str) -> PendingRun | None:
        """The oldest one that no pause holds."""
        run = next((run for run in self._runs.get(job, ()) if not self.is_held(run)), None)
        if run is not None:
            self.remove(run)
        return run

    def withdraw(self, is_withdrawn: Callable[[PendingRun], bool]) -> list[PendingRun]:
        found = [run for runs in self._runs.values() for run in runs if is_withdrawn(run)]
        for run in found:
            self.remove(run)
        return found

    def has(self, job: str) -> bool:
        return job in self._runs

    def clear(self) -> None:
        self._runs.clear()

    def _drop_empty(self, job: str) -> None:
        if not self._runs[job]:
            del self._runs[job]


def _age(run: PendingRun) -> tuple[datetime, datetime, str]:
    """As the database orders what is unfinished, so that a restart changes nothing."""
    execution = run.execution
    return execution.scheduled_time, execution.created_at or execution.scheduled_time, execution.id
