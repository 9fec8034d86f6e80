"""Properties of the embedded database alone: pages of garbage, and connections that cost memory."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.engine.sql.store.store import Session, StoreError

PAGE = 4096


def fill(session: Session) -> None:
    session.executemany(
        "INSERT INTO definitions (digest, document) VALUES (:digest, :document)",
        [{"digest": f"{number:064}", "document": "x" * 3000} for number in range(2000)],
    )


def count(session: Session) -> int:
    return len(session.execute("SELECT document FROM definitions").fetchall())


def test_garbage_in_pages_stops_what_is_sent_and_written(data_folder: Path) -> None:
    path = data_folder / "ledger.db"
    store = SqliteStore(path)
    try:
        store.write(fill).result(10)
        assert store.read(count) == 2000
        store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with path.open("r+b") as file:
            for page in range(1, path.stat().st_size // PAGE):
                file.seek(page * PAGE)
                file.write(b"\xa5" * PAGE)
        with pytest.raises(StoreError, match="malformed"):
            store.read(count)
        assert not store.replica.is_current, "nothing is sent"
        assert "is corrupt" in store.replica.lease_failure, "health and liveness are red"
        with pytest.raises(StoreError, match="is corrupt"):
            store.write(lambda session: session.execute("SELECT 1").fetchone()).result(10)
    finally:
        store.close()


def test_a_statement_that_is_wrong_is_no_damage(data_folder: Path) -> None:
    store = SqliteStore(data_folder / "ledger.db")
    with pytest.raises(StoreError):
        store.read(lambda session: session.execute("SELECT nothing FROM nowhere").fetchall())
    assert store.replica.is_current
    store.close()


def test_there_are_as_many_connections_as_read_at_once_each_with_a_small_cache(data_folder: Path) -> None:
    store = SqliteStore(data_folder / "ledger.db")
    for _ in range(20):
        with ThreadPoolExecutor(1) as one_thread:
            one_thread.submit(store.read, count).result(10)
    assert len(store._idle) == 1
    together = threading.Barrier(4)
    with ThreadPoolExecutor(4) as four:
        list(four.map(lambda _: store.read(lambda session: (count(session), together.wait(10))), range(4)))
    assert len(store._idle) == 4
    assert {connection.execute("PRAGMA cache_size").fetchone()[0] for connection in store._idle} == {-256}
    store.close()


def test_a_reader_cannot_write(data_folder: Path) -> None:
    store = SqliteStore(data_folder / "ledger.db")
    with pytest.raises(StoreError, match="readonly"):
        store.read(fill)
    store.close()
    with sqlite3.connect(data_folder / "ledger.db") as connection:
        assert connection.execute("SELECT count(*) FROM definitions").fetchone() == (0,)
    connection.close()
