"""History is forgotten by age and by count, in small batches, and never what has not ended."""

import threading
import uuid
from datetime import datetime, timedelta

from harness.engine_harness import NOON

from chronos_gitops.engine.model import Attempt, ExecutionQuery, Pause, Status, Trigger, finished
from chronos_gitops.engine.operations.replays import Replay, ReplayItem, ReplayState
from chronos_gitops.engine.sql.claiming import claims, skips
from chronos_gitops.engine.sql.claiming.claims import Claim
from chronos_gitops.engine.sql.claiming.skips import Skip
from chronos_gitops.engine.sql.operations import replays
from chronos_gitops.engine.sql.retention import BATCH, Keep, Retention
from chronos_gitops.engine.sql.store import ledger
from chronos_gitops.engine.sql.store.attempts import Record
from chronos_gitops.engine.sql.store.store import Session, Store
from chronos_gitops.engine.ticks.due_queue import Missed
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobVersion

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def definition(name: str = "daily-backup", description: str = "") -> JobVersion:
    webhook = {"url": "https://hooks.example.com/"}
    job = Job.from_document(
        {"name": name, "schedule": "* * * * *", "enabled": True, "webhook": webhook, "description": description}
    )
    return JobVersion(job, f"jobs/{name}.yaml", DefinitionId("b" * 40))


def add(store: Store, *ticks: datetime, status: Status = Status.SUCCESS, of: JobVersion | None = None) -> None:
    """One execution with one attempt for each tick; PENDING ones stay as they were claimed."""
    found = store.write(
        lambda connection: claims.claim(
            connection,
            [Claim.of_tick(of or definition(), tick, Trigger.CATCHUP) for tick in ticks],
            NOON,
            store.replica,
        )
    ).result(10)
    for each in found if status.is_final else ():
        execution, attempt = finished(each.execution, status, at=NOON), Attempt(1, NOON, 5)
        store.write(Record(execution, attempt, None, 0)).result(10)


def kept(store: Store, job: str = "daily-backup") -> list[datetime]:
    rows = store.read(lambda connection: ledger.executions(connection, ExecutionQuery(job=job, limit=10_000)))
    return [row.scheduled_time for row in reversed(rows)]


def count(store: Store, table: str) -> int:
    return int(
        store.read(lambda connection: connection.execute(f"SELECT count(*) AS rows FROM {table}").fetchone()["rows"])
    )


def sweep(store: Store, **keep: object) -> int:
    return Retention(store, Keep(**keep), lambda: NOON).sweep()  # type: ignore[arg-type]


def test_rows_go_by_age_with_their_attempts_and_failures_twice_as_late(store: Store) -> None:
    ages = [NOON - 25 * DAY, NOON - 15 * DAY, NOON - 5 * DAY]
    add(store, *ages)
    add(store, *[age + MINUTE for age in ages], status=Status.FAILED)
    assert sweep(store, age=10 * DAY) == 3
    assert kept(store) == [NOON - 15 * DAY + MINUTE, NOON - 5 * DAY, NOON - 5 * DAY + MINUTE]
    assert count(store, "attempts") == 3


def test_rows_go_by_count_per_job_and_failures_twice_as_late(store: Store) -> None:
    ticks = [NOON - number * MINUTE for number in range(10)]
    add(store, *ticks)
    add(store, *[tick - DAY for tick in ticks], status=Status.FAILED)
    add(store, *ticks[:2], of=definition("other-job"))
    assert sweep(store, rows=3) == 7 + 4
    assert kept(store) == sorted([*ticks[:3], *(tick - DAY for tick in ticks[:6])])
    assert kept(store, "other-job") == sorted(ticks[:2])


def test_what_has_not_ended_stays_however_old_it_is(store: Store) -> None:
    add(store, NOON - 900 * DAY, status=Status.PENDING)
    assert sweep(store) == 0
    assert kept(store) == [NOON - 900 * DAY]


def test_ranges_go_like_other_rows(store: Store) -> None:
    missed = Missed(5, NOON - 300 * DAY, NOON - 200 * DAY)
    store.write(
        lambda connection: skips.skip(
            connection,
            [Skip("daily-backup", definition(), missed, definition().job.timing)],
            NOON,
            store.replica,
        )
    ).result(10)
    assert sweep(store) == 1


def test_definitions_and_pauses_that_nothing_needs_go_too(store: Store) -> None:
    add(store, NOON - 300 * DAY, of=definition(description="as it was"))
    add(store, NOON - DAY)
    for age in (300, 1):
        pause = Pause("daily-backup", "x", "ada", NOON - age * DAY)
        store.write(lambda connection, pause=pause: ledger.set_pause(connection, pause)).result(10)
        store.write(lambda connection, at=pause.at: ledger.end_pause(connection, "daily-backup", at + MINUTE)).result(
            10
        )
    assert (count(store, "definitions"), count(store, "ended_pauses")) == (2, 2)
    assert sweep(store) == 1
    assert (count(store, "definitions"), count(store, "ended_pauses")) == (1, 1)


def test_many_rows_go_in_batches_between_which_others_write(store: Store) -> None:
    """Takes a second: it sweeps three thousand rows while another thread claims."""
    add(store, *[NOON - 200 * DAY + number * MINUTE for number in range(3000)], status=Status.PENDING)
    store.write(lambda connection: connection.execute("UPDATE executions SET status = 'skipped'")).result(10)
    deleted: list[int] = []
    left: list[int] = []
    whole = threading.Thread(target=lambda: deleted.append(sweep(store)))
    whole.start()
    while whole.is_alive():
        store.write(lambda connection: connection.execute("SELECT 1").fetchone()).result(10)
        left.append(len(kept(store)))
    assert deleted == [3000]
    assert any(0 < rows < 3000 for rows in left), "a write came through while rows were still being deleted"
    assert all(rows % BATCH == 0 for rows in left), "batches are whole"


def test_a_sweep_that_is_stopped_leaves_the_rest(store: Store) -> None:
    add(store, *[NOON - 200 * DAY + number * MINUTE for number in range(300)], status=Status.PENDING)
    store.write(lambda connection: connection.execute("UPDATE executions SET status = 'skipped'")).result(10)
    retention = Retention(store, Keep(), lambda: NOON)
    retention.stop()
    assert retention.sweep() == 0
    assert len(kept(store)) == 300


def test_forgets_old_replays_with_their_items_and_none_under_way(store: Store) -> None:
    items = tuple(ReplayItem(NOON - number * MINUTE, str(uuid.uuid4()), None) for number in range(3))
    ended = {"old": NOON - 201 * DAY, "new": NOON - 199 * DAY, "running": None}
    for job, at in ended.items():
        replay = Replay(str(uuid.uuid4()), job, "ada", "the target was down", NOON - 300 * DAY, items=items)

        def write(session: Session, replay: Replay = replay, at: datetime | None = at) -> None:
            replays.add(session, replay)
            if at is not None:
                replays.end(session, replay.id, ReplayState.DONE, at)

        store.write(write).result(10)
    sweep(store)
    rows = store.read(lambda session: session.execute("SELECT job FROM replays ORDER BY job").fetchall())
    assert [row["job"] for row in rows] == ["new", "running"]
    assert count(store, "replay_items") == 6
