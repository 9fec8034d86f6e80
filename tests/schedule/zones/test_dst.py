"""The specification of changes of the clock (CONTRACT 2), by zone and date, in the local times of the zone."""

from datetime import UTC, datetime, timedelta

import pytest

from chronos_gitops.schedule.schedule import Schedule

# A forward change: a fixed time that is skipped fires once, at the first valid instant after the gap.
SKIPPED = [
    ("America/New_York", "30 2 * * *", "2026-03-07T12:00-05:00", "2026-03-08T03:00-04:00 2026-03-09T02:30-04:00"),
    ("Europe/London", "15 1 * * *", "2026-03-28T12:00+00:00", "2026-03-29T02:00+01:00 2026-03-30T01:15+01:00"),
    ("Australia/Lord_Howe", "15 2 * * *", "2025-10-04T12:00+10:30", "2025-10-05T02:30+11:00 2025-10-06T02:15+11:00"),
    ("Africa/Casablanca", "30 2 * * *", "2025-04-05T12:00+00:00", "2025-04-06T03:00+01:00 2025-04-07T02:30+01:00"),
    ("Asia/Gaza", "30 2 * * *", "2025-04-11T12:00+02:00", "2025-04-12T03:00+03:00 2025-04-13T02:30+03:00"),
    ("Antarctica/Troll", "30 1 * * *", "2026-03-28T12:00+00:00", "2026-03-29T03:00+02:00 2026-03-30T01:30+02:00"),
    ("America/Caracas", "45 2 * * *", "2016-04-30T12:00-04:30", "2016-05-01T03:00-04:00 2016-05-02T02:45-04:00"),
    ("Asia/Pyongyang", "45 23 * * *", "2018-05-04T12:00+08:30", "2018-05-05T00:00+09:00 2018-05-05T23:45+09:00"),
    ("Asia/Pyongyang", "15 0 * * *", "2018-05-04T12:00+08:30", "2018-05-05T00:15+09:00 2018-05-06T00:15+09:00"),
]

# The gap is midnight: the day does not begin at 00:00, and the daily job is not lost.
MIDNIGHT = [
    ("Africa/Cairo", "0 0 * * *", "2025-04-24T12:00+02:00", "2025-04-25T01:00+03:00 2025-04-26T00:00+03:00"),
    ("Africa/Cairo", "30 0 * * FRI", "2025-04-24T12:00+02:00", "2025-04-25T01:00+03:00 2025-05-02T00:30+03:00"),
    ("Asia/Beirut", "0 0 * * *", "2025-03-29T12:00+02:00", "2025-03-30T01:00+03:00 2025-03-31T00:00+03:00"),
    ("America/Santiago", "0 0 * * *", "2025-09-06T12:00-04:00", "2025-09-07T01:00-03:00 2025-09-08T00:00-03:00"),
    ("America/Havana", "0 0 * * *", "2025-03-08T12:00-05:00", "2025-03-09T01:00-04:00 2025-03-10T00:00-04:00"),
    ("Atlantic/Azores", "0 0 * * *", "2025-03-29T12:00-01:00", "2025-03-30T01:00+00:00 2025-03-31T00:00+00:00"),
    ("Asia/Kathmandu", "0 0 * * *", "1985-12-31T12:00+05:30", "1986-01-01T00:15+05:45 1986-01-02T00:00+05:45"),
]

# Samoa had no 30 December 2011: what was fixed on that day runs once, as the next day begins.
SKIPPED_DAY = [
    (
        "Pacific/Apia",
        "0 2 * * *",
        "2011-12-28T12:00-10:00",
        "2011-12-29T02:00-10:00 2011-12-31T00:00+14:00 2011-12-31T02:00+14:00 2012-01-01T02:00+14:00",
    ),
    ("Pacific/Apia", "0 0 * * *", "2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00 2012-01-01T00:00+14:00"),
    ("Pacific/Apia", "0 9,17 30 12 *", "2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00 2012-12-30T09:00+14:00"),
    ("Pacific/Apia", "0 */6 * * *", "2011-12-29T12:00-10:00", "2011-12-29T18:00-10:00 2011-12-31T00:00+14:00"),
    ("Pacific/Apia", "30 * * * *", "2011-12-29T22:45-10:00", "2011-12-29T23:30-10:00 2011-12-31T00:30+14:00"),
]

