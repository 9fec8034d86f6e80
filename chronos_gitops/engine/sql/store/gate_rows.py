"""The gate of an execution in the ledger: the success that opens it is looked for where its row is changed."""

import json
from dataclasses import replace
from datetime import datetime

from chronos_gitops.engine import milliseconds
from chronos_gitops.engine.model import Execution, Gate, Reason, Status
from chronos_gitops.engine.requires import gate_document
from chronos_gitops.engine.requires.gates import GateCondition, Passage, looked, passage, wanted
from chronos_gitops.engine.sql.store import queries, row_mapping
from chronos_gitops.engine.sql.store.store import Session
from chronos_gitops.jobs.promises.requires import Requires


def look(
    session: Session, execution: Execution, gate: Gate, required: Requires, now: datetime, fence: int
) -> tuple[Passage, Execution] | None:
    """Next step of an execution at its gate, and the execution after this look. None when it is no longer pending or
    belongs to another runner."""
    seen = looked(gate, _success(session, wanted(gate, required, now)))
    does = passage(seen, required, now)
    after = replace(execution, requires=seen)
    changed = {"id": execution.id, "fence": fence, "requires": json.dumps(gate_document.document(seen))}
    if does is Passage.SKIP:
        after = replace(after, status=Status.SKIPPED, reason=Reason.REQUIRES, completed_at=now)
        is_written = session.execute(queries.SKIPPED_AT_GATE, changed | {"at": milliseconds.to_ms(now)}).rowcount == 1
    else:
        is_written = session.execute(queries.AT_GATE, changed).rowcount == 1
    return (does, after) if is_written else None


def _success(session: Session, asked: GateCondition) -> Execution | None:
    parameters = {
        "job": asked.job,
        "after": milliseconds.to_ms(asked.after),
        "until": milliseconds.to_ms(asked.until),
        "since": milliseconds.to_ms(asked.since),
        "within": asked.within // milliseconds.MILLISECOND,
    }
    row = session.execute(queries.SUCCESS_WANTED, parameters).fetchone()
    return None if row is None else row_mapping.execution(row)
