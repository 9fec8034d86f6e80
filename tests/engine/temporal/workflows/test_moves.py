"""Moves under way in a timetable: they outlive its runs, and an edit withdraws the row that names their target.

The server keeps the time and a move takes a day at least, so a timetable begins with moves that are a day old."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from harness.engine_harness import Bench, eventually, jobset
from harness.programs.temporal import run, sleep_since
from temporalio.client import Client

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, HeldBy, Reason, Status, Trigger
from chronos_gitops.engine.temporal import names
from chronos_gitops.engine.temporal.visibility import search_attributes
from chronos_gitops.engine.temporal.workflows import messages, schedule_workflow
from chronos_gitops.engine.temporal.workflows.messages import Order
from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.calendars.steps import Moves

pytestmark = pytest.mark.timeout(300)  # a server's clock, on a slow machine
JOB = "daily-backup"
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
PATIENCE = 120.0
GetClient = Callable[[], Any]


def once_at(bench: Bench, times: list[datetime], on_skip: str, *closed: datetime) -> JobSet:
    days = [f"{day:%Y-%m-%d}" for day in closed] or ["2020-01-01"]
    content = parser.parse("works", {"closed": days}, lambda _: 2)
    calendars = CalendarSet.in_force({"works": CalendarFile("works", "jobs/_calendars/works.yaml", "", content)})
    job = bench.job(
        schedule=[f"@at {at:%Y-%m-%dT%H:%M:%S}" for at in times], skip=["works"], on_skip=on_skip, concurrency="allow"
    )
    return JobSet.of("c" * 40, jobset(bound(job, f"jobs/{JOB}.yaml", None, calendars)), calendars)


def asleep(client: GetClient, jobs: JobSet, since: datetime, moves: Moves) -> None:
    async def begin() -> None:
        await sleep_since(await client(), jobs.definitions[JOB], since, moves=moves, calendars=jobs.calendars)

    run(begin())


def ends_of_runs(client: GetClient) -> list[datetime]:
    """The instants at which the timetable continued as new."""

    async def ask() -> list[datetime]:
        found: Client = await client()
        query = f"WorkflowId = '{names.timetable_id(JOB)}' AND ExecutionStatus = 'ContinuedAsNew'"
        return [one.close_time async for one in found.list_workflows(query) if one.close_time is not None]

    return run(ask())


def rows(engine: Engine) -> list[Execution]:
    found = engine.executions(ExecutionQuery(job=JOB, limit=100))
    return sorted(found, key=lambda row: row.scheduled_time)


@pytest.mark.parametrize("on_skip", ["next", "previous"])
def test_move_outlives_the_run_of_its_timetable(
    bench: Bench, client: GetClient, monkeypatch: pytest.MonkeyPatch, on_skip: str
) -> None:
    """The target of ``next`` runs, and the origin of ``previous``, whose entry is gone, does not run again. Each of the
    scheduled times before it makes the timetable continue as new."""
    monkeypatch.setattr(schedule_workflow, "CONTINUE_AFTER", 1)
    engine = bench.start()
    begin = bench.clock.now().replace(microsecond=0) + 3 * SECOND
    before, last = [begin + number * SECOND for number in range(12)], begin + 12 * SECOND
    origin, target = (last - DAY, last) if on_skip == "next" else (last, last - DAY)
    closed = [origin] if on_skip == "next" else []
    asleep(client, once_at(bench, [origin, *before], on_skip, *closed), begin - SECOND, ((origin, target),))
    eventually(lambda: rows(engine) and rows(engine)[-1].scheduled_time == last, PATIENCE)
    [row] = eventually(lambda: [row for row in rows(engine) if row.scheduled_time == last and row.status.is_final], 60)
    if on_skip == "next":
        assert (row.moved_from, row.status) == (origin, Status.SUCCESS)
    else:
        assert (row.moved_to, row.status, row.reason) == (target, Status.SKIPPED, Reason.CALENDAR)
    assert row.created_at is not None
    assert any(at < row.created_at for at in ends_of_runs(client)), "it did not continue as new before"
    assert len({one.id for one in rows(engine)}) == len(before) + 1


def held_rows(engine: Engine, days: list[datetime]) -> list[Execution]:
    """Of a scheduled time that each of these days but the last closed in turn: the rows that it leaves."""
    by = HeldBy("works", "works", "jobs/_calendars/works.yaml", 2, "a" * 40)
    made = []
    for position, (day, following) in enumerate(pairwise(days)):
        row = Execution(
            engine.tick_id(JOB, day),
            JOB,
            day,
            Trigger.SCHEDULE,
            Status.SKIPPED,
            created_at=day,
            completed_at=day,
            reason=Reason.CALENDAR,
            calendar=by,
            moved_to=following,
        )
        made.append(replace(row, moved_from=days[0]) if position else row)
    return made


async def record(client: GetClient, found: list[Execution]) -> None:
    known: Client = await client()
    for row in map(messages.row, found):
        await known.start_workflow(
            names.EXECUTION,
            Order(row, is_correction=True),
            id=row["id"],
            task_queue=names.EXECUTIONS,
            memo={names.ROW: row},
            search_attributes=search_attributes.of_row(row),
        )


def test_edit_withdraws_the_last_move_of_a_chain(bench: Bench, client: GetClient) -> None:
    """The rows of the days before keep where the scheduled time went: each leads to the next one."""
    engine = bench.start()
    now = bench.clock.now().replace(microsecond=0)
    days = [now - 2 * DAY, now - DAY, now + DAY]
    run(record(client, held_rows(engine, days)))
    asleep(client, once_at(bench, days[:1], "next", *days[:2]), now, ((days[0], days[2]),))
    eventually(lambda: len(rows(engine)) == 2, PATIENCE)
    engine.apply(jobset(bench.job(schedule="@yearly")))
    eventually(lambda: [(row.moved_to, row.message) for row in rows(engine)][1:] == [(None, "withdrawn by aaaaaaaa")])
    first, second = rows(engine)
    assert (first.moved_to, first.message) == (days[1], None)
    assert (second.scheduled_time, second.moved_from) == (days[1], days[0])
