"""The ledger: nothing acknowledged is lost, and a file that is not right is named, never recreated."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path

import pytest

from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress
from chronos_gitops.engine.sql.postgres.store import PostgresStore
from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.engine.sql.store.store import Operation, Session, Store, StoreError, StoreUnusable, migrations


@pytest.fixture
def path(data_folder: Path) -> Path:
    return data_folder / "ledger.db"


def add(name: str) -> Operation[object]:
    return lambda connection: connection.execute("INSERT INTO definitions VALUES (:name, '{}')", {"name": name})


def names(connection: Session) -> list[str]:
    return [row["digest"] for row in connection.execute("SELECT digest FROM definitions ORDER BY digest")]


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, path: Path) -> Callable[[], Store]:
    """Opens the same ledger each time it is called."""
    if request.param == "sqlite":
        return lambda: SqliteStore(path)
    address = DatabaseAddress(request.getfixturevalue("postgres_url"))
    return lambda: PostgresStore(address, place="test")


def test_what_was_acknowledged_is_there_after_reopening(opened: Callable[[], Store]) -> None:
    store = opened()
    store.write(add("a")).result(5)
    store.close()
    again = opened()
    assert again.read(names) == ["a"]
    again.close()


def test_operations_that_wait_share_one_commit(path: Path) -> None:
    store = SqliteStore(path)
    opened = store.write(lambda connection: connection.execute("SELECT total_changes()").fetchone()[0]).result(5)
    gate = threading.Event()
    first = store.write(lambda _: gate.wait(5))
    rest = [store.write(add(f"{number:03}")) for number in range(200)]
    before = store.write(lambda connection: connection.execute("SELECT total_changes()").fetchone()[0])
    gate.set()
    assert first.result(5)
    wait(rest, 5)
    assert before.result(5) - opened == 200
    assert len(store.read(names)) == 200
    store.close()


def test_a_bad_operation_fails_alone(opened: Callable[[], Store]) -> None:
    store = opened()
    gate = threading.Event()
    store.write(lambda _: gate.wait(5))
    good = [store.write(add("a")), store.write(add("b"))]
    bad = store.write(lambda connection: connection.execute("INSERT INTO nowhere VALUES (1)"))
    good.append(store.write(add("c")))
    gate.set()
    with pytest.raises(StoreError, match="nowhere"):
        bad.result(5)
    wait(good, 5)
    assert store.read(names) == ["a", "b", "c"]
    store.close()


def test_readers_cannot_write(opened: Callable[[], Store]) -> None:
    store = opened()
    with pytest.raises(StoreError, match=r"read-?only"):
        store.read(add("a"))
    store.close()


def test_commits_are_synced(path: Path) -> None:
    store = SqliteStore(path)
    settings = [
        store.write(lambda connection, name=name: connection.execute(f"PRAGMA {name}").fetchone()[0]).result(5)
        for name in ("journal_mode", "synchronous", "foreign_keys")
    ]
    assert settings == ["wal", 2, 1]
    store.close()


@pytest.mark.parametrize("content", [b"this is not a database, it is prose" * 100, b"\x00" * 4096])
def test_a_corrupt_file_is_named_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreUnusable, match=r"ledger\.db"):
        SqliteStore(path)
    assert path.read_bytes() == content


def test_flipped_bytes_are_noticed(path: Path) -> None:
    store = SqliteStore(path)
    wait([store.write(add(f"{number:0500}")) for number in range(200)], 5)
    store.close()
    content = bytearray(path.read_bytes())
    content[8192:16384] = b"\xff" * 8192
    path.write_bytes(bytes(content))
    with pytest.raises(StoreUnusable):
        SqliteStore(path)


def test_a_newer_schema_is_refused(path: Path) -> None:
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreUnusable, match="newer chronos-gitops"):
        SqliteStore(path)


def test_the_schema_has_the_number_of_its_last_step(path: Path) -> None:
    store = SqliteStore(path)
    assert store.read(lambda connection: connection.execute("PRAGMA user_version").fetchone()[0]) == max(
        migrations("sqlite")
    )
    store.close()


def test_a_folder_that_cannot_be_written_is_named(path: Path) -> None:
    with pytest.raises(StoreUnusable, match="nowhere"):
        SqliteStore(path.parent / "nowhere" / "ledger.db")
