"""Observers of the engine: metrics, logs. Called in the engine's thread; must not block or raise."""

from collections.abc import Callable, Sequence
from typing import Protocol

from chronos_gitops.engine.model import Execution
from chronos_gitops.engine.operations.replays import ReplayEnd
from chronos_gitops.jobs.model import Job
from chronos_gitops.webhooks.outcome import Outcome


class ExecutionObserver(Protocol):
    def attempt_finished(self, job: Job, outcome: Outcome) -> None:
        """One HTTP request is over."""

    def execution_finished(self, execution: Execution) -> None:
        """An execution has reached its end: success, failed, skipped or cancelled."""


class Observer(ExecutionObserver, Protocol):
    def replay_ended(self, ended: ReplayEnd) -> None:
        """A replay begins no further item: all have run, or it was cancelled."""


class Observers:
    """Several as one, each told in turn."""

    def __init__(
        self, several: Sequence[ExecutionObserver], *, on_replay_end: Callable[[ReplayEnd], None] = lambda _: None
    ) -> None:
        self._several = tuple(several)
        self._on_replay_end = on_replay_end

    def attempt_finished(self, job: Job, outcome: Outcome) -> None:
        for one in self._several:
            one.attempt_finished(job, outcome)

    def execution_finished(self, execution: Execution) -> None:
        for one in self._several:
            one.execution_finished(execution)

    def replay_ended(self, ended: ReplayEnd) -> None:
        self._on_replay_end(ended)
