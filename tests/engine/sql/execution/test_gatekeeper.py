"""The worked example of the contract on the clock's own times, with a restart at each moment of the wait."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.clock import HandClock
from harness.engine_harness import Bench, Seen, eventually
from harness.engines import on_sqlite

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Reason, Status
from chronos_gitops.jobs.model import Job

REPORT, EXTRACT = "daily-report", "nightly-extract"
AT = datetime(2026, 11, 28, 8, 30, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def bench(data_folder: Path, receiver: Receiver, seen: Seen) -> Iterator[Bench]:
    bench = Bench(on_sqlite(data_folder / "ledger.db"), receiver, HandClock(AT - MINUTE), seen)
    yield bench
    bench.stop_all()


def jobs(bench: Bench) -> tuple[Job, Job]:
    gate = {"job": EXTRACT, "success_within": "24h", "wait": "45m"}
    report = bench.job(REPORT, "/ok", schedule="30 8 * * *", requires=gate, missed_run_policy="ignore")
    return bench.job(EXTRACT, "/ok", schedule="@yearly"), report


def row(engine: Engine) -> Execution:
    def look() -> Execution | None:
        rows = engine.executions(ExecutionQuery(job=REPORT))
        return rows[0] if rows and (rows[0].requires is not None or rows[0].status.is_final) else None

    found = eventually(look)
    assert found is not None
    return found


def turn_to(bench: Bench, at: datetime) -> None:
    bench.clock.turn(at - bench.clock.now())


def final(bench: Bench, engine: Engine) -> Execution:
    bench.seen.wait_until(lambda: any(one.job == REPORT for one in bench.seen.ended))
    return row(engine)


@pytest.mark.parametrize("restarts", [False, True])
def test_it_starts_when_the_extract_ends_late(bench: Bench, *, restarts: bool) -> None:
    engine = bench.start(*jobs(bench))
    turn_to(bench, AT)
    waits = row(engine)
    assert waits.waiting_for == "requires"
    assert waits.requires is not None
    assert (waits.requires.since, waits.requires.until) == (AT, AT + 45 * MINUTE)
    if restarts:
        bench.stop(engine)
        engine = bench.start(*jobs(bench))
        assert row(engine).requires == waits.requires
    turn_to(bench, AT + 20 * SECOND)
    engine.trigger(EXTRACT)
    after = final(bench, engine)
    assert (after.status, after.started_at) == (Status.SUCCESS, AT + 20 * SECOND)


@pytest.mark.parametrize("away", [timedelta(0), 10 * MINUTE, 60 * MINUTE])
def test_the_end_of_the_wait_does_not_move_with_a_restart(bench: Bench, away: timedelta) -> None:
    engine = bench.start(*jobs(bench))
    turn_to(bench, AT)
    waits = row(engine)
    if away:
        bench.stop(engine)
        bench.clock.leap(away)
        engine = bench.start(*jobs(bench))
    if bench.clock.now() < AT + 45 * MINUTE:
        turn_to(bench, AT + 45 * MINUTE - SECOND)
        assert row(engine).waiting_for == "requires"
        turn_to(bench, AT + 45 * MINUTE)
    after = final(bench, engine)
    assert (after.status, after.reason, after.attempts) == (Status.SKIPPED, Reason.REQUIRES, 0)
    assert after.completed_at == max(AT + 45 * MINUTE, AT + away)
    assert after.requires == waits.requires


def test_a_pause_does_not_hold_what_waits_at_its_gate(bench: Bench) -> None:
    extract, report = jobs(bench)
    engine = bench.start(extract, report)
    turn_to(bench, AT)
    row(engine)
    engine.pause(REPORT, reason="a pause does not hold what has its turn", by="ada")
    made = engine.trigger(EXTRACT)
    after = final(bench, engine)
    assert (after.status, after.requires and after.requires.execution) == (Status.SUCCESS, made.id)
