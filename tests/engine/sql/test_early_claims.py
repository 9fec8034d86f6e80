"""A scheduled time is claimed a little ahead of its instant; whatever comes in between is as if it were not."""

import contextlib
import sqlite3
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from harness.clock import HandClock, RealClock
from harness.engine_harness import MINUTE, NOON, Bench, Seen, eventually, jobset, statuses
from harness.engines import on_postgres, on_sqlite

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import ExecutionQuery, Pause, Status, Trigger
from chronos_gitops.engine.operations.bulk import BulkAction, BulkCall
from chronos_gitops.engine.operations.replays import Replay, ReplayItem
from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.schedule import jitter

DUE = NOON + MINUTE
LEFT = timedelta(milliseconds=5)
"""Of the time until it is due, when it has been claimed."""


def claimed(bench: Bench, **fields: object) -> Engine:
    """An engine that has claimed the scheduled time of a minutely job, and has not sent it."""
    engine = bench.start(bench.job(**fields))
    come_near(bench)
    eventually(lambda: statuses(engine) == [("pending", None)])
    assert not bench.receiver.requests
    return engine


def come_near(bench: Bench) -> None:
    assert isinstance(bench.clock, HandClock)
    bench.clock.turn(MINUTE - LEFT)


def sent(bench: Bench) -> list[str | None]:
    return [request.header("X-Chronos-Scheduled-Time") for request in bench.receiver.requests]


def test_it_is_recorded_before_and_sent_at_its_instant(bench: Bench) -> None:
    engine = claimed(bench)
    bench.clock.turn(LEFT)
    [ended] = bench.seen.wait(1)
    assert (ended.status, ended.trigger, ended.scheduled_time) == (Status.SUCCESS, Trigger.SCHEDULE, DUE)
    assert ended.created_at == DUE, "decided as of its instant"
    assert ended.started_at is not None
    assert ended.started_at >= DUE
    assert sent(bench) == ["2026-03-02T12:01:00Z"]
    bench.clock.turn(MINUTE)
    assert len(bench.seen.wait(2)) == 2
    assert [row.status for row in engine.executions(ExecutionQuery())] == [Status.SUCCESS, Status.SUCCESS]


def pause(bench: Bench, engine: Engine) -> None:
    engine.pause("daily-backup", reason="maintenance", by="alice")


def pause_all(bench: Bench, engine: Engine) -> None:
    engine.bulk(BulkCall("call", BulkAction.PAUSE, ("daily-backup",), "alice", "maintenance", bench.clock.now()))


def guard(bench: Bench, engine: Engine) -> None:
    job = bench.job()
    stop = Pause(job.name, "only failures", "guard", bench.clock.now(), version=1, content=job.digest)
    assert engine.stop_version(stop)


def delete(_: Bench, engine: Engine) -> None:
    engine.apply(jobset(version=2))


def disable(bench: Bench, engine: Engine) -> None:
    engine.apply(jobset(bench.job(enabled=False), version=2))


def reschedule(bench: Bench, engine: Engine) -> None:
    engine.apply(jobset(bench.job(schedule="@yearly"), version=2))


def close(bench: Bench, engine: Engine) -> None:
    engine.apply(closed(bench))


def closed(bench: Bench) -> JobSet:
    """The job in a calendar that closes all of the day."""
    calendar = parser.parse("works", {"closed": [{"from": "2026-03-01", "to": "2026-03-03"}]}, lambda _: 2)
    calendars = CalendarSet.in_force({"works": CalendarFile("works", "jobs/_calendars/works.yaml", "a", calendar)})
    job = bound(bench.job(skip=["works"]), "jobs/daily-backup.yaml", None, calendars)
    return JobSet.of("a" * 40, jobset(job), calendars)


@pytest.mark.parametrize("act", [pause, pause_all, guard, delete, disable, reschedule, close])
def test_what_comes_before_its_instant_withdraws_it(bench: Bench, act: Callable[[Bench, Engine], None]) -> None:
    engine = claimed(bench)
    act(bench, engine)
    assert statuses(engine) == []
    bench.clock.turn(LEFT)
    bench.clock.turn(timedelta(seconds=10))
    assert not bench.receiver.requests
    assert [row for row in engine.executions(ExecutionQuery()) if row.status is not Status.SKIPPED] == []


def test_a_pause_that_ends_decides_by_the_missed_run_policy(bench: Bench) -> None:
    engine = claimed(bench, missed_run_policy="ignore")
    engine.pause("daily-backup", reason="maintenance", by="alice")
    bench.clock.turn(timedelta(seconds=30))
    engine.resume("daily-backup")
    assert statuses(engine) == [("skipped", "missed")]


