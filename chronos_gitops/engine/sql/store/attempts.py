"""Operations that record what becomes of executions, under their fencing tokens: begun, attempted, cut off.

Many end within one transaction: neighbours of a kind share their statements (``store.perform``).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.model import Attempt, Execution, Status
from chronos_gitops.engine.sql.store import ledger, queries, row_mapping
from chronos_gitops.engine.sql.store.shared import contexts, plain_attempts
from chronos_gitops.engine.sql.store.shared.contexts import SharedContext
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
    end, or when another runner has it by now. May be asked again after a commit whose outcome is unknown.

    The first attempt of a success is kept in the execution's row, every other one in a row of its own.
    """

    execution: Execution
    attempt: Attempt
    next_attempt_at: datetime | None
    fence: int

    def __call__(self, session: Session) -> bool:
        [after] = _after(session, [self])
        if not self._is_plain:
            session.execute(queries.ADD_ATTEMPT, self._row())
        if session.execute(queries.AFTER_ATTEMPT, after).rowcount == 1:
            return True
        if self._is_plain:  # what ended it meanwhile has not recorded this attempt
            session.execute(queries.ADD_ATTEMPT, self._row())
        late = {name: after[name] for name in ("id", "fence", "attempts", "status_code")}
        session.execute(queries.ANSWERED_LATE, late)
        recorded = {name: after[name] for name in ("id", "fence", "attempts", "status")}
        recorded_before = session.execute(queries.IS_RECORDED, recorded).fetchone()
        return recorded_before is not None and not ledger.called_back(session, [self.execution.id])

    @staticmethod
    def together(session: Session, several: Sequence["Record"]) -> list[bool]:
        """The same statements for all of them; where a row has changed meanwhile, each is asked again by itself."""
        rows = [one._row() for one in several if not one._is_plain]
        if rows:
            session.executemany(queries.ADD_ATTEMPT, rows)
        if session.executemany(queries.AFTER_ATTEMPT, _after(session, several)) == len(several):
            return [True] * len(several)
        return [one(session) for one in several]

    @property
    def _is_plain(self) -> bool:
        is_first = self.attempt.number == 1 and self.execution.started_at is not None
        return is_first and self.execution.status is Status.SUCCESS and self.attempt.error is None

    def _row(self) -> dict[str, Any]:
        return _row(self.execution.id, self.attempt, self.fence)

    def _context(self) -> SharedContext | None:
        observed = self.attempt.observed if self._is_plain else None
        return None if observed is None else contexts.split(observed, self.attempt.started_at)

    def _after(self, context: SharedContext | None, keys: Mapping[str, int]) -> dict[str, Any]:
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
            "times": None,
            "response": None,
            "response_headers": None if context is None else context.headers,
            "context": None if context is None else keys[context.digest],
            **(self._of_plain() if self._is_plain else {}),
        }

    def _of_plain(self) -> dict[str, Any]:
        assert self.execution.started_at is not None, "of a plain success"
        offset = milliseconds.to_ms(self.attempt.started_at) - milliseconds.to_ms(self.execution.started_at)
        return {"times": plain_attempts.times(offset, self.attempt), "response": self.attempt.response}


def _after(session: Session, several: Sequence[Record]) -> list[dict[str, Any]]:
    """The parameters of ``AFTER_ATTEMPT``."""
    ran_with = [one._context() for one in several]
    keys = contexts.keys(session, (one for one in ran_with if one is not None))
    return [one._after(context, keys) for one, context in zip(several, ran_with, strict=True)]


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
