"""The newest executions of jobs are made of their rows once, and again when a row has changed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from chronos_gitops.engine.model import Execution, Status
from chronos_gitops.engine.sql.store import ledger
from chronos_gitops.engine.sql.store.row_mapping import KnownExecutions
from chronos_gitops.engine.sql.store.sqlite import SqliteStore

ROWS = """
INSERT INTO executions (id, job, tick, scheduled_at, trigger_kind, status, created_at)
VALUES ('1', 'a', 1, 1, 'schedule', 'running', 1), ('2', 'b', 1, 1, 'schedule', 'running', 1)
"""
LATER = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_row_that_is_as_it_was_is_the_same_object(data_folder: Path) -> None:
    store, known = SqliteStore(data_folder / "ledger.db"), KnownExecutions()

    def latest() -> Mapping[str, Execution]:
        return store.read(lambda session: ledger.latest(session, ["a", "b"], LATER, known))

    store.write(lambda session: session.execute(ROWS, {})).result()
    first, again = latest(), latest()
    assert again["a"] is first["a"]
    done = "UPDATE executions SET status = 'success', completed_at = 5, started_at = 2 WHERE id = '1'"
    store.write(lambda session: session.execute(done, {})).result()
    changed = latest()
    assert (changed["a"].status, changed["a"].duration_ms) == (Status.SUCCESS, 3)
    assert changed["b"] is first["b"]
    newer = ROWS.partition("VALUES")[0] + "VALUES ('3', 'a', 9, 9, 'schedule', 'pending', 9)"
    store.write(lambda session: session.execute(newer, {})).result()
    assert latest()["a"].id == "3"
    store.close()
