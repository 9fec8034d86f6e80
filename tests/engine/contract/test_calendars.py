"""Calendars on every engine: held ticks have rows, open ones run, and an edit of a calendar decides the rest."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest
from harness.clock import RealClock
from harness.engine_harness import Bench, eventually, jobset

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status
from chronos_gitops.engine.operations.bulk import BulkAction, BulkCall
from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.schedule.calendars import parser

SECOND = timedelta(seconds=1)


PATH = "jobs/_calendars/works.yaml"


def closing(
    bench: Bench,
    after: datetime,
    until: datetime,
    *,
    commit: str = "a",
    freeze: bool = False,
    line: int = 2,
    **fields: Any,
) -> JobSet:
    """A job of every second that is closed for a while, by a calendar that it names or by a freeze."""
    entry = {"from": f"{after:%Y-%m-%dT%H:%M:%S}", "to": f"{until:%Y-%m-%dT%H:%M:%S}", "reason": "works"}
    chooses = {"applies_to": "all", "timezone": "UTC"} if freeze else {}
    calendar = parser.parse("works", {"closed": [entry], **chooses}, lambda _: line)
    calendars = CalendarSet.in_force({"works": CalendarFile("works", PATH, commit, calendar, commit=commit * 40)})
    names = {} if freeze else {"skip": ["works"]}
    job = bound(bench.job(schedule="* * * * * *", **names, **fields), "jobs/daily-backup.yaml", None, calendars)
    return JobSet.of(commit * 40, jobset(job), calendars)


def rows(engine: Engine, reason: str | None) -> list[Execution]:
    found = engine.executions(ExecutionQuery(job="daily-backup", limit=1000))
    return sorted((row for row in found if row.reason == reason), key=lambda row: row.scheduled_time)


def opened(bench: Bench) -> datetime:
    return bench.clock.now().replace(microsecond=0)


def test_held_ticks_have_a_row_and_open_ones_run(bench: Bench) -> None:
    engine = bench.build()
    engine.start()
    bench.adopt(engine)
    begin = opened(bench)
    until = begin + 12 * SECOND  # a first apply on a busy Temporal server takes seconds
    engine.apply(closing(bench, begin - 60 * SECOND, until))
    for _ in range(15):
        bench.clock.turn(SECOND)
    eventually(lambda: rows(engine, "calendar") and any(row.status == "success" for row in rows(engine, None)))
    held = rows(engine, "calendar")
    assert held[-1].scheduled_time == until - SECOND
    assert held[0].calendar is not None
    assert (held[0].calendar.name, held[0].calendar.reason, held[0].calendar.line) == ("works", "works", 2)
    assert (held[0].calendar.path, held[0].calendar.commit) == (PATH, "a" * 40)
    assert rows(engine, None)[0].scheduled_time >= until


def test_a_calendar_that_opens_lets_ticks_run_at_once(bench: Bench) -> None:
    begin = opened(bench)
    engine = bench.build()
    engine.start()
    bench.adopt(engine)
    engine.apply(closing(bench, begin - 60 * SECOND, begin + 3600 * SECOND))
    for _ in range(3):
        bench.clock.turn(SECOND)
    assert rows(engine, None) == []
    changed = opened(bench)
    engine.apply(closing(bench, begin - 60 * SECOND, begin - 30 * SECOND, commit="b"))
    for _ in range(3):
        bench.clock.turn(SECOND)
    eventually(lambda: any(row.status == "success" for row in rows(engine, None)))
    assert rows(engine, None)[0].scheduled_time > changed
    assert rows(engine, "calendar")[-1].scheduled_time <= opened(bench)
    assert rows(engine, "missed") == []


def test_an_outage_that_ends_in_closed_time_gives_its_ticks_up_and_says_which_calendar(bench: Bench) -> None:
    now = opened(bench)
    jobs = closing(bench, now - 600 * SECOND, now + 3600 * SECOND)
    [definition] = jobs
    engine = bench.after_outage(definition.job, 3600 * SECOND, first=jobs)
    missed = eventually(lambda: rows(engine, "missed"), 60)
    assert {row.calendar and (row.calendar.name, row.calendar.path, row.calendar.line) for row in missed} == {
        ("works", PATH, 2)
    }
    assert sum(row.count for row in missed) > 2000
    assert rows(engine, None) == []


def moving(bench: Bench, begin: datetime) -> JobSet:
    """A time every two seconds of a minute and a half, each of them moved to the day after the next."""
    times = [begin + 2 * position * SECOND for position in range(45)]
    days = sorted({f"{time + timedelta(days=day):%Y-%m-%d}" for time in times for day in (0, 1)})
    calendar = parser.parse("works", {"closed": days}, lambda _: 2)
    calendars = CalendarSet.in_force({"works": CalendarFile("works", PATH, "a", calendar, commit="a" * 40)})
    schedule = [f"@at {time:%Y-%m-%dT%H:%M:%S}" for time in times]
    job = bound(bench.job(schedule=schedule, skip=["works"], on_skip="next"), "jobs/daily-backup.yaml", None, calendars)
    return JobSet.of("a" * 40, jobset(job), calendars)


@pytest.mark.parametrize("how", ["an own edit", "disabled", "deleted"])
def test_move_that_an_edit_ends_is_withdrawn_from_the_row_of_its_origin(bench: Bench, how: str) -> None:
    engine = bench.build()
    engine.start()
    bench.adopt(engine)
    engine.apply(moving(bench, opened(bench)))
    for _ in range(5):
        bench.clock.turn(SECOND)
    moved = eventually(lambda: [row for row in rows(engine, "calendar") if row.moved_to is not None], 60)
    edits = {
        "an own edit": [bench.job(schedule="@yearly")],
        "disabled": [replace(moving(bench, opened(bench)).definitions["daily-backup"].job, enabled=False)],
        "deleted": [],
    }
    engine.apply(jobset(*edits[how]))
    eventually(lambda: all(row.moved_to is None for row in rows(engine, "calendar")))
    after = rows(engine, "calendar")
    assert {row.id for row in moved} <= {row.id for row in after}
    assert {row.message for row in after} == {"withdrawn by an edit" if how == "deleted" else "withdrawn by aaaaaaaa"}
    assert {row.calendar and row.calendar.path for row in after} == {PATH}
    told = [row.id for row in bench.seen.ended]
    assert len(told) == len(set(told)), "a row that is corrected is told once"


@pytest.mark.parametrize("how", ["edit", "edit after a comment", "restart", "pause", "restart and removal"])
def test_row_that_a_removed_calendar_leaves_names_its_file_and_commit(bench: Bench, how: str) -> None:
    """Whatever the runner was doing when the calendar went, and where the job goes with it."""
    begin = opened(bench)
    engine = bench.build()
    engine.start()
    bench.adopt(engine)
    closed = (begin - 60 * SECOND, begin + 3600 * SECOND)
    engine.apply(closing(bench, *closed, freeze=True))
    for _ in range(3):
        bench.clock.turn(SECOND)
    if how == "edit after a comment":
        engine.apply(closing(bench, *closed, commit="d", freeze=True, line=5))
        bench.clock.turn(SECOND)
    if how == "pause":
        engine.pause("daily-backup", reason="maintenance", by="alice")
    if "restart" in how:
        bench.stop(engine)
        bench.clock.turn(SECOND) if isinstance(bench.clock, RealClock) else bench.clock.leap(2 * SECOND)
        engine = bench.build()
        engine.start()
        bench.adopt(engine)
    engine.apply(jobset(*([] if "removal" in how else [bench.job(schedule="* * * * * *")])))
    if how == "pause":
        engine.resume("daily-backup")
    held = eventually(lambda: rows(engine, "calendar"))
    line, commit = (5, "d") if "comment" in how else (2, "a")
    assert {row.calendar and (row.calendar.path, row.calendar.line, row.calendar.commit) for row in held} == {
        (PATH, line, commit * 40)
    }


@pytest.mark.parametrize("is_bulk", [False, True], ids=["one job", "a bulk call"])
def test_pause_writes_the_row_of_the_day_under_way(bench: Bench, *, is_bulk: bool) -> None:
    begin = opened(bench)
    engine = bench.build()
    engine.start()
    bench.adopt(engine)
    engine.apply(closing(bench, begin - 60 * SECOND, begin + 3600 * SECOND))
    for _ in range(3):
        bench.clock.turn(SECOND)
    assert rows(engine, "calendar") == []
    if is_bulk:
        engine.bulk(BulkCall("1", BulkAction.PAUSE, ("daily-backup",), "alice", "maintenance", bench.clock.now()))
    else:
        engine.pause("daily-backup", reason="maintenance", by="alice")
    [first] = eventually(lambda: rows(engine, "calendar"))
    assert first.count >= 1
    assert first.scheduled_time <= opened(bench) + SECOND
    for _ in range(3):
        bench.clock.turn(SECOND)
    assert rows(engine, "calendar") == [first], "the rest follows when the pause ends"
    engine.resume("daily-backup")
    engine.apply(closing(bench, begin - 60 * SECOND, begin - 30 * SECOND, commit="b"))
    found = eventually(lambda: len(found := rows(engine, "calendar")) > 1 and found)
    assert found[0] == first
    for before, after in pairwise(found):
        assert (after.range_start or after.scheduled_time) == before.scheduled_time + SECOND
    assert sum(row.count for row in found) >= first.count + 3, "three seconds of the pause are held, too"


CLAIMED: dict[str, dict[str, Any]] = {
    "in the queue": {"path": "/hold/answer", "concurrency": "queue"},
    "in its jitter": {"jitter": "10s", "concurrency": "allow"},
    "before its retry": {"path": "/flaky/1", "concurrency": "allow", "retry_policy": {"initial_interval": "5s"}},
}


@pytest.mark.parametrize("how", CLAIMED)
def test_claimed_work_goes_on_when_a_calendar_closes_its_time(bench: Bench, how: str) -> None:
    """Law 9. The clock never leaves the time that is closed: a day."""
    begin = opened(bench)
    engine = bench.build()
    engine.start()
    bench.adopt(engine)
    engine.apply(closing(bench, begin - 7200 * SECOND, begin - 3600 * SECOND, **CLAIMED[how]))
    for _ in range(3):
        bench.clock.turn(SECOND)
    if how != "in its jitter":
        assert bench.receiver.wait_for(1, 60)
    closed = opened(bench) + SECOND
    engine.apply(closing(bench, closed, closed + timedelta(days=1), commit="b", **CLAIMED[how]))
    while bench.clock.now() < closed:
        bench.clock.turn(SECOND)
    bench.receiver.release("answer")

    def earlier() -> list[Execution]:
        return [row for row in rows(engine, None) if row.scheduled_time < closed]

    for found in passing(bench, earlier):
        ends = [row.completed_at for row in found if row.completed_at is not None]
        if ends and len(ends) == len(found) and max(ends) >= closed:
            break
    assert {row.status for row in found} == {Status.SUCCESS}
    assert [row for row in rows(engine, "calendar") if row.scheduled_time < closed] == []


def passing(bench: Bench, question: Callable[[], list[Execution]]) -> Iterator[list[Execution]]:
    """Its answers while time passes, a second of the clock each; those of a real clock take a second."""
    deadline = monotonic() + 120
    while monotonic() < deadline:
        bench.clock.turn(SECOND)
        threading.Event().wait(0.05)
        yield question()
    raise AssertionError(f"still {question()}")
