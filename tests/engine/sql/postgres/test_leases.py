"""Leases of runners in PostgreSQL: who is taken for dead, and who notices that it was."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest
from harness.engine_harness import eventually

from chronos_gitops.engine.sql.postgres import leases
from chronos_gitops.engine.sql.postgres.connection import Connection, DatabaseAddress, PostgresSession
from chronos_gitops.engine.sql.postgres.migrate import migrate
from chronos_gitops.engine.sql.postgres.replica import PostgresReplica
from chronos_gitops.engine.sql.store.store import Session
from chronos_gitops.engine.sql.write_watchdog import WriteWatch

OWNED = """
INSERT INTO executions (id, job, scheduled_at, trigger_kind, status, created_at, attempts, ticks, fence, owner)
VALUES ('e', 'job', 0, 'manual', 'running', 0, 0, 1, 0, 'one')
"""
OWNER = "SELECT owner, fence FROM executions WHERE id = 'e'"


@pytest.fixture
def connect(postgres_url: str) -> Iterator[Callable[[], Connection]]:
    """Connections as runners have them, on a ledger where runner ``one`` runs one execution."""
    opened: list[Connection] = []

    def connection() -> Connection:
        opened.append(DatabaseAddress(postgres_url).connect())
        return opened[-1]

    with closing(DatabaseAddress(postgres_url).connect()) as first:
        migrate(first, "here")
        first.execute(OWNED)
    yield connection
    for each in opened:
        each.close()


def take_over(connection: Connection, me: str) -> int:
    with connection.transaction():
        return leases.take_over(PostgresSession(connection), me, orphans_only=False)


def enter(connection: Connection, me: str, lease_s: float) -> None:
    leases.enter(PostgresSession(connection), me, me, None, lease_s)


def lease_is_over(connection: Connection, me: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM replicas WHERE id = %s AND lease_until < extract(epoch FROM clock_timestamp()) * 1000", [me]
    )
    return found.fetchone() is not None


def test_what_a_dead_runner_had_goes_to_one_that_lives_and_a_dead_one_cannot_renew(
    connect: Callable[[], Connection],
) -> None:
    one, two = connect(), connect()
    enter(one, "one", 0.2)
    enter(two, "two", 60)
    assert take_over(two, "two") == 0
    eventually(lambda: lease_is_over(two, "one"))
    assert take_over(two, "two") == 1
    assert two.execute(OWNER).fetchone() == {"owner": "two", "fence": 1}
    assert not leases.renew(PostgresSession(one), "one", 60)


def test_a_renewal_in_time_that_is_not_committed_yet_is_no_death(connect: Callable[[], Connection]) -> None:
    one, two = connect(), connect()
    enter(one, "one", 0.3)
    enter(two, "two", 60)
    with one.transaction():
        assert leases.renew(PostgresSession(one), "one", 60)
        eventually(lambda: lease_is_over(two, "one"))
        assert take_over(two, "two") == 0
    assert take_over(two, "two") == 0
    assert two.execute(OWNER).fetchone() == {"owner": "one", "fence": 0}


def test_a_runner_takes_nothing_over_from_itself(connect: Callable[[], Connection]) -> None:
    one = connect()
    enter(one, "one", 0.05)
    eventually(lambda: lease_is_over(one, "one"))
    assert take_over(one, "one") == 0
    assert one.execute(OWNER).fetchone() == {"owner": "one", "fence": 0}


def test_a_loss_is_noticed_also_when_the_answer_that_tells_of_it_is_lost(
    connect: Callable[[], Connection], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = PostgresReplica(
        DatabaseAddress(postgres_url), place="one", clock=None, lease_s=0.6, watch=WriteWatch(), lost=lambda: None
    )
    replica.register()
    before = replica.losses
    lost = threading.Event()
    real = leases.enter

    def enter_and_lose_the_answer(session: Session, *arguments: object, **named: object) -> None:
        real(session, *arguments, **named)  # type: ignore[arg-type]  # passed on
        if not lost.is_set():
            lost.set()
            raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(leases, "enter", enter_and_lose_the_answer)
    replica.watch(lambda: None)
    try:
        connect().execute("DELETE FROM replicas")
        assert lost.wait(10)
        eventually(lambda: replica.is_current and not replica.trouble)
        assert replica.losses > before
    finally:
        replica.leave()


def test_a_transaction_that_a_runner_froze_in_is_ended_also_after_a_pipeline(
    connect: Callable[[], Connection],
) -> None:
    """PostgreSQL 18 does not begin to count after a pipeline alone."""
    frozen, other = connect(), connect()
    assert frozen.execute("SHOW idle_in_transaction_session_timeout").fetchone() == {
        "idle_in_transaction_session_timeout": "15s"
    }
    frozen.execute("SET idle_in_transaction_session_timeout = '200ms'")
    frozen.execute("BEGIN")
    statement = "UPDATE executions SET attempts = :attempts WHERE id = 'e'"
    PostgresSession(frozen).executemany(statement, [{"attempts": 1}, {"attempts": 2}])
    other.execute("SET lock_timeout = '20s'")
    other.execute("UPDATE executions SET attempts = 7 WHERE id = 'e'")
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        frozen.execute("COMMIT")
    assert other.execute("SELECT attempts FROM executions").fetchone() == {"attempts": 7}


def test_a_lease_that_a_clock_which_was_ahead_has_given_does_not_last(connect: Callable[[], Connection]) -> None:
    one = connect()
    enter(one, "dead", 365 * 86400)
    leases.bound_leases(PostgresSession(one), 6.0)
    found = one.execute(
        "SELECT lease_until - (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms FROM replicas "
        "WHERE id = 'dead'"
    ).fetchone()
    assert found is not None
    assert found["ms"] <= 6000
