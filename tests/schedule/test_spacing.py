"""Ticks that are too close: the short way to the answer agrees with walking a year of ticks."""

import heapq
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from harness.machine.growth import forget_texts, seconds
from hypothesis import given, settings
from hypothesis import strategies as st

from chronos_gitops.schedule.schedule import Schedule
from chronos_gitops.schedule.spacing import AHEAD, too_close

DAY = date(2026, 1, 5)
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
MINUTES = ("0", "30", "*/20", "5,50", "59", "H")
HOURS = ("*", "2", "0,23", "*/5", "1-3", "22")
DAYS = ("*", "1", "L", "15,16", "*/10")
WEEKDAYS = ("*", "MON", "SAT,SUN")


def walked(schedules: tuple[Schedule, ...], spacing: timedelta) -> bool:
    after = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) - timedelta(microseconds=1)
    ticks = sorted({*heapq.merge(*(one.between(after, after + AHEAD) for one in schedules))})
    return any(other - one < spacing for one, other in pairwise(ticks))


@given(
    st.lists(st.tuples(*map(st.sampled_from, (MINUTES, HOURS, DAYS, WEEKDAYS))), min_size=1, max_size=3),
    st.sampled_from(ZONES),
    st.sampled_from([10, 21, 30, 59, 60, 61, 120, 300, 1380, 1440]),
)
@settings(max_examples=150, deadline=None)
def test_answer_is_that_of_all_ticks_of_the_year(
    fields: list[tuple[str, str, str, str]], zone: str, minutes: int
) -> None:
    texts = [f"{minute} {hour} {day} * {weekday}" for minute, hour, day, weekday in fields]
    schedules = tuple(Schedule.parse(text, zone, key="a-job") for text in texts)
    spacing = timedelta(minutes=minutes)
    found = too_close(schedules, spacing, DAY)
    assert (found is not None) == walked(schedules, spacing), (texts, zone, minutes, found)
    assert found is None or found[1] - found[0] < spacing


@pytest.mark.parametrize(
    ("text", "zone", "spacing", "gap"),
    [
        ("@every 5m", "UTC", timedelta(minutes=5), None),
        ("@every 5m", "UTC", timedelta(minutes=6), timedelta(minutes=5)),
        ("*/5 * * * *", "UTC", timedelta(minutes=5), None),
        ("0 2 * * *", "Europe/Paris", timedelta(hours=23), None),
        ("30 2 * * *", "Europe/Paris", timedelta(hours=24), timedelta(hours=23, minutes=30)),
        ("@at 2026-05-01T10:00", "UTC", timedelta(days=3), None),
    ],
)
def test_clock_changes_bring_runs_together(text: str, zone: str, spacing: timedelta, gap: timedelta | None) -> None:
    found = too_close((Schedule.parse(text, zone),), spacing, DAY)
    assert (None if found is None else found[1] - found[0]) == gap


def test_dense_schedules_are_told_at_once() -> None:
    texts = [f"{second}-59/2 * * * * *" for second in range(20)]
    schedules = [Schedule.parse(text) for text in texts]
    assert seconds(lambda: [too_close((one,), timedelta(seconds=2), DAY) for one in schedules]) < 2


ALTERNATE = ("*/2 * * * * MON", "1-59/2 * * * * TUE")
"""Their times of day are a second apart, and their ticks two: only a walk of the year tells."""


def test_rules_about_the_same_schedules_share_their_work(monkeypatch: pytest.MonkeyPatch) -> None:
    work = {"ticks": 0, "sorted lists": 0}
    between, times_of_day = Schedule.between, Schedule.times_of_day

    def counted(schedule: Schedule, *given: Any) -> Iterator[datetime]:
        for tick in between(schedule, *given):
            work["ticks"] += 1
            yield tick

    def counted_times(schedule: Schedule) -> frozenset[int]:
        work["sorted lists"] += 1
        return times_of_day(schedule)

    monkeypatch.setattr(Schedule, "between", counted)
    monkeypatch.setattr(Schedule, "times_of_day", counted_times)
    schedules = tuple(map(Schedule.parse, ALTERNATE))
    forget_texts()
    spacings = [timedelta(milliseconds=1_001 + number) for number in range(20)]
    assert [too_close(schedules, spacing, DAY) for spacing in spacings] == [None] * 20
    assert work["ticks"] < 600_000 + 20 * 70
    assert work["sorted lists"] == len(schedules)


@given(st.permutations([29, 31, 61, 121, 1_439]))
@settings(max_examples=20, deadline=None)
def test_first_pair_is_found_whatever_was_asked_before(minutes: list[int]) -> None:
    schedules = tuple(map(Schedule.parse, ("0 2 * * MON", "30 2 1 * *", "31 3 * * SAT,SUN")))
    after = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) - timedelta(microseconds=1)
    ticks = sorted({*heapq.merge(*(one.between(after, after + AHEAD) for one in schedules))})
    forget_texts()
    for spacing in (timedelta(minutes=number) for number in minutes):
        first = next((pair for pair in pairwise(ticks) if pair[1] - pair[0] < spacing), None)
        assert too_close(schedules, spacing, DAY) == first