def test_a_pause_that_ends_before_its_instant_changes_nothing(bench: Bench) -> None:
    engine = claimed(bench)
    engine.pause("daily-backup", reason="maintenance", by="alice")
    engine.resume("daily-backup")
    bench.clock.turn(LEFT)
    assert [row.status for row in bench.seen.wait(1)] == [Status.SUCCESS]
    assert sent(bench) == ["2026-03-02T12:01:00Z"]


def test_an_edit_of_the_request_is_what_is_sent(bench: Bench) -> None:
    engine = claimed(bench)
    engine.apply(jobset(bench.job(path="/ok?edited"), version=2))
    bench.clock.turn(LEFT)
    [ended] = bench.seen.wait(1)
    assert (ended.version, ended.scheduled_time) == (2, DUE)
    assert [request.path for request in bench.receiver.requests] == ["/ok?edited"]


def test_a_cancelled_one_is_not_sent(bench: Bench) -> None:
    engine = claimed(bench)
    engine.cancel(engine.executions(ExecutionQuery())[0].id, by="alice")
    bench.clock.turn(LEFT)
    bench.clock.turn(timedelta(seconds=10))
    assert statuses(engine) == [("cancelled", "operator")]
    assert not bench.receiver.requests


@pytest.mark.parametrize(
    ("concurrency", "after"),
    [("forbid", ("skipped", "overlap")), ("queue", ("pending", None)), ("replace", ("running", None))],
)
def test_a_trigger_goes_first_and_the_overlap_is_judged_at_its_instant(
    bench: Bench, concurrency: str, after: tuple[str, str | None]
) -> None:
    engine = claimed(bench, path="/hold/answer", concurrency=concurrency)
    triggered = engine.trigger("daily-backup")
    assert bench.receiver.wait_for(1, 30)
    assert bench.receiver.requests[0].execution_id == triggered.id
    bench.clock.turn(LEFT)
    eventually(lambda: after in statuses(engine))
    bench.receiver.release("answer")


@pytest.mark.parametrize("is_over", [True, False])
def test_forbid_is_judged_at_its_instant(bench: Bench, is_over: bool) -> None:
    engine = bench.start(bench.job(path="/hold/answer"))
    engine.trigger("daily-backup")
    assert bench.receiver.wait_for(1, 30)
    come_near(bench)
    assert len(statuses(engine)) == 1, "what runs may have ended by then"
    if is_over:
        bench.receiver.release("answer")
        bench.seen.wait(1)
    bench.clock.turn(LEFT)
    expected = "success" if is_over else "skipped"
    eventually(lambda: sorted(status for status, _ in statuses(engine))[-1] == "success" or not is_over)
    eventually(lambda: [row.status for row in engine.ticks("daily-backup", DUE, DUE)] == [expected])
    bench.receiver.release("answer")


def test_a_replayed_job_is_decided_at_its_instant(bench: Bench) -> None:
    engine = bench.start(bench.job())
    bench.clock.turn(MINUTE)
    [past] = bench.seen.wait(1)
    come_near(bench)
    eventually(lambda: statuses(engine) == [("success", None), ("pending", None)])
    items = (ReplayItem(DUE, past.id, past.id),)
    engine.replay(Replay(str(uuid.uuid4()), "daily-backup", "alice", "a test", bench.clock.now(), items=items))
    bench.seen.wait(2)
    assert sent(bench) == ["2026-03-02T12:01:00Z"] * 2, "the item went first"
    bench.clock.turn(LEFT)
    bench.seen.wait(3)
    assert sent(bench)[2:] == ["2026-03-02T12:02:00Z"]


def test_what_a_calendar_closes_is_not_recorded_before_its_instant(bench: Bench) -> None:
    engine = bench.start()
    engine.apply(closed(bench))
    come_near(bench)
    assert statuses(engine) == []
    assert engine.decided_until() == {}


@pytest.mark.parametrize("back", [timedelta(seconds=1), MINUTE / 2, timedelta(hours=8, seconds=30)], ids=str)
def test_a_clock_set_back_takes_it_back(bench: Bench, back: timedelta) -> None:
    engine = claimed(bench, concurrency="allow")
    bench.clock.step(-back)
    eventually(lambda: statuses(engine) == [])
    bench.clock.turn(timedelta(milliseconds=500))
    assert not bench.receiver.requests
    bench.clock.step(back - timedelta(milliseconds=500))
    bench.clock.turn(LEFT)
    bench.seen.wait_until(lambda: any(row.scheduled_time == DUE for row in bench.seen.ended))
    assert sent(bench).count("2026-03-02T12:01:00Z") == 1


