"""Failures in a row: the execution that began them and the success before it. Pure."""

from collections.abc import Iterable
from datetime import datetime

from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.process.lazy_dataclass import dataclass

Position = tuple[datetime, str]
"""When an execution ended, and its id: the order in which outcomes became known."""


@dataclass(frozen=True, slots=True)
class Streak:
    """``first`` and ``last`` of ``count`` failures in a row, none between them a success; ``before`` is the success
    that they follow, None where none is known."""

    first: Execution
    last: Execution
    count: int
    before: Execution | None


def ended(executions: Iterable[Execution]) -> list[Execution]:
    """Those that succeeded or failed, in the order of their ends; a skipped or cancelled one says nothing of the
    receiver, and a replay nothing of the schedule."""
    told = (one for one in executions if one.status in (Status.SUCCESS, Status.FAILED) and not one.replay)
    return sorted(told, key=position)


def position(execution: Execution) -> Position:
    return execution.completed_at or execution.scheduled_time, execution.id


def newest(executions: Iterable[Execution]) -> Streak | None:
    """The failures in a row that the executions end with; None when the newest one succeeded."""
    outcomes = ended(executions)
    failures: list[Execution] = []
    while outcomes and outcomes[-1].status is Status.FAILED:
        failures.append(outcomes.pop())
    if not failures:
        return None
    return Streak(failures[-1], failures[0], len(failures), outcomes[-1] if outcomes else None)
