"""Which wall-clock seconds a calendar closes, and which entry says so."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.calendars.calendar import Calendar
from chronos_gitops.schedule.calendars.selection import Selection
from chronos_gitops.schedule.zones.wall_time import DAY, from_datetime, render_time


def calendar(*closed: Any, opened: tuple[Any, ...] = ()) -> Calendar:
    return parser.parse("c", {"closed": list(closed), "open": list(opened)})


def wall(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("entry", "closed", "opened"),
    [
        ("SAT", ["2026-11-28T00:00", "2026-11-28T23:59:59"], ["2026-11-27T23:59:59", "2026-11-29T00:00"]),
        ("sun", ["2026-11-29T12:00"], ["2026-11-30T00:00"]),
        ("12-25", ["2026-12-25T00:00", "2031-12-25T10:00"], ["2026-12-24T23:59:59", "2026-12-26T00:00"]),
        ("02-29", ["2028-02-29T12:00"], ["2027-02-28T12:00", "2027-03-01T12:00"]),
        ("2027-03-29", ["2027-03-29T00:00"], ["2028-03-29T00:00"]),
        ({"from": "2027-05-06", "to": "2027-05-07"}, ["2027-05-06T00:00", "2027-05-07T23:59:59"], ["2027-05-08T00:00"]),
        ({"from": "2027-05-06", "to": "2027-05-06"}, ["2027-05-06T23:59:59"], ["2027-05-07T00:00"]),
        (
            {"from": "2026-12-31T12:00", "to": "2026-12-31T18:00"},
            ["2026-12-31T12:00", "2026-12-31T17:59:59"],
            ["2026-12-31T11:59:59", "2026-12-31T18:00"],
        ),
        ({"from": "2026-12-31T12:00", "to": "2027-01-01"}, ["2027-01-01T23:59:59"], ["2027-01-02T00:00"]),
    ],
    ids=str,
)
def test_kinds_of_entries(entry: Any, closed: list[str], opened: list[str]) -> None:
    subject = calendar(entry)
    assert [text for text in closed if subject.entry_at(wall(text)) is None] == []
    assert [text for text in opened if subject.entry_at(wall(text)) is not None] == []


def test_the_first_entry_in_the_file_gives_the_reason() -> None:
    subject = calendar(
        {"date": "2026-12-25", "reason": "the date"},
        "FRI",
        {"date": "12-25", "reason": "every year"},
        {"from": "2026-12-01", "to": "2026-12-31", "reason": "the month"},
    )
    assert [subject.entry_at(wall(text)).reason for text in ("2026-12-25T08:00", "2026-12-26T08:00")] == [  # type: ignore[union-attr]  # both are closed
        "the date",
        "the month",
    ]
    friday = subject.entry_at(wall("2026-12-18T08:00"))
    assert friday is not None
    assert friday.text == "FRI"


def test_open_wins_over_closed_of_the_same_file() -> None:
    subject = calendar("SAT", opened=("2026-10-10", {"from": "2026-10-17T08:00", "to": "2026-10-17T12:00"}))
    closed = {text: subject.entry_at(wall(text)) is not None for text in ("2026-10-10T09:00", "2026-10-17T07:59")}
    assert closed == {"2026-10-10T09:00": False, "2026-10-17T07:59": True}
    assert subject.opens_at(wall("2026-10-17T00:00"), wall("2026-11-01T00:00")) == wall("2026-10-17T08:00")


def test_dates_end_with_the_horizon_and_weekdays_and_yearly_days_do_not() -> None:
    closed = ["SAT", "12-25", "2027-12-31", "2028-01-03", {"from": "2027-12-30", "to": "2028-01-05"}]
    subject = parser.parse("c", {"closed": closed, "open": ["2028-01-08"], "covers_until": "2027-12-31"})
    closed_at = ["2027-12-31T23:59:59", "2028-01-01T12:00", "2028-01-08T12:00", "2028-12-25T12:00"]
    assert [text for text in closed_at if subject.entry_at(wall(text)) is None] == [], "Saturdays and Christmas go on"
    open_at = ["2028-01-03T12:00", "2028-01-04T12:00"]
    assert [text for text in open_at if subject.entry_at(wall(text)) is not None] == []
    assert [entry.text for entry in subject.beyond_horizon] == ["2028-01-03", "2027-12-30 to 2028-01-05", "2028-01-08"]
    assert parser.parse("c", {"closed": ["2028-01-03"]}).beyond_horizon == ()


def test_a_long_stretch_is_jumped() -> None:
    subject = calendar({"from": "2026-01-01", "to": "2126-01-01"})
    opens = subject.opens_at(wall("2026-06-01T00:00"), wall("2200-01-01T00:00"))
    assert opens is not None
    assert render_time(opens) == "2126-01-02T00:00"
    assert subject.opens_at(wall("2026-06-01T00:00"), wall("2036-06-01T00:00")) is None


def test_a_freeze_chooses_jobs() -> None:
    chosen = Selection("jobs/pay", {"tier": "*", "team": "a"}, frozenset({"production"}), frozenset({"heartbeat"}))
    tags = {"tier": "gold", "team": "a"}
    assert chosen.chooses("x", "jobs/pay/x.yaml", tags, "production")
    assert not chosen.chooses("heartbeat", "jobs/pay/h.yaml", tags, "production")
    assert not chosen.chooses("x", "jobs/payments/x.yaml", tags, "production")
    assert not chosen.chooses("x", "jobs/pay/x.yaml", {"team": "a"}, "production")
    assert not chosen.chooses("x", "jobs/pay/x.yaml", tags, None)


_DAY = st.integers(0, 30).map(lambda days: f"{datetime(2026, 12, 1) + timedelta(days=days):%Y-%m-%d}")  # noqa: DTZ001
_TIME = st.integers(0, 30 * 24).map(lambda hours: f"{datetime(2026, 12, 1) + timedelta(hours=hours):%Y-%m-%dT%H:%M}")  # noqa: DTZ001


def _range(pair: tuple[str, str]) -> dict[str, str]:
    return {"from": min(pair), "to": max(pair)}


_RANGE = st.tuples(_TIME, _TIME).filter(lambda pair: pair[0] != pair[1]).map(_range) | st.tuples(_DAY, _DAY).map(_range)
_DATED = st.one_of(_DAY, _RANGE)


@settings(deadline=None)
@given(st.lists(_DATED | st.sampled_from(["SAT", "12-24"]), max_size=8), st.lists(_DATED, max_size=3))
def test_overlapping_ranges_answer_as_one_look_at_each(closed: list[Any], opened: list[Any]) -> None:
    subject = calendar(*closed, opened=tuple(opened))
    singles = [calendar(entry) for entry in closed]
    exempt = calendar(*opened)
    at = wall("2026-12-01T00:00")
    while at < wall("2027-01-02T00:00"):
        expected = [entry.closed[0].text for entry in singles if entry.entry_at(at) is not None]
        found = subject.entry_at(at)
        wanted = expected[0] if expected and exempt.entry_at(at) is None else None
        assert (found.text if found else None) == wanted
        change = subject.change_after(at)
        assert at < change <= (at // DAY + 1) * DAY
        last = subject.entry_at(change - 1)
        assert (last.text if last else None) == wanted
        at += 3600
