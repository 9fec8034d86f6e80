"""A start on PostgreSQL: what will not change ends it at once and by name, what may come is waited for, said once."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import monotonic

import psycopg
import pytest
from harness.engine_harness import Seen
from harness.machine.namespaces import unshare
from harness.processes.subprocess_runner import PROGRAM
from harness.programs.pgbouncer import PgBouncer
from harness.programs.postgres import Server
from harness.programs.tcp_proxy import Proxy
from harness.repositories.repository import Repository

from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.engine import NotRunning
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress
from chronos_gitops.engine.sql.postgres.store import PostgresStore
from chronos_gitops.engine.sql.store.store import StoreUnusable
from chronos_gitops.errors import UsageError
from chronos_gitops.webhooks.attempt import Delivery


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
            PostgresStore(DatabaseAddress(pooler.url()), place="a")
        assert "pool_mode = session" in str(refused.value.hint)


def test_a_pooler_in_session_mode_will_do(server: Server) -> None:
    with PgBouncer(server, "session") as pooler:
        store = PostgresStore(DatabaseAddress(pooler.url()), place="a")
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
        PostgresStore(DatabaseAddress(url), place="a")
    assert monotonic() - began < 8
    assert caplog.messages == []


def test_an_option_that_libpq_does_not_know_is_named_without_the_address() -> None:
    with pytest.raises(UsageError, match='"colour"') as told:
        DatabaseAddress("postgresql://u:hunter2@127.0.0.1/db?colour=red")
    assert "hunter2" not in str(told.value)


def test_waiting_says_so_once_and_ends_when_the_runner_is_to_stop(caplog: pytest.LogCaptureFixture) -> None:
    stopping = threading.Event()
    threading.Timer(2.0, stopping.set).start()
    began = monotonic()
    with pytest.raises(NotRunning):
        PostgresStore(DatabaseAddress("postgresql://postgres@127.0.0.1:1/x"), place="a", is_stopping=stopping.is_set)
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
        apart = PostgresStore(DatabaseAddress(f"{postgres_url}?options=-c%20search_path%3Delsewhere"), place="b")
        apart.close()
        assert caplog.messages == []
        threading.Timer(2.0, stopping.set).start()
        with pytest.raises(NotRunning):
            PostgresStore(DatabaseAddress(postgres_url), place="a", is_stopping=stopping.is_set)
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


RESOLVERS = {
    "no such name": ("hosts: files", "Name or service not known"),
    "no answer": ("hosts: dns", "Temporary failure in name resolution"),
}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("resolver", RESOLVERS)
def test_a_host_that_does_not_exist_ends_the_start_and_a_resolver_that_is_away_is_waited_for(
    tmp_path: Path, resolver: str
) -> None:
    """Before, a wrong host name was waited for, for 10 s. Real processes in a network that has nothing, with their own
    /etc/nsswitch.conf."""
    switch, words = RESOLVERS[resolver]
    repository = Repository.init(tmp_path / "repo")
    repository.write_job("a")
    repository.commit()
    (tmp_path / "nsswitch.conf").write_text(f"{switch}\n")
    mounted = ("sh", "-c", 'mount --bind "$0" /etc/nsswitch.conf && exec "$@"', str(tmp_path / "nsswitch.conf"))
    command = [*PROGRAM, "run", str(repository.root), "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*unshare("--mount", "--net"), *mounted, *command],
        env={**os.environ, "CHRONOS_ENGINE": "postgresql://postgres@database.example/x"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    while words not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    assert ("waiting for the database" in said) == (resolver == "no answer")
    if resolver == "no answer":
        process.terminate()
    assert process.wait(60) == (0 if resolver == "no answer" else 1)
    process.stdout.close()


def test_a_connection_that_is_lost_within_a_start_is_made_again(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Before, the start ended with "check the address, the user and its rights"."""
    with psycopg.connect(server.url(), autocommit=True) as admin, Proxy(server.port) as proxy:
        key = "hashtextextended('chronos-gitops schema ' || current_schema(), 0)"
        admin.execute(f"SELECT pg_advisory_lock({key})".encode())
        threading.Timer(1.0, proxy.cut).start()
        threading.Timer(2.5, lambda: admin.execute("SELECT pg_advisory_unlock_all()")).start()
        store = PostgresStore(DatabaseAddress(f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres"), place="a")
        assert store.write(lambda session: session.execute("SELECT 7 AS n").fetchone()).result(10) == {"n": 7}
        store.close()
    assert "waiting for the database" in caplog.messages


def test_a_start_that_failed_can_be_stopped_again_and_again(postgres_url: str) -> None:
    """Before, what was raised was "Bad file descriptor" or "cannot join thread", and not why it failed."""

    def delivery() -> Delivery:
        raise UsageError("no webhooks here")

    engine = SqlEngine(
        lambda: PostgresStore(DatabaseAddress(postgres_url), place="a"),
        delivery=delivery,
        clock=SystemClock(),
        observer=Seen(),
        random=Random(7),
    )
    with pytest.raises(UsageError, match="no webhooks here"):
        engine.start()
    engine.stop()
    engine.stop()
    store = PostgresStore(DatabaseAddress(postgres_url), place="a")
    store.close()
    store.close()


def test_reading_connections_are_bounded_and_given_back(postgres_url: str) -> None:
    from chronos_gitops.engine.sql.postgres.readers import MOST

    store = PostgresStore(DatabaseAddress(postgres_url), place="a")
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
