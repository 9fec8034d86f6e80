"""The gate on every engine: an execution starts once the job that it requires has had a recent success."""

from datetime import timedelta

import pytest
from harness.engine_harness import Bench, eventually, jobset

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Reason, Status, Trigger
from chronos_gitops.jobs.model import Job

SECOND = timedelta(seconds=1)
REPORT, EXTRACT = "daily-report", "nightly-extract"


def extract(bench: Bench, path: str = "/ok") -> Job:
    return bench.job(EXTRACT, path, schedule="@yearly")


def report(bench: Bench, *, wait: str = "0s", otherwise: str = "skip", **more: str) -> Job:
    gate = {"job": EXTRACT, "success_within": "1h", "wait": wait, "otherwise": otherwise}
    return bench.job(REPORT, "/ok?report", schedule="@every 1s", requires=gate, **more)


def first(engine: Engine) -> Execution | None:
    rows = engine.executions(ExecutionQuery(job=REPORT, limit=1000))
    return min((row for row in rows if row.reason != Reason.MISSED), key=lambda row: row.scheduled_time, default=None)


def succeed(bench: Bench, engine: Engine) -> Execution:
    made = engine.trigger(EXTRACT)
    bench.seen.wait_until(lambda: any(row.id == made.id for row in bench.seen.ended))
    return made


def waiting(engine: Engine) -> Execution:
    def look() -> Execution | None:
        row = first(engine)
        return row if row is not None and row.waiting_for == "requires" else None

    found = eventually(look)
    assert found is not None
    return found


def ended(bench: Bench, execution: Execution) -> Execution:
    bench.seen.wait_until(lambda: any(row.id == execution.id for row in bench.seen.ended))
    return next(row for row in bench.seen.ended if row.id == execution.id)


def test_it_starts_at_once_after_a_recent_success(bench: Bench) -> None:
    engine = bench.start(extract(bench))
    opened_by = succeed(bench, engine)
    bench.clock.turn(SECOND)
    engine.apply(jobset(extract(bench), report(bench, wait="30s")))
    bench.clock.turn(SECOND)
    bench.seen.wait_until(lambda: any(row.job == REPORT for row in bench.seen.ended))
    row = next(row for row in bench.seen.ended if row.job == REPORT)
    assert (row.status, row.trigger) == (Status.SUCCESS, Trigger.SCHEDULE)
    assert row.requires is not None
    assert (row.requires.job, row.requires.met, row.requires.execution) == (EXTRACT, True, opened_by.id)


def test_it_waits_and_starts_when_a_success_ends(bench: Bench) -> None:
    engine = bench.start(extract(bench), report(bench, wait="30m"))
    bench.clock.turn(SECOND)
    row = waiting(engine)
    assert row.requires is not None
    assert row.requires.until - row.requires.since == timedelta(minutes=30)
    assert row.requires.since == row.scheduled_time
    assert not [one for one in bench.receiver.requests if "report" in one.path]
    succeed(bench, engine)
    after = ended(bench, row)
    assert (after.status, after.attempts) == (Status.SUCCESS, 1)
    assert after.requires is not None
    assert after.requires.met


@pytest.mark.parametrize("otherwise", ["skip", "run"])
def test_without_a_success_it_is_skipped_or_runs_at_the_end_of_the_wait(bench: Bench, otherwise: str) -> None:
    engine = bench.start(extract(bench, "/status/400"), report(bench, wait="2s", otherwise=otherwise))
    bench.clock.turn(SECOND)
    row = waiting(engine)
    succeed(bench, engine)  # it fails, which opens nothing
    bench.clock.turn(2 * SECOND)
    after = ended(bench, row)
    assert after.requires is not None
    assert (after.requires.met, after.requires.execution) == (False, None)
    if otherwise == "run":
        assert (after.status, after.attempts) == (Status.SUCCESS, 1)
    else:
        assert (after.status, after.reason, after.attempts) == (Status.SKIPPED, Reason.REQUIRES, 0)
        assert after.completed_at is not None
        assert row.requires is not None
        assert timedelta(0) <= after.completed_at - row.requires.until < timedelta(seconds=20)


def test_it_is_unfinished_while_it_waits(bench: Bench) -> None:
    engine = bench.start(extract(bench), report(bench, wait="30m"))
    bench.clock.turn(SECOND)
    waiting(engine)
    bench.clock.turn(SECOND)
    bench.seen.wait_until(lambda: any(row.reason == Reason.OVERLAP for row in bench.seen.ended))


def test_a_queue_waits_behind_it(bench: Bench) -> None:
    engine = bench.start(extract(bench), report(bench, wait="30m", concurrency="queue"))
    bench.clock.turn(SECOND)
    row = waiting(engine)
    bench.clock.turn(SECOND)
    eventually(lambda: len(engine.running(REPORT)) >= 2)
    assert [(one.status, one.attempts) for one in engine.running(REPORT)[1:2]] == [(Status.PENDING, 0)]
    assert not [one for one in bench.seen.ended if one.job == REPORT]
    succeed(bench, engine)
    bench.seen.wait_until(lambda: sum(one.job == REPORT for one in bench.seen.ended) >= 2)
    assert next(one.id for one in bench.seen.ended if one.job == REPORT) == row.id


def test_a_newer_one_replaces_it_and_an_operator_cancels_it(bench: Bench) -> None:
    engine = bench.start(extract(bench), report(bench, wait="30m", concurrency="replace"))
    bench.clock.turn(SECOND)
    row = waiting(engine)
    bench.clock.turn(SECOND)
    assert (ended(bench, row).status, ended(bench, row).reason) == (Status.CANCELLED, Reason.REPLACED)


def test_an_operator_cancels_what_waits(bench: Bench) -> None:
    engine = bench.start(extract(bench), report(bench, wait="30m"))
    bench.clock.turn(SECOND)
    row = waiting(engine)
    assert engine.cancel(row.id, by="ada").reason == Reason.OPERATOR
    assert (ended(bench, row).status, ended(bench, row).attempts) == (Status.CANCELLED, 0)


def test_a_manual_trigger_has_no_gate(bench: Bench) -> None:
    gate = {"job": EXTRACT, "success_within": "1h"}
    job = bench.job(REPORT, "/ok?report", schedule="@yearly", requires=gate)
    engine = bench.start(extract(bench), job)
    row = ended(bench, engine.trigger(REPORT))
    assert (row.status, row.requires) == (Status.SUCCESS, None)
