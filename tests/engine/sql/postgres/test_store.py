"""The ledger in PostgreSQL: nothing acknowledged is lost, limits on every wait, and a schema that only goes forward."""

import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from harness.clock import HandClock
from harness.engine_harness import eventually
from harness.programs.postgres import Server

from chronos_gitops.engine.clock import elapsed
from chronos_gitops.engine.sql.claiming import watermarks
from chronos_gitops.engine.sql.postgres.clock import DatabaseClock
from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress
from chronos_gitops.engine.sql.postgres.store import PostgresStore
from chronos_gitops.engine.sql.store import ledger
from chronos_gitops.engine.sql.store.store import Session, StoreAway, StoreError, StoreUnusable, migrations
from chronos_gitops.errors import UsageError


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(DatabaseAddress(postgres_url), place="test")
    yield store
    store.close()


def add(name: str) -> object:
    return lambda session: session.execute("INSERT INTO definitions VALUES (:name, '{}')", {"name": name})


def names(session: Session) -> list[str]:
    return [row["digest"] for row in session.execute("SELECT digest FROM definitions ORDER BY digest").fetchall()]


def test_operations_that_wait_share_one_commit(store: PostgresStore) -> None:
    gate = threading.Event()
    store.write(lambda _: gate.wait(5))
    number = "SELECT pg_current_xact_id()::text AS number"
    good = [store.write(lambda session: session.execute(number).fetchone()["number"]) for _ in range(20)]
    gate.set()
    assert len({future.result(5) for future in good}) == 1


