"""A database that cannot be written, or that hangs: who owns the lease gives it up, says so, and stops in time."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import monotonic

import psycopg
import pytest
from harness.engine_harness import Seen, eventually, jobset
from harness.processes.replicas import Fleet, Sink
from harness.programs.postgres import Server
from psycopg import pq

from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.model import Status
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress, PostgresSession
from chronos_gitops.engine.sql.postgres.store import PostgresStore
from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.engine.sql.store.store import LEASE_S, Session, StoreError
from chronos_gitops.webhooks.attempt import Delivery
from chronos_gitops.webhooks.credentials.secrets import Secrets
from chronos_gitops.webhooks.transport.egress.egress import EgressPolicy, Level

ADD = "INSERT INTO definitions VALUES (:name, '{}')"


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    with sink.server:
        yield sink


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def fleet(server: Server, sink: Sink) -> Iterator[Fleet]:
    fleet = Fleet(server.url(), sink)
    yield fleet
    fleet.close()


@pytest.fixture
def admin(server: Server) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        yield connection


def in_pipeline(session: Session) -> None:
    """The state in which a connection is left that dies within a pipeline."""
    assert isinstance(session, PostgresSession)
    session._connection.pgconn.enter_pipeline_mode()
    raise psycopg.OperationalError("cannot exit pipeline mode while busy")


def in_failed_transaction(session: Session) -> None:
    session.execute("SELECT 1 / 0")


def in_pipeline_with_rows(session: Session) -> None:
    assert isinstance(session, PostgresSession)
    with session._connection.pipeline():
        for number in range(3):
            session.execute(ADD, {"name": f"p{number}"})
        raise psycopg.OperationalError("cut off")


def own_end(session: Session) -> None:
    session.executemany("SELECT pg_terminate_backend(pg_backend_pid()) WHERE :n >= 0", [{"n": n} for n in range(5)])


def other_error(session: Session) -> None:
    assert isinstance(session, PostgresSession)
    session._connection.pgconn.enter_pipeline_mode()
    raise ValueError("a defect of ours")


@pytest.mark.parametrize("fault", [in_pipeline, in_pipeline_with_rows, in_failed_transaction, own_end, other_error])
def test_after_any_error_the_next_write_and_the_next_read_work(
    postgres_url: str, fault: Callable[[Session], None]
) -> None:
    store = PostgresStore(DatabaseAddress(postgres_url), place="test")
    with pytest.raises((StoreError, ValueError)):
        store.write(fault).result(5)
    for name in "ab":
        store.write(lambda session, name=name: session.execute(ADD, {"name": name})).result(5)
    if fault is not own_end:
        with pytest.raises((StoreError, ValueError)):
            store.read(fault)
    found = store.read(lambda session: session.execute("SELECT digest FROM definitions ORDER BY digest").fetchall())
    assert [row["digest"] for row in found] == ["a", "b"]
    store.close()


@pytest.mark.timeout(90)
def test_who_cannot_write_for_a_lease_gives_it_up_and_another_one_goes_on(
    fleet: Fleet, admin: psycopg.Connection, sink: Sink
) -> None:
    """Takes ten seconds: a lease has to run out."""
    job = fleet.job("held", "/hold", schedule="@yearly", timeout="2m")
    one = fleet.start(job, lease_s=LEASE_S)
    assert one.health().liveness_failure == ""
    execution = one.trigger("held")
    eventually(lambda: len(sink.visits) == 1)
    # New connections can only read, while the lease's own goes on: the writer alone is hurt.
    admin.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
    mine = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'COMMIT%' AND pid <> pg_backend_pid()"
    admin.execute(f"SELECT pg_terminate_backend(pid) FROM ({mine}) AS writer".encode())
    with pytest.raises(StoreError):
        one.trigger("held")
    eventually(lambda: bool(one.health().liveness_failure), timeout=3 * LEASE_S)
    assert not one.health().ok
    eventually(lambda: admin.execute("SELECT count(*) FROM replicas").fetchone() == (0,), timeout=LEASE_S)
    assert one._store.replica.is_current is False
    owner = admin.execute("SELECT owner FROM executions WHERE id = %s", [execution.id]).fetchone()
    assert owner == (None,), "it is for others at once"
    admin.execute("ALTER DATABASE postgres RESET default_transaction_read_only")
    eventually(lambda: one.health().ok, timeout=3 * LEASE_S)
    assert one.health().liveness_failure == ""
    sink.release()


@pytest.mark.timeout(120)
def test_another_runner_takes_over_from_one_whose_connection_is_wedged(
    server: Server, fleet: Fleet, admin: psycopg.Connection, sink: Sink
) -> None:
    """The writer's connection is neither closed nor broken, and no new one can write, while that of the lease goes on.
    Takes ten seconds: a lease has to run out."""
    admin.execute("CREATE ROLE wedged LOGIN SUPERUSER")
    job = fleet.job("held", "/hold", schedule="@yearly", timeout="2m")
    one = fleet.start(job, url=server.url().replace("postgres@", "wedged@"), lease_s=LEASE_S)
    two = fleet.start(job, lease_s=LEASE_S)
    execution = one.trigger("held")
    eventually(lambda: len(sink.visits) == 1)
    admin.execute("ALTER ROLE wedged SET default_transaction_read_only = on")
    with pytest.raises(StoreError):
        one._store.write(in_pipeline).result(20)
    eventually(lambda: len(sink.visits) == 2, timeout=4 * LEASE_S)
    assert one.health().liveness_failure
    assert two.health().ok
    sink.release()
    eventually(lambda: two.execution(execution.id).execution.status is Status.SUCCESS)
    assert {visit.execution for visit in sink.visits} == {execution.id}
    admin.execute("ALTER ROLE wedged RESET default_transaction_read_only")
    eventually(lambda: one.health().ok, timeout=3 * LEASE_S)
    assert len(sink.visits) == 2


@pytest.mark.timeout(120)
def test_a_server_that_hangs_turns_the_runner_red_and_lets_it_stop(
    server: Server, fleet: Fleet, admin: psycopg.Connection, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    """Takes 15 seconds: a lease has to run out. COMMIT waits for a synchronous standby that is not there."""
    one, two = (fleet.start(fleet.job("tick"), lease_s=LEASE_S) for _ in range(2))
    eventually(lambda: len(sink.visits) > 1)
    hang(admin)
    began = monotonic()
    eventually(lambda: bool(one.health().liveness_failure), timeout=3 * LEASE_S)
    assert monotonic() - began < 2 * LEASE_S
    assert not one.health().ok
    eventually(lambda: any("not answer" in line for line in caplog.messages), timeout=LEASE_S)
    before = len(sink.visits)
    began = monotonic()
    fleet.stop(one, grace=6.0)
    assert monotonic() - began < 8.0
    assert len(sink.visits) == before
    connections = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").fetchone()
    assert connections is not None
    assert connections[0] < 6, "those that wait for a standby do not pile up"
    unhang(admin)
    eventually(lambda: two.health().ok and len(sink.visits) > before, timeout=4 * LEASE_S)
    assert two.health().liveness_failure == ""


def hang(admin: psycopg.Connection) -> None:
    admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    admin.execute("SELECT pg_reload_conf()")


def unhang(admin: psycopg.Connection) -> None:
    admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
    admin.execute("SELECT pg_reload_conf()")


@pytest.mark.timeout(60)
def test_the_embedded_ledger_that_cannot_be_written_fails_liveness_and_recovers(data_folder: Path, sink: Sink) -> None:
    """Takes some seconds: SQLite waits five for a lock."""
    path = data_folder / "ledger.db"
    engine = SqlEngine(
        lambda: SqliteStore(path, lease_s=1.0),
        delivery=lambda: Delivery(
            secrets=Secrets({}),
            egress=EgressPolicy(level=Level.INTERNAL, loopback_allowed=True),
            user_agent="chronos-gitops/test",
        ),
        clock=SystemClock(),
        observer=Seen(),
        random=Random(7),
    )
    engine.start()
    engine.apply(jobset(Fleet("", sink).job("tick")))
    eventually(lambda: len(sink.visits) > 0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    eventually(lambda: bool(engine.health().liveness_failure), timeout=15)
    before = len(sink.visits)
    assert not engine.health().ok
    eventually(lambda: "database is locked" in engine.health().liveness_failure, timeout=15)
    other.execute("ROLLBACK")
    other.close()
    eventually(lambda: engine.health().ok and len(sink.visits) > before, timeout=15)
    assert engine.health().liveness_failure == ""
    engine.stop(5)


def test_one_operation_that_always_fails_is_no_ledger_that_cannot_be_written(
    postgres_url: str, data_folder: Path
) -> None:
    for store in (PostgresStore(DatabaseAddress(postgres_url), place="test"), SqliteStore(data_folder / "ledger.db")):
        for _ in range(3):
            with pytest.raises(StoreError):
                store.write(lambda session: session.execute("SELECT nothing FROM nowhere")).result(5)
            assert store._watch.seconds == 0.0
        store.close()


def test_pipeline_status_is_what_decides(postgres_url: str) -> None:
    from chronos_gitops.engine.sql.postgres.connection import is_reusable

    connection = DatabaseAddress(postgres_url).connect()
    assert is_reusable(connection)
    connection.execute("BEGIN")
    assert is_reusable(connection)
    assert connection.info.transaction_status is pq.TransactionStatus.IDLE
    connection.pgconn.enter_pipeline_mode()
    assert not is_reusable(connection)
    connection.close()
