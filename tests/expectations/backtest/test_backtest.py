"""A changed job put through past days."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from chronos_gitops.engine.model import Execution, Reason, Status, Trigger
from chronos_gitops.expectations.backtest import backtest as module
from chronos_gitops.expectations.backtest.backtest import backtest
from chronos_gitops.expectations.backtest.past_runs import PastRuns
from chronos_gitops.expectations.backtest.simulation import RealRun, nearest_to, simulate
from chronos_gitops.expectations.judging.evaluate import evaluate
from chronos_gitops.expectations.judging.state import ExpectationState
from chronos_gitops.jobs.model import Concurrency, Job
from chronos_gitops.jobs.promises.backtest import Backtest
from chronos_gitops.schedule.calendars.parser import parse

NOW = datetime(2026, 11, 29, tzinfo=UTC)
SINCE = NOW - timedelta(days=2)
EVERY_10_MINUTES = "*/10 * * * *"
MINUTE = timedelta(minutes=1)


def job(schedule: str = EVERY_10_MINUTES, **fields: Any) -> Job:
    document = {"name": "a", "schedule": schedule, "enabled": True, "webhook": {"url": "http://x.example"}}
    return Job.from_document(document | fields)


def row(tick: datetime, minutes: float = 1, status: Status = Status.SUCCESS, commit: str = "one") -> Execution:
    made = Execution(tick.isoformat(), "a", tick, Trigger.SCHEDULE, status, None, 1, created_at=tick, started_at=tick)
    return replace(made, completed_at=tick + minutes * MINUTE, status_code=200, commit=commit)


def rows(minutes: float = 1, schedule: str = EVERY_10_MINUTES) -> list[Execution]:
    return [row(tick, minutes) for tick in job(schedule).timing.between(SINCE, NOW - timedelta(hours=1))]


def outlook_of(before: Job, after: Job, found: list[Execution]) -> Backtest:
    return backtest(before, after, found, days=2, now=NOW)


def test_a_denser_schedule_skips_what_falls_into_a_slow_run() -> None:
    found = outlook_of(job(), job("* * * * *"), rows(minutes=2.5))
    assert found.before is not None
    assert found.after is not None
    assert found.actual is not None
    assert (found.before.ticks, found.before.overlap) == (288, 0)
    assert (found.after.ticks, found.after.overlap) == (2880, 1920)
    assert (found.actual.ran, found.actual.overlap, found.actual.p95_ms) == (282, 0, 150_000)


@pytest.mark.parametrize(
    ("concurrency", "overlap", "replaced"), [("forbid", 1920, 0), ("allow", 0, 0), ("replace", 0, 2879)]
)
def test_each_concurrency_is_simulated(concurrency: str, overlap: int, replaced: int) -> None:
    after = outlook_of(job(), job("* * * * *", concurrency=concurrency), rows(minutes=2.5)).after
    assert after is not None
    assert (after.ticks, after.overlap, after.replaced) == (2880, overlap, replaced)


def test_a_queue_skips_after_100() -> None:
    made = simulate(job("* * * * *", concurrency="queue"), [RealRun(NOW, 3 * MINUTE, Status.SUCCESS)], SINCE, NOW)
    first = next(position for position, one in enumerate(made) if one.reason == Reason.OVERLAP)
    waiting = [one for one in made[:first] if one.started_at and one.started_at > made[first].scheduled_time]
    assert len(waiting) == 100


def test_a_timeout_says_what_it_would_have_cut() -> None:
    slow, fast, retried, failed = (row(SINCE + hour * MINUTE * 60, hour % 2 + 1) for hour in (1, 2, 3, 5))
    found = [slow, fast, replace(retried, attempts=2), replace(failed, status=Status.FAILED)]
    after = outlook_of(job(timeout="5m"), job(timeout="90s"), found).after
    assert after is not None
    assert (after.cut, after.undecided) == (1, 1)


def test_success_codes_say_what_they_would_have_failed() -> None:
    found = [replace(one, status_code=code) for one, code in zip(rows(), (200, 204, 204), strict=False)]
    after = outlook_of(job(), job(webhook={"url": "http://x.example", "success_codes": [200]}), found).after
    assert after is not None
    assert after.refused == 2


def test_an_expectation_counts_how_often_it_would_have_become_broken() -> None:
    lengths = [1, 12, 12, 1, 1, 12, 1]
    found = [
        row(tick, length) for tick, length in zip(job("@hourly").timing.between(SINCE, NOW), lengths, strict=False)
    ]
    before, after = job("@hourly"), job("@hourly", expect={"max_duration": "10m", "success_every": "3h"})
    outlook = outlook_of(before, after, found).after
    assert outlook is not None
    assert outlook.broken == {"max_duration": 2, "success_every": 1}


def test_the_guard_counts_versions_that_it_would_have_paused() -> None:
    ticks = list(job("@hourly").timing.between(SINCE, NOW))
    outcomes = [("one", True), ("two", False), ("two", False), ("three", True), ("four", False), ("four", True)]
    found = [
        row(tick, status=Status.SUCCESS if is_good else Status.FAILED, commit=commit)
        for tick, (commit, is_good) in zip(ticks, outcomes, strict=False)
    ]
    guarded = outlook_of(job("@hourly"), job("@hourly", guard={"executions": 2}), found).after
    assert guarded is not None
    assert guarded.guarded == 1


@pytest.mark.parametrize(
    "left_out",
    [
        {"draft": True},
        {"trigger": Trigger.REPLAY},
        {"status": Status.RUNNING, "completed_at": None},
        {"scheduled_time": NOW},
        {"scheduled_time": SINCE - MINUTE},
    ],
)
def test_what_says_nothing_of_the_job_is_left_out(left_out: dict[str, Any]) -> None:
    found = outlook_of(job(), job("@hourly"), [replace(row(SINCE + MINUTE), **left_out)])
    assert (found.rows, found.before, found.after, found.actual) == (0, None, None, None)


def test_more_rows_than_it_reads_begin_where_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 10)
    newest = rows()[-10:]
    found = outlook_of(job(), job("@hourly"), newest)
    assert not found.complete
    assert found.since == newest[0].scheduled_time


def test_more_scheduled_times_than_it_simulates_begin_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TICKS", 100)
    found = outlook_of(job(), job("* * * * *"), rows())
    assert not found.complete
    assert found.since == NOW - 100 * MINUTE
    assert found.before is not None
    assert found.before.ticks == 10


def test_a_record_that_begins_late_says_how_many_scheduled_times_are_older() -> None:
    """They take the duration of its first run, so their numbers are no record."""
    actual = outlook_of(job(), job(timeout="30s"), rows()[-7:]).actual
    assert actual is not None
    assert (actual.ran, actual.begins, actual.earlier) == (7, NOW - timedelta(hours=2), 276)
    whole = outlook_of(job(), job(timeout="30s"), rows()).actual
    assert whole is not None
    assert whole.earlier == 1, "the very beginning of the two days"
    yearly = outlook_of(job("0 12 * * *"), job("0 12 * * *", timeout="30s"), [row(NOW - timedelta(hours=12))]).actual
    assert yearly is not None
    assert yearly.earlier == 1


def test_of_two_as_near_the_earlier_run_counts() -> None:
    times = [NOW, NOW + 10 * MINUTE]
    assert [nearest_to(NOW + minute * MINUTE, times) for minute in (-1, 0, 5, 6, 11)] == [0, 0, 0, 1, 1]


def closed(made: Job, day: str) -> Job:
    """Follows a calendar that is closed on that day, as a job of a loaded tree does."""
    calendar = parse("holidays", {"closed": [day], "timezone": "UTC"})
    return replace(made, timing=made.timing.with_calendars((calendar,), ()))


def test_times_that_a_calendar_drops_are_not_simulated() -> None:
    found = outlook_of(job("@hourly"), closed(job("@hourly", skip=["holidays"]), "2026-11-28"), rows())
    assert found.before is not None
    assert found.after is not None
    assert (found.before.ticks, found.after.ticks) == (48, 24), "the second of two days"


def test_a_time_that_a_calendar_moves_is_simulated_where_it_goes() -> None:
    """Each Friday at noon; that Friday is closed."""
    friday = job("0 12 * * FRI", skip=["holidays"], on_skip="next")
    [made] = simulate(closed(friday, "2026-11-27"), [RealRun(NOW, MINUTE, Status.SUCCESS)], SINCE, NOW)
    assert made.scheduled_time == made.started_at == datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_a_day_that_a_calendar_drops_breaks_no_expectation() -> None:
    """Executions of the first day alone, beside the same without a calendar."""
    first = [one for one in rows(schedule="@hourly") if one.scheduled_time < SINCE + timedelta(days=1)]
    before = job("@hourly", skip=["holidays"])
    after = job("@hourly", skip=["holidays"], expect={"success_every": "3h"})
    followed = outlook_of(closed(before, "2026-11-28"), closed(after, "2026-11-28"), first).after
    ignored = outlook_of(before, after, first).after
    assert followed is not None
    assert ignored is not None
    assert (followed.broken, ignored.broken) == ({"success_every": 0}, {"success_every": 1})


def test_a_disabled_job_has_no_scheduled_times() -> None:
    after = outlook_of(job(), job(enabled=False), rows()).after
    assert after is not None
    assert after.ticks == 0


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("concurrency", ["forbid", "allow", "replace", "queue"])
def test_an_unchanged_job_simulates_to_what_was(seed: int, concurrency: str) -> None:
    """The oracle is a clock that walks second by second."""
    random = Random(seed)
    same = job(random.choice(["* * * * *", "*/7 * * * *"]), concurrency=concurrency, timeout="1h")
    until = SINCE + timedelta(hours=3)
    was = list(walked(same, random, SINCE, until))
    real = [RealRun(one.scheduled_time, length, one.status) for one, length in was if length is not None]
    made = simulate(same, real, SINCE, until)
    assert [shown(one) for one in made] == [shown(one) for one, _ in was]


def shown(one: Execution) -> tuple[Any, ...]:
    return one.scheduled_time, one.status, one.reason, one.started_at, one.completed_at


def walked(job: Job, random: Random, since: datetime, until: datetime) -> Iterator[tuple[Execution, timedelta | None]]:
    """Rows with the duration that each would have had alone; one that does not start has none."""
    ticks = set(job.timing.between(since, until))
    found: list[tuple[Execution, timedelta | None]] = []
    running: list[int] = []
    waiting: list[int] = []
    now = since
    while now <= until or running or waiting:
        running = [one for one in running if end_of(found[one][0]) > now]
        while waiting and not running:
            first = waiting.pop(0)
            execution, length = found[first]
            assert length is not None
            found[first] = replace(execution, started_at=now, completed_at=now + length), length
            running.append(first)
        if now in ticks:
            made = row(now, status=Status.SUCCESS)
            length = timedelta(seconds=random.randrange(1, 200))
            is_busy = bool(running) and job.concurrency is not Concurrency.ALLOW
            if is_busy and job.concurrency is Concurrency.FORBID:
                skipped = replace(made, status=Status.SKIPPED, reason=Reason.OVERLAP, started_at=None, completed_at=now)
                found.append((skipped, None))
            elif is_busy and job.concurrency is Concurrency.QUEUE:
                waiting.append(len(found))
                found.append((made, length))
            else:
                for one in running if job.concurrency is Concurrency.REPLACE else ():
                    cut = {"status": Status.CANCELLED, "reason": Reason.REPLACED, "completed_at": now}
                    found[one] = replace(found[one][0], **cut), found[one][1]
                running = [*(running if job.concurrency is Concurrency.ALLOW else ()), len(found)]
                found.append((replace(made, completed_at=now + length), length))
        now += timedelta(seconds=1)
    yield from found


def end_of(execution: Execution) -> datetime:
    assert execution.completed_at is not None
    return execution.completed_at


@pytest.mark.parametrize("seed", range(10))
def test_past_runs_say_at_each_instant_what_was_known_then(seed: int) -> None:
    """Beside all rows filtered by hand, for every kind."""
    from harness.listed_runs import ListedRuns

    random = Random(seed)
    limits = {"start_within": "1m", "max_duration": "4m", "min_duration": "2m", "success_every": "25m"}
    limits["finish_by"] = "06:00"
    asked = job(expect=limits)
    found = [
        row(tick, random.randrange(1, 9), random.choice([Status.SUCCESS, Status.SUCCESS, Status.FAILED]))
        for tick in asked.timing.between(SINCE, SINCE + timedelta(hours=8))
        if random.random() < 0.9
    ]
    past = PastRuns(found)
    assert asked.expect is not None
    since = dict.fromkeys(asked.expect.limits(), SINCE)
    states = set()
    for _ in range(60):
        now = SINCE + timedelta(seconds=random.randrange(8 * 3600))
        told = evaluate(asked, past.at(now), (), since, now)
        known = [replace(one, status=Status.RUNNING, completed_at=None) if end_of(one) > now else one for one in found]
        assert told == evaluate(asked, ListedRuns(known, now), (), since, now)
        states |= {(one.kind, one.state) for one in told}
    assert len(states & {(kind, ExpectationState.BROKEN) for kind in since}) >= 3
