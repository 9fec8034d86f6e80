"""The effect of an edited calendar on the runs of a year."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.job_ids import DefinitionId
from chronos_gitops.jobs.model import Job, JobSet, JobVersion
from chronos_gitops.jobs.planning.plan import plan
from chronos_gitops.plans import json as json_report
from chronos_gitops.plans import markdown, text
from chronos_gitops.schedule.calendars import parser

AT = datetime(2026, 12, 1, tzinfo=UTC)
WEBHOOK = {"url": "https://api.example.com/"}


def jobs(*closed: str, on_skip: str = "drop", number: int = 2, until: str = "") -> JobSet:
    files = {}
    if closed:
        calendar = parser.parse("fr", {"closed": list(closed)} | ({"covers_until": until} if until else {}))
        files["fr"] = CalendarFile("fr", "jobs/_calendars/fr.yaml", str(closed), calendar)
    known = CalendarSet.in_force(files)
    made = []
    for name in (f"nightly-{letter}" for letter in "abcdef"[:number]):
        fields = {"name": name, "schedule": "0 2 * * *", "enabled": True, "webhook": WEBHOOK}
        job = Job.from_document({**fields, "skip": ["fr"], "on_skip": on_skip})
        made.append(JobVersion(bound(job, f"jobs/{name}.yaml", None, known), f"jobs/{name}.yaml", DefinitionId("1")))
    return JobSet.of(None, made, known)


def test_a_date_that_is_added_holds_a_run_of_each_job() -> None:
    found = plan(jobs("SAT"), jobs("SAT", "2026-12-24"), at=AT)
    (change,) = found.calendars
    assert (change.name, change.operation.value, change.jobs, change.closed, change.opened) == (
        "fr",
        "changed",
        2,
        2,
        0,
    )
    assert [(run.tick.time, run.job) for run in change.runs] == [
        (datetime(2026, 12, 24, 2, tzinfo=UTC), name) for name in ("nightly-a", "nightly-b")
    ]
    assert (change.entries_added, change.entries_removed, change.more) == (("closed 2026-12-24",), (), 0)
    assert (found.changes, found.has_changes) == ((), True)


def test_a_day_that_opens_and_one_that_closes() -> None:
    (change,) = plan(jobs("2026-12-24"), jobs("2026-12-25"), at=AT).calendars
    assert (change.closed, change.opened) == (2, 2)
    changes = [(run.tick.change.value, run.tick.time.day) for run in change.runs if run.job == "nightly-a"]
    assert changes == [("opened", 24), ("closed", 25)]


def test_a_tick_that_moves_is_neither_closed_nor_open() -> None:
    (change,) = plan(jobs("2020-01-01", on_skip="next"), jobs("2026-12-24", on_skip="next"), at=AT).calendars
    assert (change.closed, change.opened, change.moved) == (0, 0, 2)
    assert change.runs[0].tick.target == datetime(2026, 12, 25, 2, tzinfo=UTC)


def test_an_earlier_day_that_is_past_holds_the_tick() -> None:
    at = datetime(2026, 12, 23, 12, tzinfo=UTC)
    found = plan(jobs("2020-01-01", on_skip="previous"), jobs("2026-12-24", on_skip="previous"), at=at)
    (change,) = found.calendars
    assert (change.closed, change.moved, change.runs[0].tick.is_past) == (2, 0, True)
    assert "moves-into-the-past" in text.render(found)


def test_only_the_first_twenty_are_listed_and_the_rest_counted() -> None:
    (change,) = plan(jobs("2020-01-01"), jobs("SAT"), at=AT).calendars
    assert (len(change.runs), change.more) == (20, 2 * 52 - 20)
    assert "and 84 more scheduled times" in text.render(plan(jobs("2020-01-01"), jobs("SAT"), at=AT))


def test_what_lies_beyond_the_horizon_is_marked() -> None:
    found = plan(jobs("2020-01-01", until="2026-12-25"), jobs("12-25", "12-26", until="2026-12-25"), at=AT)
    assert [run.is_unknown for run in found.calendars[0].runs] == [False, False, True, True]
    assert "2026-12-26T02:00:00Z ?  nightly-a" in text.render(found)


def test_the_next_runs_of_a_changed_job_are_marked_beyond_the_horizon() -> None:
    before, after = JobSet(), jobs("SAT", number=1, until="2026-12-02")
    found = plan(before, after, at=AT)
    assert "2026-12-02T02:00:00Z, 2026-12-03T02:00:00Z ?" in text.render(found)
    assert "2026-12-03T02:00:00Z ?" in markdown.render(found)
    (change,) = json_report.document(found)["changes"]
    assert change["runs_after"]["unknown"] == change["runs_after"]["next"][2:]


@pytest.mark.parametrize(
    ("closed", "on_skip", "flags"),
    [
        ("2026-12-01", "drop", ["closed: fr (2026-12-01) holds 2026-12-01T02:00:00Z"]),
        (
            "2026-12-01",
            "next",
            ["closed: fr (2026-12-01) holds 2026-12-01T02:00:00Z and moves it to 2026-12-02T02:00:00Z"],
        ),
        (
            "2026-12-01",
            "previous",
            [
                "closed: fr (2026-12-01) holds 2026-12-01T02:00:00Z and moves it to 2026-11-30T02:00:00Z",
                "moves-into-the-past: 2026-12-01T02:00:00Z would run at 2026-11-30T02:00:00Z, which is past; "
                "it does not run",
            ],
        ),
        ("2026-12-02", "drop", []),
    ],
)
def test_flags_of_a_new_job(closed: str, on_skip: str, flags: list[str]) -> None:
    (change,) = plan(JobSet(), jobs(closed, on_skip=on_skip, number=1), at=AT).changes
    said = [f"{flag.kind}: {flag.message}" for flag in change.flags]
    assert said == flags


def test_the_choice_of_a_freeze_is_content() -> None:
    def chosen(folder: str) -> JobSet:
        document = {"timezone": "UTC", "closed": ["2026-12-24"], "applies_to": {"folder": folder}}
        calendar = parser.parse("freeze", document)
        known = CalendarSet.in_force(
            {"freeze": CalendarFile("freeze", "jobs/_calendars/freeze.yaml", folder, calendar)}
        )
        found = jobs("SAT")
        bound_jobs = [replace(one, job=bound(one.job, one.path, None, known)) for one in found]
        return JobSet.of(None, bound_jobs, known)

    (change,) = plan(chosen("jobs/other"), chosen("jobs"), at=AT).calendars
    assert (change.jobs, change.closed) == (2, 2)


def test_a_reason_or_a_line_changes_nothing() -> None:
    same = jobs("SAT")
    assert plan(same, jobs("SAT"), at=AT).calendars == ()


def test_every_report_has_the_section() -> None:
    found = plan(jobs("SAT", number=1), jobs("SAT", "2026-12-24", number=1), at=AT)
    line = "fr changed: 1 job; 1 scheduled time becomes closed, 0 open, 0 move in the next 366 days"
    assert line in text.render(found)
    assert line in markdown.render(found)
    assert json_report.document(found)["calendars"] == [
        {
            "name": "fr",
            "change": "changed",
            "jobs": 1,
            "closed": 1,
            "opened": 0,
            "moved": 0,
            "entries_added": ["closed 2026-12-24"],
            "entries_removed": [],
            "runs": [
                {
                    "change": "closed",
                    "time": "2026-12-24T02:00:00Z",
                    "job": "nightly-a",
                    "moved_to": None,
                    "calendar": "fr",
                    "reason": "2026-12-24",
                    "unknown": False,
                    "flags": [],
                }
            ],
            "more": 0,
        }
    ]
