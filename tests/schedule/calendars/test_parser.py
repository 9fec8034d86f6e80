"""Errors of an invalid calendar file, with their places."""

from typing import Any

import pytest

from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.calendars.calendar import WEEKDAYS
from chronos_gitops.schedule.calendars.parser import CalendarError
from chronos_gitops.schedule.calendars.selection import Selection

KINDS = "is no weekday, date, MM-DD or range"
FAULTS: dict[str, tuple[dict[str, Any], tuple[str | int, ...], str]] = {
    "month 13": ({"closed": ["2026-13-01"]}, ("closed", 0), f'"2026-13-01" {KINDS}'),
    "30 February": ({"closed": ["SAT", "02-30"]}, ("closed", 1), f'"02-30" {KINDS}'),
    "a word": ({"closed": ["Saturday"]}, ("closed", 0), f'"Saturday" {KINDS}'),
    "a number": ({"closed": [20261224]}, ("closed", 0), f'"20261224" {KINDS}'),
    "nothing": ({"closed": [None]}, ("closed", 0), f'"null" {KINDS}'),
    "a weekday in open": ({"closed": [], "open": ["SAT"]}, ("open", 0), '"SAT" is no date, MM-DD or range'),
    "backwards": ({"closed": [{"from": "2026-12-02", "to": "2026-12-01"}]}, ("closed", 0), "from is not before to"),
    "an empty range": (
        {"closed": [{"from": "2026-12-02T10:00", "to": "2026-12-02T10:00"}]},
        ("closed", 0),
        "from is not before to",
    ),
    "half a range": (
        {"closed": [{"from": "2026-12-02"}]},
        ("closed", 0),
        "an entry has date, or from and to, and a reason",
    ),
    "no time": (
        {"closed": [{"from": "2026-12-02T25:00", "to": "2026-12-03"}]},
        ("closed", 0),
        '"2026-12-02T25:00" is no date or local time',
    ),
    "an unknown key": (
        {"closed": [{"date": "12-25", "why": "x"}]},
        ("closed", 0),
        "an entry has date, or from and to, and a reason",
    ),
    "all weekdays": ({"closed": list(WEEKDAYS)}, ("closed",), "every weekday is closed"),
    "no closed": ({}, (), "closed is missing"),
    "no list": ({"closed": "SAT"}, ("closed",), "closed is not a list"),
    "too many": ({"closed": ["SAT"] * 1001}, ("closed",), "closed has 1001 entries, more than 1000"),
    "an unknown field": ({"closed": [], "only": ["MON"]}, ("only",), 'a calendar has no field "only"'),
    "an unknown zone": ({"closed": [], "timezone": "Paris"}, ("timezone",), 'unknown timezone "Paris"'),
    "a zone that is none": ({"closed": [], "timezone": 1}, ("timezone",), "timezone is not a text"),
    "no horizon": ({"closed": [], "covers_until": "soon"}, ("covers_until",), '"soon" is no date'),
    "no description": ({"closed": [], "description": 1}, ("description",), "description is not a text"),
    "a freeze without a zone": (
        {"closed": [], "applies_to": "all"},
        (),
        "a calendar with applies_to states its timezone",
    ),
    "chooses nothing": (
        {"closed": [], "timezone": "UTC", "applies_to": {}},
        ("applies_to",),
        "applies_to is no selection of jobs",
    ),
    "chooses by name": (
        {"closed": [], "timezone": "UTC", "applies_to": {"jobs": ["a"]}},
        ("applies_to",),
        "applies_to is no selection of jobs",
    ),
    "an empty folder": (
        {"closed": [], "timezone": "UTC", "applies_to": {"folder": "/"}},
        ("applies_to", "folder"),
        "folder is no path from the root of the repository",
    ),
    "tags of numbers": (
        {"closed": [], "timezone": "UTC", "applies_to": {"tags": {"tier": 1}}},
        ("applies_to", "tags"),
        "tags is not a map of texts",
    ),
    "no environments": (
        {"closed": [], "timezone": "UTC", "applies_to": {"environments": []}},
        ("applies_to", "environments"),
        "environments is not a list of names",
    ),
    "except by tag": (
        {"closed": [], "timezone": "UTC", "applies_to": "all", "except": {"tags": {"a": "b"}}},
        ("except",),
        "except takes names of jobs",
    ),
    "except alone": ({"closed": [], "except": {"jobs": []}}, ("except",), "except stands only beside applies_to"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str) -> None:
    document, path, message = FAULTS[name]
    with pytest.raises(CalendarError) as refusal:
        parser.parse("c", document)
    problem = refusal.value.problems[0]
    assert (problem.path, problem.message) == (path, message)
    assert problem.hint or "text" in message


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(CalendarError) as refusal:
        parser.parse("c", {"closed": ["x", "SAT", "y"], "open": ["z"], "covers_until": ""})
    assert [problem.path for problem in refusal.value.problems] == [
        ("closed", 0),
        ("closed", 2),
        ("open", 0),
        ("covers_until",),
    ]


@pytest.mark.parametrize(
    ("field", "hint"),
    [("only", "list the times of the job as @at"), ("url", "import ics"), ("rrule", "MM-DD"), ("x", "it has descr")],
)
def test_a_field_that_people_expect_is_answered_with_what_to_write(field: str, hint: str) -> None:
    with pytest.raises(CalendarError) as refusal:
        parser.parse("c", {"closed": ["SAT"], field: "x"})
    (problem,) = refusal.value.problems
    assert hint in problem.hint


def test_a_freeze() -> None:
    document = {
        "timezone": "Europe/Paris",
        "closed": [{"from": "2026-12-24T18:00", "to": "2027-01-04T06:00", "reason": "year-end freeze"}],
        "applies_to": {"folder": "jobs/payments/", "tags": {"tier": "payments"}, "environments": ["production"]},
        "except": {"jobs": ["heartbeat"]},
    }
    calendar = parser.parse("year-end", document, line=lambda path: 2 if path == ("closed", 0) else 0)
    assert calendar.applies_to == Selection(
        "jobs/payments", {"tier": "payments"}, frozenset({"production"}), frozenset({"heartbeat"})
    )
    assert (calendar.closed[0].line, calendar.closed[0].reason) == (2, "year-end freeze")
    assert not calendar.lacks_horizon


def test_a_reason_is_one_line_without_control_characters() -> None:
    """Terminals and CI logs show it, and some obey it."""
    reason = "\x1b[31mred\n::error::x\r\u202eback \ud800 \u00e9t\u00e9"
    entries = [{"date": "12-25", "reason": reason}, {"from": "2026-12-24", "to": "2026-12-26", "reason": reason}]
    calendar = parser.parse("c", {"closed": entries})
    assert [entry.reason for entry in calendar.closed] == ["[31mred ::error::x back \u00e9t\u00e9"] * 2


def test_dates_without_a_horizon_are_noticed() -> None:
    assert parser.parse("c", {"closed": ["SAT", "2026-12-25"]}).lacks_horizon
    assert not parser.parse("c", {"closed": ["SAT", "12-25"]}).lacks_horizon
    assert not parser.parse("c", {"closed": ["2026-12-25"], "covers_until": "2026-12-31"}).lacks_horizon


def test_any_value_anywhere_is_a_calendar_or_an_error_with_a_place() -> None:
    odd: list[Any] = [None, 1, 1.5, True, "", "x" * 300, [], [[]], {}, {"a": []}, "SAT", "12-25", "\ud800"]
    for key in parser.FIELDS:
        for value in odd:
            try:
                parser.parse("c", {"closed": [], key: value})
            except CalendarError as error:
                assert all(problem.message for problem in error.problems)  # noqa: PT017


@pytest.mark.parametrize("between", ["/", " - ", "..", "...", "–", " to ", " until "])
def test_two_dates_in_one_text_are_told_as_a_range(between: str) -> None:
    with pytest.raises(CalendarError) as refused:
        parser.parse("c", {"closed": [f"2026-12-24{between}2027-01-04"]})
    assert refused.value.problems[0].hint == "write {from: 2026-12-24, to: 2027-01-04}"
