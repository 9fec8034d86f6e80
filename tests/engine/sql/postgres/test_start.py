"""A start on PostgreSQL: what will not change ends it at once and by name, what may come is waited for, said once."""

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import psycopg
import pytest
from harness.engine_harness import eventually
from harness.pgbouncer import PgBouncer
from harness.postgres import Server
from harness.repository import Repository
from harness.subprocess_runner import PROGRAM

from chronos_gitops.engine.engine import NotRunning
from chronos_gitops.engine.sql.postgres.connection import Address
from chronos_gitops.engine.sql.postgres.store import PostgresStore
from chronos_gitops.engine.sql.store.store import Session, StoreError, StoreUnusable
from chronos_gitops.errors import UsageError


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_a_pooler_in_transaction_mode_is_refused_by_name(server: Server) -> None:
    for _ in range(5):
        with (
            PgBouncer(server, "transaction") as pooler,
            pytest.raises(StoreUnusable, match="transaction mode") as refused,
        ):
            PostgresStore(Address(pooler.url()), place="a")
        assert "pool_mode = session" in str(refused.value.hint)


def test_a_pooler_in_session_mode_will_do(server: Server) -> None:
    with PgBouncer(server, "session") as pooler:
        store = PostgresStore(Address(pooler.url()), place="a")
        assert store.write(lambda session: session.execute("SELECT 7 AS n").fetchone()).result(5) == {"n": 7}
        store.close()


def refused(server: Server, folder: Path) -> dict[str, tuple[str, str]]:
    """Addresses that will never do, and what is said of each."""
    (folder / "ca.pem").write_text("no certificate")
    base, limited = server.url(), server.url().replace("postgres@", "limited@")
    return {
        "options": (f"{base}?options=-c%20nothing.at_all.here%3D1%20-c%20wrong%3D2", "wrong"),
        "ca": (f"{base}?sslmode=verify-full&sslrootcert={folder}/ca.pem", "SSL|certificate"),
        "no tls": (f"{base}?sslmode=require", "SSL"),
        "role": (base.replace("postgres@", "nobody@"), "does not exist"),
        "database": (server.url("nothing"), "does not exist"),
        "rights": (limited, "permission denied|no schema"),
    }


