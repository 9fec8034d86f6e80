"""Operations that record what becomes of executions, under their fencing tokens: begun, attempted, cut off.

Many end within one transaction: neighbours of a kind share their statements (``store.perform``).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.model import Attempt, Execution
from chronos_gitops.engine.sql.store import ledger, queries, row_mapping
from chronos_gitops.engine.sql.store.store import Session
from chronos_gitops.process.lazy_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """An execution has begun."""

    execution: str
    fence: int
    at: datetime

    def __call__(self, session: Session) -> None:
        session.execute(queries.START_EXECUTION, self._row())

    @staticmethod
    def together(session: Session, several: Sequence["Start"]) -> list[None]:
        session.executemany(queries.START_EXECUTION, [one._row() for one in several])
        return [None] * len(several)

    def _row(self) -> dict[str, Any]:
        return {"id": self.execution, "fence": self.fence, "at": milliseconds.to_ms(self.at)}


@dataclass(frozen=True, slots=True)
class Record:
    """Adds an attempt, and what the execution has become by it. False when it was cancelled meanwhile and keeps its
    end, or when another runner has it by now. May be asked again after a commit whose outcome is unknown."""

    execution: Execution
    attempt: Attempt
    next_attempt_at: datetime | None
    fence: int

    def __call__(self, session: Session) -> bool:
        after = self._after()
        session.execute(queries.ADD_ATTEMPT, _row(self.execution.id, self.attempt, self.fence))
        if session.execute(queries.AFTER_ATTEMPT, after).rowcount == 1:
            return True
        late = {name: after[name] for name in ("id", "fence", "attempts", "status_code")}
        session.execute(queries.ANSWERED_LATE, late)
        recorded = {name: after[name] for name in ("id", "fence", "attempts", "status")}
        recorded_before = session.execute(queries.IS_RECORDED, recorded).fetchone()
        return recorded_before is not None and not ledger.called_back(session, [self.execution.id])

    @staticmethod
    def together(session: Session, several: Sequence["Record"]) -> list[bool]:
        """Two statements for all of them; where a row has changed meanwhile, each is asked again by itself."""
        session.executemany(queries.ADD_ATTEMPT, [_row(one.execution.id, one.attempt, one.fence) for one in several])
        if session.executemany(queries.AFTER_ATTEMPT, [one._after() for one in several]) == len(several):
            return [True] * len(several)
        return [one(session) for one in several]

    def _after(self) -> dict[str, Any]:
        execution, attempt = self.execution, self.attempt
        return {
            "id": execution.id,
            "fence": self.fence,
            "started_at": milliseconds.maybe_ms(execution.started_at),
            "attempts": attempt.number,
            "status": row_mapping.stored_status(execution),
            "status_code": attempt.status_code,
            "error_class": attempt.error_class,
            "error": attempt.error,
            "next_attempt_at": milliseconds.maybe_ms(self.next_attempt_at),
            "completed_at": milliseconds.maybe_ms(execution.completed_at),
            "callback_deadline": milliseconds.maybe_ms(execution.callback_deadline),
        }


def record_cancelled(session: Session, execution_id: str, attempt: Attempt, fence: int) -> None:
    """Adds the attempt that was cut off; the execution has its end already."""
    session.execute(queries.ADD_ATTEMPT, _row(execution_id, attempt, fence))
    session.execute(queries.COUNT_ATTEMPTS, {"id": execution_id, "fence": fence, "attempts": attempt.number})


def _row(execution_id: str, attempt: Attempt, fence: int) -> dict[str, Any]:
    return {
        "execution": execution_id,
        "fence": fence,
        "number": attempt.number,
        "started_at": milliseconds.to_ms(attempt.started_at),
        "duration_ms": attempt.duration_ms,
        "status_code": attempt.status_code,
        "error_class": attempt.error_class,
        "error": attempt.error,
        "response": attempt.response,
        "phases": row_mapping.maybe_phases(attempt.phases),
        "context": row_mapping.maybe_observed(attempt.observed),
    }