# Several fixed times of one gap meet at its end, also with one that stands there by itself.
COINCIDING = [
    (
        "America/New_York",
        "0,30 2 * * *",
        "2026-03-07T12:00-05:00",
        "2026-03-08T03:00-04:00 2026-03-09T02:00-04:00 2026-03-09T02:30-04:00",
    ),
    (
        "America/New_York",
        "0 2,3 * * *",
        "2026-03-07T12:00-05:00",
        "2026-03-08T03:00-04:00 2026-03-09T02:00-04:00 2026-03-09T03:00-04:00",
    ),
    (
        "America/New_York",
        "10,50 0 2,3 * * *",
        "2026-03-07T12:00-05:00",
        "2026-03-08T03:00:00-04:00 2026-03-08T03:00:10-04:00 2026-03-08T03:00:50-04:00 2026-03-09T02:00:10-04:00",
    ),
]

# A backward change: a fixed time that occurs twice fires once, the first time.
REPEATED = [
    ("America/New_York", "30 1 * * *", "2026-10-31T12:00-04:00", "2026-11-01T01:30-04:00 2026-11-02T01:30-05:00"),
    ("America/New_York", "30 1 * * *", "2026-11-01T01:10-05:00", "2026-11-02T01:30-05:00"),
    ("America/New_York", "0 2 * * *", "2026-10-31T12:00-04:00", "2026-11-01T02:00-05:00 2026-11-02T02:00-05:00"),
    ("Europe/London", "15 1 * * *", "2026-10-24T12:00+01:00", "2026-10-25T01:15+01:00 2026-10-26T01:15+00:00"),
    ("Australia/Lord_Howe", "45 1 * * *", "2025-04-05T12:00+11:00", "2025-04-06T01:45+11:00 2025-04-07T01:45+10:30"),
    ("Africa/Casablanca", "30 2 * * *", "2025-02-22T12:00+01:00", "2025-02-23T02:30+01:00 2025-02-24T02:30+00:00"),
    ("Asia/Gaza", "30 1 * * *", "2025-10-24T12:00+03:00", "2025-10-25T01:30+03:00 2025-10-26T01:30+02:00"),
    ("Africa/Cairo", "59 23 * * *", "2025-10-30T12:00+03:00", "2025-10-30T23:59+03:00 2025-10-31T23:59+02:00"),
    ("America/Santiago", "30 23 * * *", "2025-04-05T12:00-03:00", "2025-04-05T23:30-03:00 2025-04-06T23:30-04:00"),
    ("America/Havana", "0 0 * * *", "2025-11-01T12:00-04:00", "2025-11-02T00:00-04:00 2025-11-03T00:00-05:00"),
    ("Atlantic/Azores", "30 0 * * *", "2025-10-25T12:00+00:00", "2025-10-26T00:30+00:00 2025-10-27T00:30-01:00"),
    ("America/Caracas", "45 2 * * *", "2007-12-08T12:00-04:00", "2007-12-09T02:45-04:00 2007-12-10T02:45-04:30"),
]

# Minute or hour starts with *: every real minute that matches, in both passes, and none that is skipped.
ELAPSED = [
    ("America/New_York", "30 * * * *", "2026-03-08T00:45-05:00", "2026-03-08T01:30-05:00 2026-03-08T03:30-04:00"),
    ("America/New_York", "*/10 2 * * *", "2026-03-07T02:45-05:00", "2026-03-07T02:50-05:00 2026-03-09T02:00-04:00"),
    (
        "America/New_York",
        "30 * * * *",
        "2026-11-01T00:45-04:00",
        "2026-11-01T01:30-04:00 2026-11-01T01:30-05:00 2026-11-01T02:30-05:00",
    ),
    (
        "America/New_York",
        "*/30 1 * * *",
        "2026-11-01T00:45-04:00",
        "2026-11-01T01:00-04:00 2026-11-01T01:30-04:00 2026-11-01T01:00-05:00 2026-11-01T01:30-05:00 "
        "2026-11-02T01:00-05:00",
    ),
    (
        "America/New_York",
        "0 */2 * * *",
        "2026-03-07T23:00-05:00",
        "2026-03-08T00:00-05:00 2026-03-08T04:00-04:00 2026-03-08T06:00-04:00",
    ),
    (
        "Australia/Lord_Howe",
        "*/15 * * * *",
        "2025-04-06T01:40+11:00",
        "2025-04-06T01:45+11:00 2025-04-06T01:30+10:30 2025-04-06T01:45+10:30 2025-04-06T02:00+10:30",
    ),
    ("Asia/Kathmandu", "*/5 * * * *", "1985-12-31T23:50+05:30", "1985-12-31T23:55+05:30 1986-01-01T00:15+05:45"),
    ("America/New_York", "@hourly", "2026-03-08T01:00-05:00", "2026-03-08T03:00-04:00 2026-03-08T04:00-04:00"),
]

