"""Jobs with a calendar, one for each ``on_skip``, and the laws that their rows keep (TIME section 3)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from harness.engine_harness import Bench, jobset

from chronos_gitops.engine.model import Execution, ExecutionQuery, Reason, Status, Trigger
from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.model import Job, JobSet
from chronos_gitops.schedule.calendars import parser

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SCHEDULE = ["0 9 * * *", "30 2 * * MON-FRI"]
NAMES = ("drop", "next", "previous")
EVERYTHING = ExecutionQuery(limit=100_000)
PATH = "jobs/_calendars/fr.yaml"


def job_set(bench: Bench, closed: Sequence[str], number: int) -> JobSet:
    """As the commit with that number has them; each entry of the calendar stands in a line of its own, from 2 on."""
    commit = f"{number:040x}"
    lines = {("closed", position): 2 + position for position in range(len(closed))}
    content = parser.parse("fr", {"closed": list(closed), "timezone": "Europe/Paris"}, lambda at: lines.get(at[:2], 1))
    known = CalendarSet.in_force({"fr": CalendarFile("fr", PATH, commit, content, commit=commit)})
    jobs = (bound(job, f"jobs/{job.name}.yaml", None, known) for job in _definitions(bench))
    return JobSet.of(commit, jobset(*jobs), known)


def _definitions(bench: Bench) -> Iterator[Job]:
    fields = {"timezone": "Europe/Paris", "skip": ["fr"], "concurrency": "allow", "schedule": SCHEDULE}
    for name in NAMES:
        yield bench.job(name, on_skip=name, catchup_window="100h", missed_run_policy="execute_all", **fields)


def judge(
    jobs: JobSet,
    found: Sequence[Execution],
    now: datetime,
    *,
    since: datetime = START,
    late: timedelta = timedelta(minutes=2),
) -> None:
    """Every scheduled time from ``since`` to a day before ``now`` is a row; none runs twice, itself or moved; none runs
    held, and none later than ``late`` but after a pause or an outage."""
    for definition in jobs:
        rows = [row for row in found if row.job == definition.job.name]
        _judge_rows(definition.job, rows, late)
        missing = without_row(definition.job, rows, since, now - DAY)
        assert missing == [], f"{definition.job.name}: law 5, without a row {missing} of {since} to {now - DAY}"


def without_row(job: Job, rows: Sequence[Execution], since: datetime, until: datetime) -> list[datetime]:
    """The row of a held date is written when its last held tick passes."""
    known = {tick for row in rows for tick in _covered(job, row)}
    return [tick for tick in job.timing.nominal_between(since, until) if tick not in known]


def _judge_rows(job: Job, rows: Sequence[Execution], late: timedelta) -> None:
    ran = Counter(row.scheduled_time for row in rows if row.status is not Status.SKIPPED)
    assert [tick for tick, count in ran.items() if count > 1] == [], f"{job.name}: law 2"
    origins = [row.moved_from for row in rows if row.moved_from is not None and row.status is not Status.SKIPPED]
    own = {row.scheduled_time for row in rows if row.moved_from is None and row.status is not Status.SKIPPED}
    assert not {*origins} & own, f"{job.name}: ran, and ran moved"
    held = Counter(tick for row in rows if row.reason == Reason.CALENDAR for tick in _covered(job, row))
    assert not held.keys() & ran.keys(), f"{job.name}: held and ran"
    for row in rows:
        if row.trigger is Trigger.SCHEDULE and row.status is not Status.SKIPPED:
            assert row.created_at is not None
            assert row.created_at - row.scheduled_time <= late, f"{job.name}: late {row}"


def _covered(job: Job, row: Execution) -> Iterator[datetime]:
    if row.range_start is None:
        return iter([row.scheduled_time])
    return job.timing.nominal_between(row.range_start - timedelta(milliseconds=1), row.scheduled_time)
