"""The ids of executions are the engine's own: no other installation sends the same Idempotency-Key."""

import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from harness.clock import HandClock
from harness.engine_harness import NOON, jobset
from harness.programs.postgres import PROGRAMS, database
from harness.programs.temporal import TemporalServer, run

from chronos_gitops.engine.clock_watch import ClockWatch
from chronos_gitops.engine.model import Trigger, tick_execution_id
from chronos_gitops.engine.sql.claiming import claims
from chronos_gitops.engine.sql.claiming.claims import Claim, ClaimOutcome
from chronos_gitops.engine.sql.postgres.connection import DatabaseAddress
from chronos_gitops.engine.sql.postgres.store import PostgresStore
from chronos_gitops.engine.sql.store.sqlite import SqliteStore
from chronos_gitops.engine.sql.store.store import Store
from chronos_gitops.jobs.model import Job, JobVersion

Opened = Callable[[], Store]
TICKS = [NOON + timedelta(seconds=number) for number in range(60)]


@pytest.fixture(params=["sqlite", "postgres"])
def installations(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Opened, Opened]]:
    """Two that know nothing of each other; each can be opened again."""
    if request.param == "sqlite":
        yield lambda: SqliteStore(tmp_path / "one.db"), lambda: SqliteStore(tmp_path / "two.db")
        return
    server = request.getfixturevalue("postgres_server")
    with database(server) as one, database(server) as two:
        yield (
            lambda: PostgresStore(DatabaseAddress(one), place="a"),
            lambda: PostgresStore(DatabaseAddress(two), place="b"),
        )


def definition() -> JobVersion:
    job = {"name": "daily", "schedule": "* * * * * *", "enabled": True, "webhook": {"url": "http://127.0.0.1:1/"}}
    [found] = jobset(Job.from_document(job))
    return found


def claimed(store: Store) -> list[claims.Claimed]:
    asked = [Claim.of_tick(definition(), tick, Trigger.SCHEDULE) for tick in TICKS]
    return store.write(lambda session: claims.claim(session, asked, NOON, store.replica)).result(10)


def test_two_installations_never_make_the_same_id(installations: tuple[Opened, Opened]) -> None:
    ids = []
    for opened in installations:
        store = opened()
        ids += [one.execution.id for one in claimed(store)]
        store.close()
    assert len(set(ids)) == 2 * len(TICKS)


def test_an_installation_makes_the_same_ids_after_a_restart_and_on_each_replica(
    installations: tuple[Opened, Opened],
) -> None:
    first = installations[0]()
    ids = [one.execution.id for one in claimed(first)]
    assert ids == [tick_execution_id(first.replica.namespace, "daily", tick) for tick in TICKS]
    if isinstance(first, SqliteStore):
        first.close()
    again = installations[0]()
    assert again.replica.namespace == first.replica.namespace
    assert [(one.verdict, one.execution.id) for one in claimed(again)] == [(ClaimOutcome.KNOWN, one) for one in ids]
    again.close()
    if not isinstance(first, SqliteStore):
        first.close()


def test_rows_of_an_earlier_release_keep_their_ids_and_are_no_ticks_again(installations: tuple[Opened, Opened]) -> None:
    store = installations[0]()
    ids = [one.execution.id for one in claimed(store)]
    store.write(lambda session: session.execute("UPDATE executions SET id = 'old-' || id")).result(5)
    assert [(one.verdict, one.execution.id) for one in claimed(store)] == [
        (ClaimOutcome.KNOWN, f"old-{identity}") for identity in ids
    ]
    store.close()


def test_a_backup_of_the_ledger_keeps_the_identity(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "ledger.db")
    with sqlite3.connect(tmp_path / "ledger.db") as source, sqlite3.connect(tmp_path / "backup.db") as target:
        source.backup(target)
    source.close()
    target.close()
    restored = SqliteStore(tmp_path / "backup.db")
    assert restored.replica.namespace == store.replica.namespace
    restored.close()
    store.close()


def test_a_dump_keeps_the_identity(postgres_url: str, postgres_server: str) -> None:
    store = PostgresStore(DatabaseAddress(postgres_url), place="a")
    dump = subprocess.run([PROGRAMS / "bin" / "pg_dump", postgres_url], capture_output=True, check=True)
    with database(postgres_server) as elsewhere:
        restore = [PROGRAMS / "bin" / "psql", "--quiet", "--output", "/dev/null", elsewhere]
        subprocess.run(restore, input=dump.stdout, check=True)
        restored = PostgresStore(DatabaseAddress(elsewhere), place="b")
        assert restored.replica.namespace == store.replica.namespace
        restored.close()
    store.close()


@pytest.mark.timeout(60)
def test_runners_on_one_temporal_namespace_share_it_and_others_do_not(temporal: TemporalServer) -> None:
    from chronos_gitops.engine.temporal.session import WorkerSession
    from chronos_gitops.engine.temporal.status.fleet_backlog import FleetBacklog
    from chronos_gitops.engine.temporal.worker.activities import Sending, TimingActivities

    async def namespace_of(name: str) -> object:
        clock, backlog = HandClock(NOON), FleetBacklog()
        timing = TimingActivities(late=timedelta(minutes=1), backlog=backlog, clock_watch=ClockWatch())
        sending = Sending(delivery=None, clock=clock, observer=None, random=None, key=None)  # type: ignore[arg-type]  # nothing is sent
        session = WorkerSession(
            await temporal.client(name), timing=timing, sending=sending, backlog=backlog, now=clock.now
        )
        return await session.execution_namespace()

    first, other = temporal.namespace(), temporal.namespace()
    assert run(namespace_of(first)) == run(namespace_of(first))
    assert run(namespace_of(first)) != run(namespace_of(other))
