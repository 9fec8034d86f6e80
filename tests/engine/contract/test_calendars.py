"""Calendars on every engine: held ticks have rows, open ones run, and an edit of a calendar decides the rest."""

from datetime import datetime, timedelta

from harness.engine_harness import Bench, eventually, jobset

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery
from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.schedule.calendars import parser

SECOND = timedelta(seconds=1)


def closing(bench: Bench, after: datetime, until: datetime, *, commit: str = "a") -> JobSet:
    """A job of every second that is closed for a while."""
    entry = {"from": f"{after:%Y-%m-%dT%H:%M:%S}", "to": f"{until:%Y-%m-%dT%H:%M:%S}", "reason": "works"}
    calendar = parser.parse("works", {"closed": [entry]}, lambda _: 2)
    path = "jobs/_calendars/works.yaml"
    calendars = CalendarSet.in_force({"works": CalendarFile("works", path, commit, calendar, commit=commit * 40)})
    job = bound(bench.job(schedule="* * * * * *", skip=["works"]), "jobs/daily-backup.yaml", None, calendars)
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
    assert (held[0].calendar.path, held[0].calendar.commit) == ("jobs/_calendars/works.yaml", "a" * 40)
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
        ("works", "jobs/_calendars/works.yaml", 2)
    }
    assert sum(row.count for row in missed) > 2000
    assert rows(engine, None) == []
