"""A start whose ledger is there and cannot be written: it waits and says so, and ends when it is asked to."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psycopg
import pytest
from harness.engine_harness import Seen, eventually
from harness.programs.postgres import Server

from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.engine import NotRunning
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress
from chronos_gitops.engine.sql.postgres.store import PostgresStore
from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.engine.sql.store.store import Store
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy, Level


class LockedLedger:
    """Opened, and then locked by another process's transaction, as by a backup."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_stopping = False
        self._other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def open(self) -> Store:
        store = SqliteStore(self.path)
        self._other.execute("BEGIN IMMEDIATE")
        return store

    def unlock(self) -> None:
        self._other.execute("ROLLBACK")

    def close(self) -> None:
        self._other.close()


@pytest.fixture
def ledger(data_folder: Path) -> Iterator[LockedLedger]:
    with contextlib.closing(LockedLedger(data_folder / "ledger.db")) as ledger:
        yield ledger


def engine_on(ledger: LockedLedger) -> SqlEngine:
    return SqlEngine(
        ledger.open,
        delivery=delivery,
        clock=SystemClock(),
        observer=Seen(),
        random=Random(7),
        is_stopping=lambda: ledger.is_stopping,
    )


def delivery() -> Delivery:
    return Delivery(secrets=Secrets({}), egress=EgressPolicy(level=Level.PUBLIC), user_agent="chronos-gitops/test")


def starting(engine: SqlEngine, ends: list[str]) -> threading.Thread:
    def start() -> None:
        try:
            engine.start()
            ends.append("started")
        except NotRunning:
            ends.append("not running")

    thread = threading.Thread(target=start)
    thread.start()
    return thread


@pytest.mark.timeout(60)
def test_a_start_waits_for_a_ledger_that_is_locked(ledger: LockedLedger, caplog: pytest.LogCaptureFixture) -> None:
    """Before, it exited with 1. Takes some seconds: SQLite waits five for a lock."""
    engine, ends = engine_on(ledger), list[str]()
    thread = starting(engine, ends)
    eventually(lambda: "the start waits for the ledger" in engine.health().detail, timeout=20)
    assert "database is locked" in engine.health().detail
    assert not engine.health().ok
    assert engine.health().liveness_failure == ""
    assert ends == []
    ledger.unlock()
    thread.join(20)
    assert ends == ["started"]
    eventually(lambda: engine.health().ok, timeout=20)
    assert sum("the start waits for the ledger" in message for message in caplog.messages) == 1
    engine.stop(5)


@pytest.mark.timeout(60)
def test_a_start_that_waits_for_its_ledger_can_be_stopped(
    ledger: LockedLedger, caplog: pytest.LogCaptureFixture
) -> None:
    engine, ends = engine_on(ledger), list[str]()
    thread = starting(engine, ends)
    eventually(lambda: "the start waits for the ledger" in engine.health().detail, timeout=20)
    ledger.is_stopping = True
    thread.join(20)
    assert ends == ["not running"]
    assert not any(record.exc_info for record in caplog.records)
    ledger.unlock()


@pytest.mark.timeout(60)
def test_a_start_whose_connection_is_lost_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """PostgreSQL ends every connection once the store is open."""
    with contextlib.closing(Server()) as server, psycopg.connect(server.url(), autocommit=True) as admin:

        def open_store() -> Store:
            store = PostgresStore(DatabaseAddress(server.url()), place="test")
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            return store

        engine = SqlEngine(open_store, delivery=delivery, clock=SystemClock(), observer=Seen(), random=Random(7))
        engine.start()
        eventually(lambda: engine.health().ok, timeout=30)
        engine.stop(5)