def test_a_clock_set_forward_sends_it(bench: Bench) -> None:
    claimed(bench)
    bench.clock.step(timedelta(seconds=20))
    bench.clock.advance(LEFT)
    assert [row.scheduled_time for row in bench.seen.wait(1)] == [DUE]


def test_a_stopped_engine_leaves_none(bench: Bench) -> None:
    bench.stop(claimed(bench, missed_run_policy="ignore"), grace=5)
    bench.clock.leap(MINUTE / 2)  # a whole one would come near the next scheduled time, which is claimed ahead again
    engine = bench.start(bench.job(missed_run_policy="ignore"))
    assert bench.settled(engine) == [("skipped", "missed")]


@pytest.mark.parametrize("policy", [{}, {"retry_policy": {"initial_interval": "1ms", "max_interval": "1ms"}}])
def test_a_restart_after_a_kill_does_not_send_early(
    bench: Bench, data_folder: Path, receiver: Receiver, seen: Seen, policy: dict[str, object]
) -> None:
    """The ledger as a kill leaves it: a copy of what is on disk while the scheduled time is claimed and not sent."""
    engine = claimed(bench, **policy)
    copy = data_folder / "killed.db"
    with (
        contextlib.closing(sqlite3.connect(data_folder / "ledger.db")) as ledger,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        ledger.backup(target)
    bench.stop(engine)
    clock = HandClock(bench.clock.now())
    restarted = Bench(on_sqlite(copy), receiver, clock, seen)
    try:
        after = restarted.start(restarted.job(**policy))
        clock.wait_for_sleeper()
        clock.step(-MINUTE)
        clock.step(MINUTE)
        assert statuses(after) == [("pending", None)]
        assert not receiver.requests
        clock.turn(LEFT)
        assert [row.scheduled_time for row in seen.wait(1)] == [DUE]
        assert [request.execution_id for request in receiver.requests] == [after.tick_id("daily-backup", DUE)]
    finally:
        restarted.stop_all()


def pass_time(bench: Bench, duration: timedelta) -> None:
    """Also while the engine rests after trouble."""
    assert isinstance(bench.clock, HandClock)
    bench.clock.leap(duration)
    bench.clock.rest(duration)


@pytest.mark.parametrize("mended", ["before its instant", "after its instant"])
def test_a_claim_that_fails_is_made_again(bench: Bench, data_folder: Path, mended: str) -> None:
    engine = bench.start(bench.job())
    with contextlib.closing(sqlite3.connect(data_folder / "ledger.db")) as ledger:
        ledger.execute("CREATE TRIGGER full BEFORE INSERT ON executions BEGIN SELECT RAISE(ABORT, 'no room'); END")
        pass_time(bench, MINUTE - LEFT)
        eventually(lambda: "no room" in engine.health().detail)
        if mended == "after its instant":
            pass_time(bench, timedelta(seconds=2))
        assert statuses(engine) == []
        ledger.execute("DROP TRIGGER full")
    eventually(lambda: pass_time(bench, timedelta(milliseconds=50)) or bench.seen.ended)
    [ended] = bench.seen.wait(1)
    assert (ended.status, ended.trigger, ended.scheduled_time) == (Status.SUCCESS, Trigger.SCHEDULE, DUE)
    assert statuses(engine) == [("success", None)]
    assert sent(bench) == ["2026-03-02T12:01:00Z"]


def test_replicas_decide_at_the_instant(postgres_url: str, receiver: Receiver, clock: HandClock, seen: Seen) -> None:
    """Another one may run something of the job, or pause it."""
    bench = Bench(on_postgres(postgres_url), receiver, clock, seen)
    try:
        engine = bench.start(bench.job())
        come_near(bench)
        assert statuses(engine) == []
        bench.clock.turn(LEFT)
        assert [row.scheduled_time for row in seen.wait(1)] == [DUE]
    finally:
        bench.stop_all()


def test_nothing_is_sent_before_its_instant(data_folder: Path, receiver: Receiver, seen: Seen) -> None:
    """By the machine's own clock, over two seconds: a request arrives at its scheduled time and jitter, or later."""
    bench = Bench(on_sqlite(data_folder / "ledger.db"), receiver, RealClock(), seen)
    try:
        jobs = [bench.job(f"job-{number}", schedule="* * * * * *", jitter="1s") for number in range(40)]
        bench.start(*jobs)
        seen.wait(60)
    finally:
        bench.stop_all()
    for request in receiver.requests:
        tick = datetime.fromisoformat(request.header("X-Chronos-Scheduled-Time") or "")
        at = tick + jitter(request.header("X-Chronos-Job-Name") or "", tick, timedelta(seconds=1))
        assert request.arrived_at >= at