# @every knows no wall clock.
INTERVALS = [
    (
        "America/New_York",
        "@every 90m",
        "2026-03-08T00:00-05:00",
        "2026-03-08T01:00-05:00 2026-03-08T03:30-04:00 2026-03-08T05:00-04:00",
    ),
]


@pytest.mark.parametrize(
    ("zone", "text", "after", "expected"),
    SKIPPED + MIDNIGHT + SKIPPED_DAY + COINCIDING + REPEATED + ELAPSED + INTERVALS,
)
def test_next_ticks_in_local_time(zone: str, text: str, after: str, expected: str) -> None:
    schedule, instant, ticks = Schedule(text, zone), datetime.fromisoformat(after), []
    wanted = [datetime.fromisoformat(tick).astimezone(UTC) for tick in expected.split()]
    for _ in wanted:
        instant = schedule.next_after(instant)
        ticks.append(instant)
    assert ticks == wanted
    assert all(tick.tzinfo is UTC for tick in ticks)
    assert list(schedule.between(datetime.fromisoformat(after), ticks[-1])) == wanted


@pytest.mark.parametrize(("zone", "text", "after", "expected"), SKIPPED[:-1] + MIDNIGHT)
def test_gap_ticks_are_the_moved_ones(zone: str, text: str, after: str, expected: str) -> None:
    first, last = (datetime.fromisoformat(tick) for tick in expected.split())
    assert Schedule(text, zone).gap_ticks(datetime.fromisoformat(after), last) == [first]


@pytest.mark.parametrize(("zone", "text", "after", "expected"), REPEATED + ELAPSED + INTERVALS)
def test_no_gap_tick_where_nothing_moved(zone: str, text: str, after: str, expected: str) -> None:
    until = datetime.fromisoformat(expected.split()[-1])
    assert Schedule(text, zone).gap_ticks(datetime.fromisoformat(after), until) == []


def test_a_gap_tick_is_counted_where_it_comes_to_stand() -> None:
    schedule = Schedule("30 2 * * *", "America/New_York")
    end_of_gap = datetime.fromisoformat("2026-03-08T03:00-04:00")
    just_before = datetime.fromisoformat("2026-03-08T01:59:59-05:00")
    assert schedule.gap_ticks(just_before, end_of_gap) == [end_of_gap]
    assert schedule.count(just_before, end_of_gap) == 1
    assert schedule.count(just_before, end_of_gap - timedelta(seconds=1)) == 0
    assert schedule.count(end_of_gap, end_of_gap) == 0
    assert schedule.next_after(end_of_gap) == datetime.fromisoformat("2026-03-09T02:30-04:00")


def test_a_change_as_the_year_begins_in_utc() -> None:
    """Lisbon went from local mean time, 36:45 behind, to GMT at 1912-01-01T00:00Z."""
    schedule, new_year = Schedule("30 23 31 12 *", "Europe/Lisbon"), datetime(1912, 1, 1, tzinfo=UTC)
    assert schedule.next_after(new_year - timedelta(days=9)) == new_year
    assert list(schedule.between(new_year - timedelta(days=9), new_year)) == [new_year]


def test_a_start_in_the_second_pass_never_goes_back() -> None:
    """cronsim 2.8 answers 01:30-04:00 here, which is in the past."""
    second_pass = datetime.fromisoformat("2026-11-01T01:10-05:00")
    assert Schedule("30 1 * * *", "America/New_York").next_after(second_pass) > second_pass
    assert Schedule("30 * * * *", "America/New_York").next_after(second_pass) == datetime.fromisoformat(
        "2026-11-01T01:30-05:00"
    )
