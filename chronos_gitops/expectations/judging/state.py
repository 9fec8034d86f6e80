"""The state of one expectation, and what it is told from."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from chronos_gitops.engine.model import Execution, Pause
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.expect import ExpectationKind
from chronos_gitops.jobs.promises.guard import GUARD
from chronos_gitops.process.lazy_dataclass import dataclass

REPLAY: Final = "replay"


class ExpectationState(StrEnum):
    MET = "met"
    PENDING = "pending"
    BROKEN = "broken"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Expectation:
    """``due_at`` is the deadline that was missed, or the next one; ``since`` from when the limit counts. ``found`` is
    what is there in place of it, ``execution`` the id of the execution that decided. ``count`` is how many judged ticks
    or runs in a row break it; ``next_at`` is when it may change though nothing happens."""

    kind: ExpectationKind
    limit: str
    state: ExpectationState
    since: datetime
    due_at: datetime | None = None
    found: str | None = None
    execution: str | None = None
    count: int = 0
    next_at: datetime | None = None


class RunHistory(Protocol):
    """The executions of one job as they are at one instant: what a clock that was ahead recorded is left out."""

    def ticks(self, since: datetime, until: datetime) -> Sequence[Execution]:
        """Rows of ticks in [since, until], in any order."""

    def ended(self) -> Iterator[Execution]:
        """Those that ran and have ended, the newest scheduled first; as far back as is looked at."""

    def unfinished(self) -> Sequence[Execution]:
        """Those that wait or run."""

    def last_success(self) -> Execution | None:
        """The success that ended last."""


@dataclass(frozen=True, slots=True)
class Question:
    """One expectation of one job at ``now``. ``since`` is not later. ``pauses`` are those after it, with their ends;
    ``count_to``: no more judged runs in a row are counted."""

    kind: ExpectationKind
    limit: str
    job: Job
    runs: RunHistory
    pauses: Sequence[Pause]
    since: datetime
    now: datetime
    count_to: int = 1

    def answer(
        self,
        state: ExpectationState,
        *,
        due_at: datetime | None = None,
        found: str | None = None,
        execution: Execution | None = None,
        count: int = 0,
        next_at: datetime | None = None,
    ) -> Expectation:
        execution_id = None if execution is None else execution.id
        return Expectation(self.kind, self.limit, state, self.since, due_at, found, execution_id, count, next_at)

    def is_paused_at(self, tick: datetime) -> bool:
        return any(is_in(pause, tick) for pause in self.pauses)


Judge = Callable[[Question], Expectation]


def is_in(pause: Pause, instant: datetime) -> bool:
    return pause.at <= instant and pause.holds_at(instant)


def is_operators(pause: Pause) -> bool:
    return pause.by != GUARD


def is_replay(execution: Execution) -> bool:
    return execution.trigger.value == REPLAY