def test_commits_are_synced_even_where_the_server_would_not(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = postgres_url.rpartition("/")[2]
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
    store = PostgresStore(DatabaseAddress(postgres_url), place="test")
    shown = store.write(lambda session: session.execute("SHOW synchronous_commit").fetchone()).result(5)
    assert shown == {"synchronous_commit": "on"}
    store.close()


def test_a_lost_connection_is_made_anew(store: PostgresStore, postgres_url: str) -> None:
    store.read(names)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert store.read(names) == []
    store.write(add("a")).result(5)
    assert store.read(names) == ["a"]


def test_a_server_that_only_reads_is_left_for_a_new_connection(store: PostgresStore) -> None:
    def who(session: Session) -> int:
        row = session.execute("SELECT pg_backend_pid() AS pid").fetchone()
        assert row is not None
        return int(row["pid"])

    def on_a_standby(session: Session) -> None:
        session.execute("SET LOCAL transaction_read_only = on")
        session.execute("INSERT INTO definitions VALUES ('a', '{}')")

    before = store.write(who).result(5)
    with pytest.raises(StoreAway, match="read-only"):
        store.write(on_a_standby).result(5)
    assert store.write(who).result(5) != before


def test_while_it_is_away_every_question_fails_at_once_and_then_works_again() -> None:
    server = Server()
    store = PostgresStore(DatabaseAddress(server.url()), place="test")
    server.stop(signal.SIGQUIT)
    with pytest.raises(StoreAway, match="does not answer"):
        store.write(add("a")).result(10)
    with pytest.raises(StoreAway, match="does not answer"):
        store.read(names)
    server.start()

    def written() -> bool:
        try:
            store.write(add("b")).result(10)
        except StoreError:
            return False
        return True

    eventually(written)
    assert store.read(names) == ["b"]
    store.close()
    server.close()


def test_a_newer_schema_is_refused_and_the_last_step_is_written_down(store: PostgresStore, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        found = connection.execute("SELECT number FROM schema_version ORDER BY number").fetchall()
        assert [number for (number,) in found] == sorted(migrations("postgres"))
        connection.execute("INSERT INTO schema_version VALUES (99)")
    with pytest.raises(StoreUnusable, match="newer chronos-gitops"):
        PostgresStore(DatabaseAddress(postgres_url), place="other")


def test_many_first_starts_at_once_make_one_schema(postgres_url: str) -> None:
    stores: list[PostgresStore] = []

    def begin(number: int) -> None:
        stores.append(PostgresStore(DatabaseAddress(postgres_url), place=str(number)))

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(stores) == 6
    assert len(stores[0].write(stores[0].replica.live).result(5)) == 6
    for store in stores:
        store.close()


def test_an_address_is_shown_without_its_password_and_one_that_means_nothing_not_at_all() -> None:
    address = DatabaseAddress("postgresql://chronos:hunter2@db.example.com:5433/jobs?sslmode=verify-full")
    assert str(address) == "PostgreSQL at db.example.com:5433/jobs"
    for wrong in ("postgresql://chronos:hunter2@db:port/jobs?nonsense", "postgresql://a:hunter2@[::1/x"):
        with pytest.raises(UsageError) as refused:
            DatabaseAddress(wrong)
        assert "hunter2" not in f"{refused.value}{refused.value.__cause__}"


def test_the_clock_follows_the_database_and_no_step_of_the_machine() -> None:
    machine = HandClock(datetime(2020, 1, 1, tzinfo=UTC))
    clock = DatabaseClock(machine)
    assert clock.now() == machine.now(), "nothing better is known yet"
    clock.set(datetime(2026, 3, 2, 12, tzinfo=UTC), elapsed())
    machine._now += timedelta(days=400)
    assert timedelta(0) <= clock.now() - datetime(2026, 3, 2, 12, tzinfo=UTC) < timedelta(seconds=5)
    slow, real = clock.now() - timedelta(milliseconds=40), clock.now() - timedelta(hours=1)
    before = clock.now()
    clock.set(slow, elapsed(), within=timedelta(milliseconds=100))
    assert clock.now() >= before, "a slow answer does not turn it back"
    clock.set(real, elapsed(), within=timedelta(milliseconds=100))
    assert clock.now() < before - timedelta(minutes=59), "a step of the database's clock does"


def test_a_watermark_that_another_runner_has_moved_is_not_locked(store: PostgresStore) -> None:
    """One that lies ahead is: it is to be taken back to now."""
    now = datetime(2026, 3, 2, tzinfo=UTC)
    moved = {"same": now, "decided": now + timedelta(minutes=1), "ahead": now + timedelta(hours=8)}
    marks = [watermarks.Watermark(name, "* * * * *", "UTC", at) for name, at in moved.items()]
    store.write(lambda session: watermarks.set_watermarks(session, marks)).result(5)
    known = dict.fromkeys(moved, now)
    assert set(store.write(lambda session: watermarks.hold_due(session, known, now, 10)).result(5)) == {"same", "ahead"}


def test_a_due_job_is_left_to_the_runner_that_it_belongs_to_for_a_tenth_of_a_second(
    store: PostgresStore, postgres_url: str
) -> None:
    other = PostgresStore(DatabaseAddress(postgres_url), place="other")
    for each in (store, other):
        each.write(lambda session, each=each: each.replica.join(session, None)).result(5)
    due = datetime(2026, 3, 2, 12, 0, 0, 7000, tzinfo=UTC)
    waits = [
        sorted(each.replica.decides_at(f"job-{number}", due) - due for each in (store, other)) for number in range(200)
    ]
    assert {first for first, _ in waits} == {timedelta(0)}
    assert {second for _, second in waits} == {timedelta(milliseconds=93)}
    shares = [store.replica.decides_at(f"job-{number}", due) == due for number in range(200)]
    assert 60 < sum(shares) < 140
    other.close()


def test_a_watermark_that_one_decides_over_is_left_out_for_the_other(store: PostgresStore, postgres_url: str) -> None:
    marks = [watermarks.Watermark(name, "* * * * *", "UTC", datetime(2026, 3, 2, tzinfo=UTC)) for name in ("a", "b")]
    store.write(lambda session: watermarks.set_watermarks(session, marks)).result(5)
    other = PostgresStore(DatabaseAddress(postgres_url), place="other")
    decides, go_on = threading.Event(), threading.Event()

    def decide(session: Session) -> None:
        watermarks.hold(session, "a")
        decides.set()
        go_on.wait(5)

    deciding = store.write(decide)
    assert decides.wait(5)
    now = marks[0].at
    known = dict.fromkeys(("a", "b", "c"), now)
    held = other.write(lambda session: watermarks.hold_due(session, known, now, 10)).result(5)
    assert set(held) == {"b"}
    assert set(other.write(lambda session: watermarks.read(session, ["a", "c"])).result(5)) == {"a"}
    go_on.set()
    deciding.result(5)
    assert set(other.write(lambda session: watermarks.hold_due(session, known, now, 1)).result(5)) == {"a"}
    assert other.read(lambda session: ledger.pauses(session)) == {}
    other.close()