@pytest.mark.parametrize("fault", ["options", "ca", "no tls", "role", "database", "rights"])
def test_what_will_not_change_ends_the_start_at_once(
    server: Server, tmp_path: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = 'limited'").fetchone() is None:
            admin.execute("CREATE ROLE limited LOGIN")
    url, words = refused(server, tmp_path)[fault]
    began = monotonic()
    with pytest.raises(StoreUnusable, match=words):
        PostgresStore(Address(url), place="a")
    assert monotonic() - began < 8
    assert caplog.messages == []


def test_an_option_that_libpq_does_not_know_is_named_without_the_address() -> None:
    with pytest.raises(UsageError, match='"colour"') as told:
        Address("postgresql://u:hunter2@127.0.0.1/db?colour=red")
    assert "hunter2" not in str(told.value)


def test_waiting_says_so_once_and_ends_when_the_runner_is_to_stop(caplog: pytest.LogCaptureFixture) -> None:
    stopping = threading.Event()
    threading.Timer(2.0, stopping.set).start()
    began = monotonic()
    with pytest.raises(NotRunning):
        PostgresStore(Address("postgresql://postgres@127.0.0.1:1/x"), place="a", is_stopping=stopping.is_set)
    assert monotonic() - began < 5
    assert caplog.messages == ["waiting for the database"]


def test_waiting_for_anothers_migration_says_so_and_is_per_schema(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = "hashtextextended('chronos-gitops schema ' || current_schema(), 0)"
    stopping = threading.Event()
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("CREATE SCHEMA elsewhere")
        other.execute(f"SELECT pg_advisory_lock({key})".encode())
        apart = PostgresStore(Address(f"{postgres_url}?options=-c%20search_path%3Delsewhere"), place="b")
        apart.close()
        assert caplog.messages == []
        threading.Timer(2.0, stopping.set).start()
        with pytest.raises(NotRunning):
            PostgresStore(Address(postgres_url), place="a", is_stopping=stopping.is_set)
    assert [line for line in caplog.messages if "migrates" in line] == [
        "waiting for another runner that migrates the schema"
    ]


@pytest.mark.timeout(60)
def test_sigterm_ends_a_runner_that_waits_for_its_database(tmp_path: Path) -> None:
    """Takes some seconds: a real process."""
    repository = Repository.init(tmp_path / "repo")
    repository.commit("Nothing yet")
    command = [*PROGRAM, "run", str(repository.root), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"]
    environ = {**os.environ, "CHRONOS_ENGINE": "postgresql://postgres@127.0.0.1:1/x"}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = ""
    while "waiting for the database" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    began = monotonic()
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0, said + rest
    assert monotonic() - began < 10
    assert "Traceback" not in said + rest


class Standby:
    """A copy of a server that follows it; ``promote`` makes it the primary."""

    def __init__(self, primary: Server) -> None:
        self.server = Server.copy_of(primary)

    def promote(self) -> None:
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_promote(true, 30)")


@pytest.mark.timeout(90)
def test_after_a_failover_nobody_reads_from_the_old_server() -> None:
    """The old primary lives on and shows what is old; the address leads to whichever server takes writes."""
    primary = Server()
    standby = Standby(primary)
    hosts = f"127.0.0.1:{standby.server.port},127.0.0.1:{primary.port}"
    address = Address(f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write")
    store = PostgresStore(address, place="a")
    try:
        add = "INSERT INTO definitions VALUES (:name, '{}')"
        store.write(lambda session: session.execute(add, {"name": "before"})).result(10)
        port = "SELECT inet_server_port() AS port"
        assert store.read(lambda session: session.execute(port).fetchone()) == {"port": primary.port}
        standby.promote()
        with psycopg.connect(primary.url(), autocommit=True) as old:
            old.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            old.execute("SELECT pg_reload_conf()")

        def after(session: Session) -> object:
            session.execute(f"{add} ON CONFLICT DO NOTHING", {"name": "after"})
            return session.execute(port).fetchone()

        def written() -> bool:
            """The reload reaches the old server's processes in their own time."""
            try:
                return bool(store.write(after).result(10) == {"port": standby.server.port})
            except StoreError:
                return False

        eventually(written)
        assert store.read(lambda session: session.execute(port).fetchone()) == {"port": standby.server.port}
        found = store.read(lambda session: session.execute("SELECT digest FROM definitions").fetchall())
        assert {row["digest"] for row in found} == {"before", "after"}
    finally:
        store.close()
        standby.server.close()
        primary.close()


@pytest.mark.timeout(60)
def test_a_standby_is_waited_on_and_not_used(caplog: pytest.LogCaptureFixture) -> None:
    primary = Server()
    standby = Standby(primary)
    stopping = threading.Event()
    threading.Timer(2.0, stopping.set).start()
    try:
        with pytest.raises(NotRunning), caplog.at_level(logging.WARNING):
            PostgresStore(Address(standby.server.url()), place="a", is_stopping=stopping.is_set)
        assert "standby" in str(caplog.records[0].__dict__["error"])
    finally:
        standby.server.close()
        primary.close()


def test_reading_connections_are_bounded_and_given_back(postgres_url: str) -> None:
    from chronos_gitops.engine.sql.postgres.readers import MOST

    store = PostgresStore(Address(postgres_url), place="a")
    most = [0]

    def count() -> int:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
            return 0 if row is None else int(row[0])

    def ask() -> None:
        store.read(lambda session: session.execute("SELECT pg_sleep(0.3)").fetchone())

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most[0] = max(most[0], count())
    assert most[0] <= MOST + 2
    assert count() <= 4, "the writer, the lease, and two that are idle"
    store.close()
