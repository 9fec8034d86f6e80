"""Writes of the engine's loop through a real store: batched, or at once where one is urgent."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.engine.sql.store.store import Operation, Session, StoreError
from chronos_gitops.engine.sql.write_batcher import WriteBatcher


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "ledger.db")
    yield opened
    opened.close()


def add(name: str) -> Operation[str]:
    def operation(session: Session) -> str:
        session.execute("INSERT INTO definitions VALUES (:name, '{}')", {"name": name})
        return name

    return operation


def names(session: Session) -> list[str]:
    return [row["digest"] for row in session.execute("SELECT digest FROM definitions ORDER BY digest").fetchall()]


def test_what_does_not_hurry_leaves_along_with_what_does(store: SqliteStore) -> None:
    async def talk() -> None:
        outbox = WriteBatcher(store)
        patient = [outbox.write_soon(add(name)) for name in "ab"]
        assert store.read(names) == []
        assert await outbox.write(names) == ["a", "b"]
        assert [answer.result() for answer in patient] == ["a", "b"]

    asyncio.run(talk())


def test_what_does_not_hurry_leaves_by_itself_after_a_moment(store: SqliteStore) -> None:
    async def talk() -> str:
        return await asyncio.wait_for(WriteBatcher(store).write_soon(add("a")), 10)

    assert asyncio.run(talk()) == "a"
    assert store.read(names) == ["a"]


def test_a_bad_operation_fails_alone(store: SqliteStore) -> None:
    async def talk() -> None:
        outbox = WriteBatcher(store)
        bad = outbox.write_soon(lambda session: session.execute("INSERT INTO nowhere VALUES (1)"))
        good = outbox.write_soon(add("a"))
        assert await outbox.write(add("b")) == "b"
        assert await good == "a"
        with pytest.raises(StoreError, match="nowhere"):
            await bad

    asyncio.run(talk())
    assert store.read(names) == ["a", "b"]


def test_who_stops_waiting_does_not_stop_the_operation(store: SqliteStore) -> None:
    async def talk() -> None:
        outbox = WriteBatcher(store)
        outbox.write_soon(add("a")).cancel()
        assert await outbox.write(add("b")) == "b"

    asyncio.run(talk())
    assert store.read(names) == ["a", "b"]


def test_what_waits_when_the_loop_ends_is_written_all_the_same(store: SqliteStore) -> None:
    async def talk() -> None:
        outbox = WriteBatcher(store)
        outbox.write_soon(add("a"))
        outbox.flush()

    asyncio.run(talk())
    store.write(lambda _: None).result(10)
    assert store.read(names) == ["a"]
