"""The begin of an execution is a write of its own only where somebody could see it before its end."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.clock import HandClock
from harness.engine_harness import MINUTE, NOON, Bench, Seen, eventually, jobset, statuses
from harness.engines import on_sqlite

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.engine import Engine

JOB = "daily-backup"
_WATCH = """
CREATE TABLE changes (execution TEXT, status TEXT, started_at INTEGER);
CREATE TRIGGER watch AFTER UPDATE OF status ON executions
BEGIN INSERT INTO changes VALUES (new.id, new.status, new.started_at); END;
"""


@pytest.fixture
def bench(data_folder: Path, receiver: Receiver, seen: Seen) -> Iterator[Bench]:
    bench = Bench(on_sqlite(data_folder / "ledger.db"), receiver, HandClock(NOON), seen)
    yield bench
    bench.stop_all()


def changes(ledger: Path) -> list[tuple[str, bool]]:
    """(status, True if it has a start) after each change of a status."""
    with sqlite3.connect(ledger) as connection:
        rows = connection.execute("SELECT status, started_at FROM changes ORDER BY rowid").fetchall()
    connection.close()
    return [(status, started is not None) for status, started in rows]


def watched(bench: Bench, ledger: Path, path: str, **fields: object) -> Engine:
    """An engine whose ledger notes what becomes of each execution."""
    return noted(bench.start(bench.job(path=path, schedule="@yearly", **fields)), ledger)


def noted(engine: Engine, ledger: Path) -> Engine:
    with sqlite3.connect(ledger) as connection:
        connection.executescript(_WATCH)
    connection.close()
    return engine


def test_one_write_says_how_a_short_execution_went(bench: Bench, data_folder: Path) -> None:
    """A loaded machine may need longer than 50 ms for some of them."""
    noted(bench.start(bench.job()), data_folder / "ledger.db")
    for number in range(1, 101):
        bench.clock.turn(MINUTE)
        bench.seen.wait(number)
        written = changes(data_folder / "ledger.db")
        assert written.count(("success", True)) == number
        if len(written) < 2 * number:
            return
    pytest.fail("each had a write for its begin")


def test_a_long_one_is_running_meanwhile(bench: Bench, data_folder: Path) -> None:
    engine = watched(bench, data_folder / "ledger.db", "/slow/0.5")
    engine.trigger(JOB)
    eventually(lambda: statuses(engine) == [("running", None)])
    bench.seen.wait(1)
    eventually(lambda: changes(data_folder / "ledger.db") == [("running", True), ("success", True)])


def test_one_that_waits_for_a_slot_has_not_begun(bench: Bench, data_folder: Path) -> None:
    first, second = (bench.job(name, path="/hold/gate", schedule="@yearly") for name in ("first", "second"))
    engine = noted(bench.start(first, second, at_once=1), data_folder / "ledger.db")
    engine.trigger("first")
    eventually(lambda: changes(data_folder / "ledger.db") == [("running", True)])
    waiting = engine.trigger("second")
    engine.resume("first")  # a decision, before which every begin is written
    assert [*statuses(engine, "first"), *statuses(engine, "second")] == [("running", None), ("pending", None)]
    bench.receiver.release("gate")
    ended = {one.job: one for one in bench.seen.wait(2)}
    assert {one.status for one in ended.values()} == {"success"}
    assert (ended["second"].id, ended["second"].started_at) == (waiting.id, bench.clock.now())


@pytest.mark.parametrize("concurrency", ["allow", "forbid", "queue"])
def test_a_deletion_leaves_what_has_just_begun_its_end(bench: Bench, concurrency: str) -> None:
    engine = bench.start(bench.job(path="/slow/0.3", schedule="@yearly", concurrency=concurrency))
    engine.trigger(JOB)
    eventually(lambda: bench.receiver.requests)
    engine.apply(jobset(version=2))
    assert statuses(engine) == [("running", None)], "the decision knows that it has begun"
    [ended] = bench.seen.wait(1)
    assert ended.status == "success"


def test_an_operator_who_cancels_sees_when_it_began(bench: Bench) -> None:
    engine = bench.start(bench.job(path="/slow/30", schedule="@yearly"))
    begun = engine.trigger(JOB)
    eventually(lambda: bench.receiver.requests)
    cancelled = engine.cancel(begun.id, by="alice")
    assert cancelled.started_at == bench.clock.now()


def test_a_newer_one_replaces_one_that_has_begun(bench: Bench, data_folder: Path) -> None:
    engine = watched(bench, data_folder / "ledger.db", "/slow/30", concurrency="replace")
    engine.trigger(JOB)
    eventually(lambda: bench.receiver.requests)
    engine.trigger(JOB)
    eventually(lambda: ("cancelled", "replaced") in statuses(engine))
    assert changes(data_folder / "ledger.db")[:2] == [("running", True), ("cancelled", True)]


def test_a_stop_leaves_what_it_cuts_off_as_begun(bench: Bench, data_folder: Path) -> None:
    engine = watched(bench, data_folder / "ledger.db", "/slow/30")
    engine.trigger(JOB)
    eventually(lambda: bench.receiver.requests)
    bench.stop(engine)
    assert changes(data_folder / "ledger.db") == [("running", True)]
