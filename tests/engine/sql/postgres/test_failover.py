"""Debian's PostgreSQL as teams run it: a primary, a standby that streams from it, and a failover."""

import logging
import signal
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from harness.engine_harness import eventually
from harness.processes.subprocess_runner import Runner
from harness.programs.postgres import Server, debian_programs
from harness.repositories.repository import Repository

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.engine import NotRunning
from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress
from chronos_gitops.engine.sql.postgres.store import PostgresStore
from chronos_gitops.engine.sql.store.store import Session, StoreError


@pytest.fixture
def primary() -> Iterator[Server]:
    server = Server(programs=debian_programs())
    yield server
    server.close()


@pytest.fixture
def standby(primary: Server) -> Iterator[Server]:
    server = Server.copy_of(primary)
    yield server
    server.close()


def both(primary: Server, standby: Server) -> str:
    """The standby first, so that whoever takes any server reads there."""
    hosts = f"127.0.0.1:{standby.port},127.0.0.1:{primary.port}"
    return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"


@pytest.mark.timeout(90)
def test_after_a_failover_nobody_reads_from_the_old_server(primary: Server, standby: Server) -> None:
    """The old primary lives on and shows what is old; the address leads to whichever server takes writes."""
    hosts = f"127.0.0.1:{standby.port},127.0.0.1:{primary.port}"
    address = DatabaseAddress(f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write")
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
                return bool(store.write(after).result(10) == {"port": standby.port})
            except StoreError:
                return False

        eventually(written)
        assert store.read(lambda session: session.execute(port).fetchone()) == {"port": standby.port}
        found = store.read(lambda session: session.execute("SELECT digest FROM definitions").fetchall())
        assert {row["digest"] for row in found} == {"before", "after"}
    finally:
        store.close()


@pytest.mark.timeout(60)
def test_a_standby_is_waited_on_and_not_used(standby: Server, caplog: pytest.LogCaptureFixture) -> None:
    stopping = threading.Event()
    threading.Timer(2.0, stopping.set).start()
    with pytest.raises(NotRunning), caplog.at_level(logging.WARNING):
        PostgresStore(DatabaseAddress(standby.url()), place="a", is_stopping=stopping.is_set)
    assert "standby" in str(caplog.records[0].__dict__["error"])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("old_server", ["dead", "back as a standby"])
def test_two_runners_go_on_after_a_failover(tmp_path: Path, primary: Server, standby: Server, old_server: str) -> None:
    """The primary dies at once, its synchronous standby is promoted: no tick is lost, none is sent with two keys, and
    what is read is new. Takes half a minute: a lease has to run out."""
    synchronous(primary)
    with Receiver() as receiver:
        checkout = Repository.init(tmp_path / "checkout")
        checkout.write("jobs/tick.yaml", TICK.format(url=receiver.url()))
        checkout.commit("A job")
        environ = {"CHRONOS_ENGINE": both(primary, standby)}
        with (
            Runner(str(checkout.root), data=tmp_path / "one", environ=environ) as one,
            Runner(str(checkout.root), data=tmp_path / "two", environ=environ) as two,
        ):
            assert receiver.wait_for(4, 60)
            for runner in (one, two):
                runner.get("/executions?limit=5")  # its reader stays open on the server that dies
            primary.stop(signal.SIGQUIT)
            standby.promote()
            with psycopg.connect(standby.url(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
                connection.execute("SELECT pg_reload_conf()")
            if old_server == "back as a standby":
                primary.start_as_standby()
            sent = len(receiver.requests)
            assert receiver.wait_for(sent + 4, 90)
            newest = receiver.requests[-1].execution_id
            for runner in (one, two):
                runner.until("/executions?limit=1", lambda page: page["items"][0]["scheduled_time"] >= "2026")
                runner.until(f"/executions/{newest}", lambda found: found["id"] == newest, timeout=30)
                runner.until("/sync", lambda _, r=runner: r.client.get(f"{r.address}/readyz").status_code == 200, 60)
            keys: dict[str | None, set[str | None]] = defaultdict(set)
            for request in receiver.requests:
                keys.setdefault(request.header("X-Chronos-Scheduled-Time"), set()).add(
                    request.header("Idempotency-Key")
                )
            assert max(map(len, keys.values())) == 1
            rows = one.get("/executions?limit=1000")["items"]
            assert {request.execution_id for request in receiver.requests} <= {row["id"] for row in rows}
            if old_server == "back as a standby":
                with psycopg.connect(primary.url(), autocommit=True) as old:
                    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chronos-gitops'"
                    eventually(lambda: old.execute(ours).fetchone() == (0,))


TICK = """\
name: tick
schedule: "@every 1s"
enabled: true
missed_run_policy: execute_all
concurrency: allow
webhook:
  url: {url}
"""


def synchronous(primary: Server) -> None:
    """A COMMIT is on both servers."""
    with psycopg.connect(primary.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        connection.execute("SELECT pg_reload_conf()")
