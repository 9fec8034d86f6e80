"""The replays of the Engine protocol, asked of a session."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from chronos_gitops.engine.model import tick_execution_id
from chronos_gitops.engine.operations.replays import (
    Replay,
    ReplayUnderWay,
)
from chronos_gitops.engine.temporal.session import WorkerSession
from chronos_gitops.engine.temporal.worker.activities import TimingActivities
from chronos_gitops.engine.temporal.workflows.replay_messages import News
from chronos_gitops.jobs.model import JobVersion

T = TypeVar("T")


class ReplayCalls:
    """The part of the Engine protocol that is about replays; ``_ask`` runs in the engine's loop."""

    _timing: TimingActivities

    def _ask(self, question: Callable[[WorkerSession], Coroutine[Any, Any, T]]) -> T:
        raise NotImplementedError

    def _definition(self, name: str) -> JobVersion:
        raise NotImplementedError

    def replay(self, replay: Replay) -> None:
        definition = self._definition(replay.job)
        state = self._ask(lambda session: session.begin_replay(definition, replay))
        if state == News.REFUSED:
            raise ReplayUnderWay(f'A replay of "{replay.job}" is under way.', hint="Wait for its end, or cancel it.")

    def replay_of_id(self, replay_id: str) -> Replay:
        return self._ask(lambda session: session.replays.find(replay_id))

    def cancel_replay(self, replay_id: str) -> Replay:
        return self._ask(lambda session: session.replays.cancel(replay_id))

    def tick_id(self, name: str, tick: datetime) -> str:
        return tick_execution_id(self._timing.namespace, name, tick)
