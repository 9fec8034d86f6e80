"""Whole titles and lines of messages about expectations, guard, preflight and calendars."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chronos_gitops.engine.model import Execution, Gate, Reason, Status, Trigger
from chronos_gitops.expectations.guard import GuardVerdict, judge, reason
from chronos_gitops.expectations.guard_watch import GuardRecord
from chronos_gitops.expectations.judging.state import Expectation, ExpectationState
from chronos_gitops.expectations.preflight.records import PreflightFailure
from chronos_gitops.jobs.calendar_set import CalendarFile
from chronos_gitops.jobs.model import Job
from chronos_gitops.jobs.promises.expect import ExpectationKind
from chronos_gitops.notifications.incidents import ChangeKind, Incident, IncidentChange
from chronos_gitops.notifications.message import Past
from chronos_gitops.notifications.messages.action import after_failure
from chronos_gitops.notifications.messages.calendar import of_horizon
from chronos_gitops.notifications.messages.expectation import of_expectation, sentence
from chronos_gitops.notifications.messages.guard import of_guard
from chronos_gitops.notifications.messages.preflight import of_preflight
from chronos_gitops.schedule.calendars import parser
from chronos_gitops.webhooks.preflight.checks import PreflightCheck

NOW = datetime(2026, 3, 8, 7, tzinfo=UTC)
SINCE = NOW - timedelta(hours=2)
JOB = Job.from_document({"name": "daily-backup", "schedule": "@daily", "webhook": {"url": "http://127.0.0.1:9/"}})
NOTHING = Past(None, ())
FAILED = Execution("id-1", JOB.name, SINCE, Trigger.SCHEDULE, Status.FAILED, attempts=1, error="503", commit="c" * 40)


def change(news: ChangeKind) -> IncidentChange:
    return IncidentChange("2", news, Incident("1", "first", SINCE, 3, 1, NOW), None, ("fault",))


def broken(kind: ExpectationKind, limit: str, found: str = "") -> Expectation:
    return Expectation(kind, limit, ExpectationState.BROKEN, NOW, SINCE, found, None)


TITLES = {
    "did not start within 2m": broken(ExpectationKind.START_WITHIN, "2m"),
    "runs longer than 10m": broken(ExpectationKind.MAX_DURATION, "10m"),
    "took 0.4s, less than 1s": broken(ExpectationKind.MIN_DURATION, "1s", "400ms"),
    "did not finish by 06:00": broken(ExpectationKind.FINISH_BY, "06:00"),
    "has had no success for 26h": broken(ExpectationKind.SUCCESS_EVERY, "26h"),
}


@pytest.mark.parametrize("title", TITLES)
def test_titles_of_expectations(title: str) -> None:
    assert sentence(TITLES[title]) == title
    letter = of_expectation(change(ChangeKind.STILL_FAILING), JOB, TITLES[title], NOTHING, "", NOW)
    assert letter.title == f"still: daily-backup {title}"
    assert letter.lines[-1] == "See what ran: chronos-gitops executions daily-backup"


GATED = Execution("id-2", JOB.name, SINCE, Trigger.SCHEDULE, Status.SKIPPED, Reason.REQUIRES)
GATED = replace(GATED, requires=Gate("nightly-extract", SINCE, NOW))
OVERLAP = replace(GATED, reason=Reason.OVERLAP, requires=None)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (GATED, "was skipped: it waited for a success of nightly-extract from 2026-03-08T05:00:00Z to "),
        (OVERLAP, "was skipped: the execution before it was still running, and the job forbids an overlap."),
        (replace(OVERLAP, status=Status.PENDING, reason=None), "is recorded and waits for its turn."),
        (replace(OVERLAP, reason=Reason.MISSED), None),
        (replace(FAILED, started_at=SINCE), None),
    ],
)
def test_a_time_that_did_not_start_says_why(run: Execution, words: str | None) -> None:
    one = TITLES["did not start within 2m"]
    letter = of_expectation(replace(change(ChangeKind.FAILING), about=run), JOB, one, NOTHING, "", NOW)
    assert letter.lines[1] == "Expected: start_within 2m"
    assert (words or "Last good run") in letter.lines[2]
    shown = "each attempt" if run.attempts else "the execution"
    assert letter.lines[-1] == f"See {shown}: chronos-gitops executions --id {run.id}"


def test_data_of_a_broken_expectation() -> None:
    job = Job.from_document(JOB.document() | {"tags": {"team": "data"}})
    one = broken(ExpectationKind.MIN_DURATION, "1s", "400ms")
    found = of_expectation(replace(change(ChangeKind.FAILING), about=FAILED), job, one, NOTHING, "http://x", NOW).data
    assert found is not None
    assert found["expectation"] == {
        "kind": "min_duration",
        "limit": "1s",
        "due_at": "2026-03-08T05:00:00Z",
        "since": "2026-03-08T07:00:00Z",
        "found": "400ms",
    }
    assert (found["job"], found["tags"], found["incident"]) == (JOB.name, {"team": "data"}, "1")
    assert (found["execution"]["id"], found["last_success"], found["changes"]) == ("id-1", None, [])
    assert all(link.startswith("http://x/") for link in found["links"].values())
    rest = found.keys() - {"job", "tags", "expectation", "incident", "execution", "last_success", "changes", "links"}
    assert rest == {"changed", "changes_total"}


def test_an_expectation_that_is_met_again() -> None:
    one = broken(ExpectationKind.FINISH_BY, "06:00")
    letter = of_expectation(change(ChangeKind.RECOVERED), JOB, one, NOTHING, "", NOW)
    assert letter.title == "daily-backup keeps finish_by 06:00 again"
    assert letter.lines == ("It was broken since 2026-03-08 05:00:00 UTC, and was met at 2026-03-08 07:00:00 UTC.",)


def test_actions() -> None:
    assert after_failure(JOB.name, FAILED, NOTHING) == "See each attempt: chronos-gitops executions --id id-1"
    assert after_failure(JOB.name, None, NOTHING) == "See what ran: chronos-gitops executions daily-backup"


def test_the_guard_without_a_version_to_go_back_to() -> None:
    why = reason(None, "1a2b3c4d5e", judge([FAILED], {"c" * 40}, 1))
    assert why == "an unnumbered version (1a2b3c4d) failed its first run"
    record = GuardRecord("digest", ("c" * 40,), None, GuardVerdict.STOPPED, why)
    letter = of_guard(change(ChangeKind.FAILING), JOB, record, [FAILED], NOTHING, "", NOW)
    assert letter.title == "daily-backup is paused: a new version only fails"
    assert f"The guard has paused it: {why}." in letter.lines
    assert letter.lines[-1] == "Run it on: chronos-gitops resume daily-backup"


def test_a_preflight_that_passes_again() -> None:
    failure = PreflightFailure(PreflightCheck.CONNECT, "no connection", "h", NOW, SINCE, NOW)
    letter = of_preflight(change(ChangeKind.RECOVERED), JOB, failure, NOTHING, "", NOW)
    assert letter.title == "daily-backup passes its preflight again"
    assert letter.lines == ("It failed since 2026-03-08 05:00:00 UTC.",)


def calendar(covers_until: str | None) -> CalendarFile:
    document = {"closed": ["2026-12-25"]} | ({} if covers_until is None else {"covers_until": covers_until})
    return CalendarFile("fr", "jobs/_calendars/fr.yaml", "", parser.parse("fr", document))


def test_a_calendar_whose_dates_end_soon() -> None:
    letter = of_horizon(change(ChangeKind.FAILING), calendar("2026-03-31"), 2, "", NOW)
    assert letter.title == "fr is complete until 2026-03-31, 23 days from now; 2 jobs follow it"
    assert "After that day dates do not count: jobs run as on any other day." in letter.lines
    assert any(line.endswith(", and move covers_until.") for line in letter.lines)
    assert letter.lines[-1] == "Check the calendars: chronos-gitops validate"


@pytest.mark.parametrize(
    ("until", "line"),
    [("2027-12-31", "It is complete until 2027-12-31."), (None, "It is complete until further notice.")],
)
def test_a_calendar_that_has_more_dates_again(until: str | None, line: str) -> None:
    letter = of_horizon(change(ChangeKind.RECOVERED), calendar(until), 2, "", NOW)
    assert letter.title == "fr has more dates again"
    assert letter.lines == (line, "It lasted since 2026-03-08 05:00:00 UTC.")
