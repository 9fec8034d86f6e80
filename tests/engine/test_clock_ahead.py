"""A clock that was ahead silences nothing (CONTRACT 2): each time that was taken from it is bounded by now."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from harness.engine_harness import HOUR, MINUTE, NOON, Bench, eventually, jobset, statuses
from harness.engines import EngineMaker, on_postgres, on_sqlite

from chronos_gitops.engine.clock import TOLERANCE
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import ExecutionQuery, Status
from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.schedule.calendars import parser

SECOND = timedelta(seconds=1)
YEAR = timedelta(days=365)


@pytest.fixture(params=["sqlite", "postgres"])
def engine_maker(request: pytest.FixtureRequest, data_folder: Path) -> EngineMaker:
    if request.param == "postgres":
        return on_postgres(request.getfixturevalue("postgres_url"))
    return on_sqlite(data_folder / "ledger.db")


def be_ahead(bench: Bench, ahead: timedelta, for_s: int = 60) -> None:
    """The clock shows so much more for a while, in which jobs run, and is right again."""
    bench.clock.step(ahead)
    bench.clock.turn(for_s * SECOND)
    bench.clock.step(-ahead)


def times(engine: Engine) -> list[datetime]:
    rows = engine.executions(ExecutionQuery(limit=1000))
    return sorted(row.scheduled_time for row in rows if row.scheduled_time <= NOON + HOUR)


@pytest.mark.parametrize("policy", ["execute_one", "ignore", "execute_all"])
@pytest.mark.parametrize("ahead", [TOLERANCE + MINUTE, 8 * HOUR, YEAR], ids=str)
def test_every_scheduled_time_after_it_runs(bench: Bench, ahead: timedelta, policy: str) -> None:
    engine = bench.start(bench.job(schedule="@every 1m", missed_run_policy=policy, concurrency="allow"))
    be_ahead(bench, ahead)
    now = bench.clock.now()
    assert engine.next_runs("daily-backup", 2) == (NOON + 2 * MINUTE, NOON + 3 * MINUTE)
    bench.clock.turn(5 * MINUTE)
    due = [now + count * MINUTE for count in range(1, 6)]
    eventually(lambda: set(due) <= set(times(engine)))
    sent = [request.header("X-Chronos-Scheduled-Time") for request in bench.receiver.requests]
    assert len(sent) == len(set(sent)), "nothing was sent twice"


def test_health_says_so_and_is_green_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    engine = bench.start(bench.job())
    be_ahead(bench, 8 * HOUR)
    eventually(lambda: not engine.health().ok)
    assert "the clock was ahead by 8:00:00" in engine.health().detail
    assert engine.health().liveness_failure == ""
    bench.clock.turn(3 * MINUTE)
    assert engine.health().ok
    assert [record.message for record in caplog.records].count("clock_was_ahead") == 1


def test_within_the_tolerance_nothing_is_taken_back(bench: Bench) -> None:
    engine = bench.start(bench.job())
    be_ahead(bench, 2 * MINUTE)
    assert engine.health().ok
    assert engine.next_runs("daily-backup", 1) == (NOON + 4 * MINUTE,)
    assert dict(engine.decided_until()) == {"daily-backup": NOON + 3 * MINUTE}


def test_a_restart_heals_what_another_process_left(bench: Bench) -> None:
    job = bench.job(schedule="@every 1m", concurrency="allow")
    bench.clock._now += 8 * HOUR  # before anybody looks
    engine = bench.start(job)
    bench.clock.turn(2 * MINUTE)
    bench.seen.wait(2)
    bench.stop(engine, grace=5)
    bench.clock._now -= 8 * HOUR  # nobody is there to see it go back
    engine = bench.start(job)
    assert not engine.health().ok
    now = bench.clock.now()
    bench.clock.turn(2 * MINUTE)
    eventually(lambda: {now + MINUTE, now + 2 * MINUTE} <= set(times(engine)))


@pytest.mark.parametrize("concurrency", ["forbid", "queue", "replace"])
@pytest.mark.parametrize("is_restarted", [False, True], ids=["goes on", "restart"])
def test_what_was_claimed_for_times_to_come_waits_for_them(bench: Bench, concurrency: str, is_restarted: bool) -> None:
    """Before, it was sent at once, a year early, and not again at its time."""
    job = bench.job(
        path="/hold/first",
        schedule="@every 1m",
        concurrency=concurrency,
        missed_run_policy="execute_all",
        catchup_window="12h",
    )
    engine = bench.start(job)
    bench.clock.step(8 * HOUR)  # a hundred are caught up, one after the other
    assert bench.receiver.wait_for(1, 30)
    if is_restarted:
        bench.stop(engine, grace=0)
        bench.clock._now -= 8 * HOUR  # nobody is there to see it go back
        engine = bench.start(job)
    else:
        bench.clock.step(-8 * HOUR)

    def to_come() -> list[datetime]:
        rows = engine.executions(ExecutionQuery(limit=1000))
        return [row.scheduled_time for row in rows if row.scheduled_time > bench.clock.now()]

    (begun,) = eventually(lambda: found if len(found := to_come()) == 1 else [])
    bench.receiver.release("first")
    bench.seen.wait_until(lambda: any(row.scheduled_time == begun for row in bench.seen.ended))
    bench.clock.turn(2 * MINUTE)
    eventually(lambda: {NOON + MINUTE, NOON + 2 * MINUTE} <= set(times(engine)))
    sent = [request.header("X-Chronos-Scheduled-Time") for request in bench.receiver.requests]
    assert f"{begun + MINUTE:%Y-%m-%dT%H:%M:%SZ}" not in sent


def test_what_waits_for_its_jitter_waits_for_its_time(bench: Bench) -> None:
    engine = bench.start(bench.job(schedule="@every 1m", concurrency="allow", jitter="50s"))
    bench.clock._now += 8 * HOUR  # before anybody looks
    bench.clock.turn(MINUTE)
    eventually(lambda: [row for row in engine.executions(ExecutionQuery()) if row.status is Status.PENDING])
    bench.clock.step(-8 * HOUR)
    eventually(lambda: not [row for row in engine.executions(ExecutionQuery()) if row.status is Status.PENDING])


@pytest.mark.parametrize("way", ["edit", "pause"])
def test_what_was_decided_while_it_was_ahead_does_not_last(bench: Bench, way: str) -> None:
    """Edited, or paused and resumed, in the time that never was."""
    engine = bench.start(bench.job(schedule="@every 1m", concurrency="allow"))
    bench.clock.step(8 * HOUR)
    if way == "edit":
        engine.apply(jobset(bench.job(schedule="@every 30s", concurrency="allow")))
    else:
        engine.pause("daily-backup", reason="a test", by="test")
        engine.resume("daily-backup")
    bench.clock.step(-8 * HOUR)
    bench.clock.turn(3 * MINUTE)
    eventually(lambda: NOON + 3 * MINUTE in times(engine))


def test_missed_rows_never_speak_of_times_to_come(bench: Bench) -> None:
    """Of a range that reaches beyond now only its part up to now was missed."""
    engine = bench.start(bench.job(schedule="@every 1m", missed_run_policy="ignore"))
    bench.clock.step(30 * MINUTE)  # a suspend, and then a clock that is ahead
    bench.clock.step(-10 * MINUTE)
    bench.clock.step(TOLERANCE)
    eventually(lambda: statuses(engine))
    missed = [row for row in engine.executions(ExecutionQuery()) if row.reason == "missed"]
    ranges = sorted((row.range_start or row.scheduled_time, row.scheduled_time, row.count) for row in missed)
    assert ranges[0] == (NOON + MINUTE, NOON + 20 * MINUTE, 20)
    assert all(last <= bench.clock.now() for _, last, _ in ranges)


def test_held_rows_never_speak_of_times_to_come(bench: Bench) -> None:
    """Of a range of held ticks the part up to now stays; the rest is recorded as it comes, each tick once."""
    closed = parser.parse("works", {"closed": [{"from": "2000-01-01", "to": "2100-01-01"}]}, lambda _: 2)
    calendars = CalendarSet.in_force({"works": CalendarFile("works", "jobs/_calendars/works.yaml", "a", closed)})
    job = bound(bench.job(schedule="*/10 * * * *", skip=["works"]), "jobs/daily-backup.yaml", None, calendars)
    engine = bench.start()
    engine.apply(JobSet.of("a" * 40, jobset(job), calendars))

    def held() -> list[tuple[datetime, datetime, int]]:
        rows = engine.executions(ExecutionQuery(limit=1000))
        assert {row.reason for row in rows} <= {"calendar"}
        return sorted((row.range_start or row.scheduled_time, row.scheduled_time, row.count) for row in rows)

    midnight = NOON + 12 * HOUR
    bench.clock.step(13 * HOUR)  # a suspend of seven hours, and then a clock that is ahead
    assert eventually(held)[0] == (NOON + 10 * MINUTE, midnight - 10 * MINUTE, 71)
    bench.clock.step(-6 * HOUR)
    assert eventually(held) == [(NOON + 10 * MINUTE, NOON + 7 * HOUR, 42)]
    bench.clock.turn(5 * HOUR)
    eventually(lambda: sum(count for *_, count in held()) == 71)
    assert held()[1] == (NOON + 7 * HOUR + 10 * MINUTE, midnight - 10 * MINUTE, 29)


def test_a_retry_that_was_planned_then_comes_soon_after_a_restart(bench: Bench) -> None:
    policy = {"max_attempts": 2, "initial_interval": "30s", "max_interval": "30s"}
    job = bench.job(path="/flaky/1", retry_policy=policy)
    bench.clock._now += 8 * HOUR  # before anybody looks
    engine = bench.start(job)
    bench.clock.turn(MINUTE)
    bench.clock.wait_for_sleeper()
    eventually(lambda: engine.executions(ExecutionQuery())[0].attempts == 1)
    bench.stop(engine)
    bench.clock._now -= 8 * HOUR
    bench.start(job)
    bench.clock.turn(2 * MINUTE)
    bench.seen.wait_until(lambda: any(row.status is Status.SUCCESS for row in bench.seen.ended))


def test_a_callback_is_awaited_no_longer_than_its_timeout(bench: Bench) -> None:
    webhook = {"url": bench.receiver.url("/status/202"), "completion": "callback"}
    job = bench.job(webhook=webhook, timeout="2m", retry_policy={"max_attempts": 1})
    bench.clock._now += 8 * HOUR  # before anybody looks
    engine = bench.start(job)
    bench.clock.turn(MINUTE)
    eventually(lambda: engine.executions(ExecutionQuery())[0].waiting_for)
    bench.clock.step(-8 * HOUR)
    bench.clock.turn(4 * MINUTE)
    bench.seen.wait_until(lambda: any(row.error_class == "timeout" for row in bench.seen.ended))
