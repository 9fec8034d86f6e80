"""A ledger of each earlier version becomes today's, with everything that was in it."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from harness.engine_harness import NOON

from chronos_gitops.engine.model import ExecutionQuery, Status
from chronos_gitops.engine.sql.claiming import watermarks
from chronos_gitops.engine.sql.store import ledger
from chronos_gitops.engine.sql.store.sqlite import SqliteStore as Store
from chronos_gitops.engine.sql.store.store import Session, migrations

STEPS = migrations("sqlite")


def written_by(version: int, path: Path) -> None:
    connection = sqlite3.connect(path)
    for number in sorted(number for number in STEPS if number <= version):
        connection.executescript(STEPS[number])
    connection.execute(f"PRAGMA user_version = {version}")
    row = {"id": "'one'", "job": "'daily-backup'", "trigger_kind": "'schedule'", "status": "'success'"}
    row |= dict.fromkeys(("tick", "scheduled_at", "created_at", "started_at"), "7") | {"completed_at": "9"}
    connection.execute(f"INSERT INTO executions ({', '.join(row)}) VALUES ({', '.join(row.values())})")
    connection.execute("INSERT INTO attempts (execution, number, started_at, duration_ms) VALUES ('one', 1, 7, 2)")
    pause = ("daily-backup", "moving house", "ada", 7)
    connection.execute("INSERT INTO pauses (job, reason, paused_by, paused_at) VALUES (?, ?, ?, ?)", pause)
    mark = ("daily-backup", "0 2 * * *", "UTC", 7)
    connection.execute("INSERT INTO watermarks (job, schedule, timezone, watermark) VALUES (?, ?, ?, ?)", mark)
    connection.commit()
    connection.close()


def test_work_that_waits_for_a_callback_gets_the_status_that_earlier_releases_leave_alone(data_folder: Path) -> None:
    written_by(8, data_folder / "old.db")
    with sqlite3.connect(data_folder / "old.db") as connection:
        connection.execute("UPDATE executions SET status = 'running', callback_deadline = 9")
    connection.close()
    store = Store(data_folder / "old.db")
    row = store.read(lambda session: session.execute("SELECT status FROM executions").fetchone())
    assert row is not None
    assert row["status"] == "waiting"
    [execution] = store.read(lambda session: ledger.executions(session, ExecutionQuery(statuses=(Status.RUNNING,))))
    assert (execution.status, execution.waiting_for) == (Status.RUNNING, "callback")
    store.close()


def shape(connection: Session) -> list[tuple[str, str]]:
    return [tuple(row) for row in connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name")]


def test_the_steps_are_numbered_without_gaps() -> None:
    assert sorted(STEPS) == list(range(1, len(STEPS) + 1))


@pytest.mark.parametrize("version", sorted(STEPS))
def test_a_ledger_of_each_version_becomes_todays(version: int, data_folder: Path) -> None:
    written_by(version, data_folder / "old.db")
    migrated, fresh = Store(data_folder / "old.db"), Store(data_folder / "fresh.db")
    assert migrated.read(shape) == fresh.read(shape)
    detail = migrated.read(lambda connection: ledger.execution(connection, "one"))
    assert detail is not None
    assert (detail.execution.duration_ms, len(detail.attempts)) == (2, 1)
    assert detail.attempts[0].phases is None
    assert migrated.read(ledger.pauses)["daily-backup"].by == "ada"
    assert set(migrated.read(watermarks.hold_all)) == {"daily-backup"}
    migrated.write(lambda connection: ledger.end_pause(connection, "daily-backup", NOON + timedelta(hours=1))).result(5)
    assert migrated.read(ledger.pauses) == {}
    migrated.close()
    fresh.close()
