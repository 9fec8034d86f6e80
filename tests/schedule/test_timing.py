"""Ticks with lists, bounds, calendars and moves: the worked examples of TIME."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.calendars.calendar import Calendar
from chronos_gitops.schedule.errors import ScheduleError
from chronos_gitops.schedule.schedule_list import ScheduleList
from chronos_gitops.schedule.timing import OnSkip, Timing

PARIS = "Europe/Paris"
FR = ["SAT", "SUN", "01-01", "05-01", "05-08", "07-14", "08-15", "11-01", "11-11", "12-25"]
FR += ["2026-04-06", "2026-05-14", "2026-05-25"]
FREEZE = [{"from": "2026-12-24T18:00", "to": "2027-01-04T06:00", "reason": "year-end freeze"}]


def calendar(*closed: Any, name: str = "c", zone: str = "", opened: Sequence[Any] = ()) -> Calendar:
    document: dict[str, Any] = {"closed": list(closed), "open": list(opened)}
    return parser.parse(name, document | ({"timezone": zone} if zone else {}))


def timing(
    schedule: str | list[str], *calendars: Calendar, on_skip: str = "drop", zone: str = PARIS, **bounds: str
) -> Timing:
    texts = [schedule] if isinstance(schedule, str) else schedule
    return Timing(ScheduleList.parse(texts, zone), skip=calendars, on_skip=OnSkip(on_skip), **bounds)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def rendered(ticks: Sequence[datetime]) -> list[str]:
    return [f"{tick:%Y-%m-%dT%H:%M}" for tick in ticks]


EXAMPLES = {
    "last working day": (
        timing("0 18 L * *", calendar(*FR), on_skip="previous"),
        "2026-05-01",
        [
            "2026-05-29T16:00",
            "2026-06-30T16:00",
            "2026-07-31T16:00",
            "2026-08-31T16:00",
            "2026-09-30T16:00",
            "2026-10-30T17:00",
            "2026-11-30T17:00",
            "2026-12-31T17:00",
        ],
    ),
    "last working day, at the end of the year": (
        timing("0 18 L * *", calendar(*FR), on_skip="previous"),
        "2026-10-01",
        ["2026-10-30T17:00", "2026-11-30T17:00", "2026-12-31T17:00"],
    ),
    "first business day": (
        timing("0 9 1 * *", calendar(*FR), on_skip="next"),
        "2026-01-01",
        ["2026-01-02T08:00", "2026-02-02T08:00", "2026-03-02T08:00", "2026-04-01T07:00", "2026-05-04T07:00"],
    ),
    "weekdays, else the day before": (
        timing("0 9 * * MON-FRI", calendar(*FR), on_skip="previous"),
        "2026-05-13",
        ["2026-05-13T07:00", "2026-05-15T07:00", "2026-05-18T07:00"],
    ),
    "a freeze in the middle": (
        timing("*/15 * * * *", calendar(*FREEZE)),
        "2026-12-24T16:30",
        ["2026-12-24T16:45", "2027-01-04T05:00", "2027-01-04T05:15"],
    ),
    "holidays and a freeze, next": (
        timing("0 2 1 * *", calendar(*FR), calendar(*FREEZE, name="d"), on_skip="next"),
        "2026-12-20",
        ["2027-01-05T01:00", "2027-02-01T01:00"],
    ),
    "holidays and a freeze, previous": (
        timing("0 2 1 * *", calendar(*FR), calendar(*FREEZE, name="d"), on_skip="previous"),
        "2026-12-20",
        ["2026-12-24T01:00", "2027-02-01T01:00"],
    ),
    "the target falls into a gap": (
        timing("30 2 27 3 *", calendar("SAT"), on_skip="next"),
        "2027-03-01",
        ["2027-03-28T01:00"],
    ),
    "the origin fell into a gap": (
        timing("30 2 28 3 *", calendar("SUN"), on_skip="next"),
        "2027-03-01",
        ["2027-03-29T00:30"],
    ),
    "the target comes twice": (
        timing("30 2 24 10 *", calendar("SAT"), on_skip="next"),
        "2026-10-01",
        ["2026-10-25T00:30"],
    ),
    "nothing closes again in a repeated hour": (
        timing("*/30 * * * *", calendar({"from": "2026-10-24T22:00", "to": "2026-10-25T02:30"})),
        "2026-10-24T20:15",
        ["2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30"],
    ),
    "midnight is skipped": (
        timing("0 0 * * *", calendar("2026-04-24"), zone="Africa/Cairo"),
        "2026-04-22T21:00",
        ["2026-04-22T22:00", "2026-04-24T21:00"],
    ),
    "a gap brings two entries together": (
        timing(["30 2 * * *", "0 3 * * *"]),
        "2027-03-27T12:00",
        ["2027-03-28T01:00", "2027-03-29T00:30", "2027-03-29T01:00"],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_worked_examples(name: str) -> None:
    subject, after, expected = EXAMPLES[name]
    found = subject.upcoming(at(after), len(expected))
    assert rendered(found) == expected
    assert list(subject.between(at(after), found[-1])) == list(found)
    assert subject.count(at(after), found[-1]) == len(found)
    assert subject.latest(at(after), found[-1], len(found)) == list(found)


def test_a_held_tick_names_the_entry_and_where_it_went() -> None:
    subject = timing("0 2 * * *", calendar("SAT", "SUN", {"date": "12-25", "reason": "Christmas"}), on_skip="next")
    (held,) = subject.held(at("2026-12-24T12:00"), at("2026-12-25T12:00"))
    assert (held.time, held.closure.calendar, held.closure.entry.reason) == (at("2026-12-25T01:00"), "c", "Christmas")
    assert held.move is not None
    assert held.move.target == at("2026-12-28T01:00")


def test_dropped_ticks_of_one_date_are_one_range() -> None:
    subject = timing("* * * * *", calendar(*FREEZE))
    ranges = list(subject.held_ranges(at("2026-12-24T12:00"), at("2027-01-10T00:00")))
    assert len(ranges) == 12
    assert (ranges[1].count, ranges[1].last) == (1440, at("2026-12-25T22:59"))
    assert sum(found.count for found in ranges) == 6 * 60 + 10 * 1440 + 6 * 60


def test_no_open_day_within_31_days_holds_the_tick() -> None:
    closed = calendar({"from": "2026-06-01", "to": "2026-07-02"})
    assert [tick.target for tick in (timing("0 9 1 6 *", closed, on_skip="next").move(at("2026-06-01T07:00")),)] == [
        None
    ]
    shorter = calendar({"from": "2026-06-01", "to": "2026-07-01"})
    moved = timing("0 9 1 6 *", shorter, on_skip="next").move(at("2026-06-01T07:00"))
    assert moved.target == at("2026-07-02T07:00")


def test_a_target_outside_start_and_end_is_not_made() -> None:
    subject = timing("0 9 * * *", calendar("SAT", "SUN"), on_skip="next", end="2026-11-29")
    assert subject.move(at("2026-11-28T08:00")).why == "its day lies outside start and end"
    assert list(subject.between(at("2026-11-27T12:00"), at("2026-12-05T00:00"))) == []


def test_a_day_that_a_zone_left_out_is_no_target() -> None:
    subject = timing("0 9 29 12 *", calendar("2011-12-29"), on_skip="next", zone="Pacific/Apia")
    assert rendered(subject.upcoming(at("2011-12-01"), 1)) == ["2011-12-30T19:00"]  # the 31st, for there was no 30th


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"start": "2026-12-01"}, ["2026-12-01T01:00", "2026-12-02T01:00"]),
        ({"start": "2026-12-01T02:00"}, ["2026-12-01T01:00", "2026-12-02T01:00"]),
        ({"start": "2026-12-01T02:01"}, ["2026-12-02T01:00", "2026-12-03T01:00"]),
        ({"end": "2026-11-29"}, ["2026-11-29T01:00"]),
        ({"end": "2026-11-29T02:00"}, []),
    ],
    ids=str,
)
def test_bounds(bounds: dict[str, str], expected: list[str]) -> None:
    subject = timing("0 2 * * *", **bounds)
    assert rendered(subject.upcoming(at("2026-11-28T12:00"), 2)) == expected
    assert subject.ended(at("2026-11-28T12:00")) == (not expected)


def test_a_one_off_ends_the_job() -> None:
    subject = timing(["@at 2026-12-24T18:00", "@at 2026-12-31T18:00:30"])
    assert list(subject.between(at("2026-01-01"), at("2027-01-01"))) == [
        at("2026-12-24T17:00"),
        at("2026-12-31T17:00:30"),
    ]
    assert not subject.ended(at("2026-12-31T17:00:29"))
    assert subject.ended(at("2026-12-31T17:00:30"))


def test_closed_for_good_is_not_ended() -> None:
    subject = timing("0 9 * * SAT", calendar("SAT"))
    assert subject.next_after(at("2026-01-01")) is None
    assert not subject.ended(at("2026-01-01"))


REFUSED = {
    "every beside another": (["@every 5m", "0 2 * * *"], {}, "@every cannot stand beside other schedules"),
    "empty": ([], {}, "the list is empty"),
    "too many recurring": ([f"{minute} 2 * * *" for minute in range(11)], {}, "more than 10 recurring entries"),
    "too many": ([f"@at 2027-01-01T00:{n // 60:02}:{n % 60:02}" for n in range(101)], {}, "more than 100 entries"),
    "end before start": ("0 2 * * *", {"start": "2026-12-02", "end": "2026-12-01"}, "end is not after start"),
    "no tick inside": ("0 2 1 1 *", {"start": "2026-02-01", "end": "2026-12-01"}, "no tick lies between start and end"),
    "moved minutes": (
        "*/5 * * * *",
        {"on_skip": "next"},
        "moved times need at most 24 fixed times a day; this schedule has 288",
    ),
    "moved interval": (
        "@every 1h",
        {"on_skip": "previous"},
        "moved times need fixed times of day; this schedule follows elapsed time",
    ),
    "offset": ("@at 2026-12-24T18:00Z", {}, '"@at 2026-12-24T18:00Z" has an offset'),
    "no time": ("@at tomorrow", {}, '"@at tomorrow" is not a local time'),
    "start with offset": ("0 2 * * *", {"start": "2026-12-24T18:00+01:00"}, '"2026-12-24T18:00+01:00" has an offset'),
    "start no date": ("0 2 * * *", {"start": "24.12."}, '"24.12." is no date or local time'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    schedule, options, message = REFUSED[name]
    with pytest.raises(ScheduleError) as refusal:
        timing(schedule, **options)
    assert str(refusal.value) == message
    assert refusal.value.hint


@pytest.mark.parametrize(
    ("schedule", "options", "hint"),
    [
        ("@at 9999-12-31T23:59", {}, "write a year from 1970 to 9000"),
        ("@at 10000-01-01T00:00", {}, "write a year from 1970 to 9000"),
        ("0 2 * * *", {"end": "9001-01-01"}, "write a year from 1970 to 9000"),
        ("0 2 * * *", {"end": "2026-02-30"}, "write end: 2026-12-24 or end: 2026-12-24T18:00"),
        ("@every 2d", {}, "write @every 48h; a day is not always 24 hours"),
        ("@every soon", {}, "write it as @every 5m or @every 1h30m"),
    ],
)
def test_hint_says_what_to_write(schedule: str, options: dict[str, str], hint: str) -> None:
    with pytest.raises(ScheduleError) as refusal:
        timing(schedule, **options)
    assert refusal.value.hint == hint


def test_each_hashed_entry_of_a_list_is_seeded_by_the_name() -> None:
    texts = ["H 9 * * *", "H 17 * * *", "0 12 * * *"]
    for key in ("nightly-report", "daily-backup"):
        entries = [Timing.parse(text, key=key).upcoming(at("2026-12-01"), 1)[0] for text in texts]
        assert list(Timing.parse(texts, key=key).upcoming(at("2026-12-01"), 3)) == sorted(entries)
    assert Timing.parse(texts, key="nightly-report") != Timing.parse(texts, key="daily-backup")


def test_of_several_that_close_the_first_in_skip_gives_the_reason_then_freezes_by_name() -> None:
    skip = (calendar("12-25", name="b"), calendar("12-25", name="a"))
    freezes = (calendar("12-25", "12-26", name="z"), calendar("12-26", name="y"))
    subject = Timing(ScheduleList.parse(["0 9 * * *"]), skip=skip, freezes=freezes)
    assert [one.closure.calendar for one in subject.held(at("2026-12-24"), at("2026-12-31"))] == ["b", "y"]


def test_order_and_repetition_mean_nothing() -> None:
    one, other = timing(["0 2 * * *", "0 3 * * *"]), timing(["0 3 * * *", "0 2 * * *", "0 2 * * *"])
    assert one == other
    assert one.own_digest == other.own_digest


def test_a_calendar_counts_for_one_of_the_two_digests() -> None:
    winter, summer = timing("0 2 * * *", calendar("12-25")), timing("0 2 * * *", calendar("07-14"))
    assert winter.own_digest == summer.own_digest
    assert winter.digest != summer.digest
