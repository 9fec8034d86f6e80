"""Failures in a row: which run began them, and which commits changed the job since it last succeeded. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.versions.version_log import Version

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
    receiver."""
    told = (one for one in executions if one.status in (Status.SUCCESS, Status.FAILED))
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


def version_of(execution: Execution, history: Sequence[Version]) -> Version | None:
    """What it ran: by the commit, for numbers hold within one history; by the number where no commit was recorded."""
    if execution.commit is None:
        if execution.version is None:
            return None
        return next((one for one in history if one.number == execution.version), None)
    return next((one for one in reversed(history) if one.commit == execution.commit), None)


def changes(history: Sequence[Version], before: Execution | None, last: Execution) -> tuple[Version, ...]:
    """The versions that came after the one which succeeded, up to the one that failed last, oldest first; only that
    last one where no success is known, and none where the same version succeeded before."""
    failed = version_of(last, history)
    if failed is None:
        return ()
    good = None if before is None else version_of(before, history)
    since = failed.position - 1 if good is None else good.position
    return tuple(one for one in history if since < one.position <= failed.position)
