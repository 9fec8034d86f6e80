"""Outcomes by version are answered by an index, and counted as their rows would be."""

import random
from pathlib import Path
from typing import Any

from chronos_gitops.engine.answers.version_outcomes import EndedExecution, by_commit, of_groups
from chronos_gitops.engine.sql.store import ledger, queries
from chronos_gitops.engine.sql.store.dialect import sqlite
from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.engine.sql.store.store import Session

ROW = """
INSERT INTO executions
  (id, job, tick, scheduled_at, trigger_kind, status, created_at, started_at, completed_at, commit_id)
VALUES (:id, 'a', :at, :at, 'schedule', :status, :at, :started, :completed, :commit)
"""


def row(number: int, made: random.Random) -> dict[str, Any]:
    status = made.choice(["success", "success", "failed", "skipped", "cancelled", "pending"])
    started = None if status in ("skipped", "pending") else number
    completed = None if status == "pending" else number + made.randrange(1000)
    commit = made.choice(["c1", "c2", "c3", None])
    return {
        "id": str(number),
        "at": number,
        "status": status,
        "started": started,
        "completed": completed,
        "commit": commit,
    }


def test_the_database_counts_as_the_rows_are_counted(data_folder: Path) -> None:
    made = random.Random(7)
    rows = [row(number, made) for number in range(1, 500)]
    store = SqliteStore(data_folder / "ledger.db")

    def insert(session: Session) -> None:
        session.executemany(ROW, rows)

    store.write(insert).result()
    found = store.read(lambda session: ledger.ended_of_versions(session, "a"))
    expected = [
        EndedExecution(
            one["commit"],
            one["status"],
            one["at"],
            None if one["started"] is None else one["completed"] - one["started"],
        )
        for one in rows
        if one["commit"] is not None and one["status"] != "pending"
    ]
    assert of_groups(found, complete=True) == by_commit(expected, complete=True)
    store.close()


def test_no_row_is_read(data_folder: Path) -> None:
    store = SqliteStore(data_folder / "ledger.db")
    explained = f"EXPLAIN QUERY PLAN {sqlite(queries.ENDED_OF_VERSIONS)}"
    plan = store.read(lambda session: session.execute(explained, {"job": "a"}).fetchall())
    assert [one["detail"] for one in plan] == [
        "SEARCH executions USING COVERING INDEX executions_by_version (job=? AND commit_id>?)"
    ]
    store.close()


def test_the_last_success_is_one_step_in_an_index(data_folder: Path) -> None:
    """Without it the rows of ten thousand failures are read."""
    store = SqliteStore(data_folder / "ledger.db")
    explained = f"EXPLAIN QUERY PLAN {sqlite(queries.LAST_SUCCESS)}"
    plan = store.read(lambda session: session.execute(explained, {"job": "a", "until": 1}).fetchall())
    assert [one["detail"] for one in plan] == [
        "SEARCH executions USING INDEX executions_by_success (job=? AND completed_at<?)"
    ]
    store.close()
