"""The gate of an execution in the ledger: the success that opens it is looked for where its row is changed."""

from dataclasses import replace
from datetime import datetime

from chronos_gitops.engine.model import Execution, Gate, Reason, Status
from chronos_gitops.engine.requires.gates import Passage, Wanted, looked, passage, wanted
from chronos_gitops.engine.sql.store import queries, row_mapping
from chronos_gitops.engine.sql.store.store import Session
from chronos_gitops.jobs.promises.requires import Requires


def look(
    session: Session, execution: Execution, gate: Gate, required: Requires, now: datetime, fence: int
) -> tuple[Passage, Execution] | None:
    """What the execution does now, and as it is then; None when it is no longer pending, or another runner has it."""
    seen = looked(gate, _success(session, wanted(gate, required, now)))
    does = passage(seen, required, now)
    after = replace(execution, requires=seen)
    changed = {"id": execution.id, "fence": fence, "requires": row_mapping.gate_document(seen)}
    if does is Passage.SKIP:
        after = replace(after, status=Status.SKIPPED, reason=Reason.REQUIRES, completed_at=now)
        is_written = session.execute(queries.SKIPPED_AT_GATE, changed | {"at": row_mapping.to_ms(now)}).rowcount == 1
    else:
        is_written = session.execute(queries.AT_GATE, changed).rowcount == 1
    return (does, after) if is_written else None


def _success(session: Session, asked: Wanted) -> Execution | None:
    parameters = {
        "job": asked.job,
        "after": row_mapping.to_ms(asked.after),
        "until": row_mapping.to_ms(asked.until),
        "since": row_mapping.to_ms(asked.since),
        "within": asked.within // row_mapping.MILLISECOND,
    }
    row = session.execute(queries.SUCCESS_WANTED, parameters).fetchone()
    return None if row is None else row_mapping.execution(row)
