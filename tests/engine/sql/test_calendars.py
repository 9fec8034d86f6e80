"""Calendars in the engine on SQLite: what runs at which instant, what is held, and what edits and outages make."""

from datetime import timedelta
from typing import Any

import pytest
from harness.machine.calendar_story import FR, FREEZE, HOUR, at, short

from chronos_gitops.engine.sql.retention import Keep, Retention
from chronos_gitops.jobs.model import JobSet
from chronos_gitops.schedule.schedule import jitter

EXAMPLES: dict[str, tuple[Any, dict[str, Any], str, str, list[str]]] = {
    "last working day": (
        "0 18 L * *",
        {"on_skip": "previous", "fr": FR},
        "2026-05-28T12:00",
        "2026-06-01T12:00",
        ["2026-05-29T16:00"],
    ),
    "first business day": (
        "0 9 1 * *",
        {"on_skip": "next", "fr": FR},
        "2026-01-31T12:00",
        "2026-02-03T12:00",
        ["2026-02-02T08:00"],
    ),
    "weekdays, else the day before": (
        "0 9 * * MON-FRI",
        {"on_skip": "previous", "fr": FR},
        "2026-05-12T12:00",
        "2026-05-15T12:00",
        ["2026-05-13T07:00", "2026-05-15T07:00"],
    ),
    "a freeze, next": (
        "0 2 1 * *",
        {"on_skip": "next", "fr": FR, "freeze": FREEZE},
        "2026-12-31T12:00",
        "2027-01-05T12:00",
        ["2027-01-05T01:00"],
    ),
    "a freeze, previous": (
        "0 2 1 * *",
        {"on_skip": "previous", "fr": FR, "freeze": FREEZE},
        "2026-12-23T12:00",
        "2027-01-02T12:00",
        ["2026-12-24T01:00"],
    ),
    "the target falls into a gap": (
        "30 2 27 3 *",
        {"on_skip": "next", "sat": ["SAT"]},
        "2027-03-26T12:00",
        "2027-03-28T12:00",
        ["2027-03-28T01:00"],
    ),
    "the origin fell into a gap": (
        "30 2 28 3 *",
        {"on_skip": "next", "sun": ["SUN"]},
        "2027-03-27T12:00",
        "2027-03-29T12:00",
        ["2027-03-29T00:30"],
    ),
    "the target comes twice": (
        "30 2 24 10 *",
        {"on_skip": "next", "sat": ["SAT"]},
        "2026-10-23T12:00",
        "2026-10-25T12:00",
        ["2026-10-25T00:30"],
    ),
    "nothing closes again in a repeated hour": (
        "*/30 * * * *",
        {"night": [{"from": "2026-10-24T22:00", "to": "2026-10-25T02:30"}]},
        "2026-10-24T20:05",
        "2026-10-25T01:45",
        ["2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30"],
    ),
    "midnight is skipped": (
        "0 0 * * *",
        {"zone": "Africa/Cairo", "one": ["2026-04-24"]},
        "2026-04-22T12:00",
        "2026-04-25T12:00",
        ["2026-04-22T22:00", "2026-04-24T21:00"],
    ),
    "a gap brings two entries together": (
        ["30 2 * * *", "0 3 * * *"],
        {},
        "2027-03-27T12:00",
        "2027-03-28T12:00",
        ["2027-03-28T01:00"],
    ),
    "the end of a freeze": (
        "*/15 * * * *",
        {"freeze": FREEZE},
        "2026-12-24T16:40",
        "2026-12-24T18:10",
        ["2026-12-24T16:45"],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_worked_examples_run_at_those_instants(story: Any, name: str) -> None:
    schedule, fields, start, until, expected = EXAMPLES[name]
    told = story(start)
    told.apply(schedule, **fields)
    told.turn(until, timedelta(minutes=15) if "*/" in str(schedule) else timedelta(minutes=30))
    assert told.ran() == expected


def test_a_held_row_names_calendar_file_line_and_commit(story: Any) -> None:
    told = story("2026-12-24T12:00")
    told.apply("0 2 25 12 *", on_skip="next", fr=FR)
    told.turn("2026-12-28T12:00", timedelta(hours=6))
    held, ran = told.rows()
    assert (held.status, held.reason, short(held.moved_to)) == ("skipped", "calendar", "2026-12-28T01:00")
    assert held.calendar is not None
    assert (held.calendar.name, held.calendar.reason, held.calendar.line) == ("fr", "Christmas", 7)
    assert (held.calendar.path, held.calendar.commit) == ("jobs/_calendars/fr.yaml", "1" * 40)
    assert (ran.status, short(ran.moved_from)) == ("success", "2026-12-25T01:00")


@pytest.mark.parametrize("is_recent", [True, False], ids=["an edit", "caught up"])
def test_what_ran_late_names_the_scheduled_time_whose_place_it_took(story: Any, *, is_recent: bool) -> None:
    """Of an outage across the target, and of an edit of the calendar in the very minute before it."""
    told = story("2026-12-24T12:00")
    told.apply("0 2 25 12 *", on_skip="next", fr=FR)
    told.turn("2026-12-26T12:00", timedelta(hours=6))
    told.outage("2026-12-28T01:00:30" if is_recent else "2026-12-28T01:30")
    told.apply("0 2 25 12 *", on_skip="next", fr=[*FR, "12-30"] if is_recent else FR)
    told.settle()
    held, ran = told.rows()
    assert (held.reason, short(held.moved_to)) == ("calendar", "2026-12-28T01:00")
    assert (ran.status, short(ran.moved_from)) == ("success", "2026-12-25T01:00")


def test_an_outage_over_a_freeze_leaves_a_row_for_each_date(story: Any) -> None:
    told = story("2026-12-24T16:50")
    told.apply("* * * * *", freeze=FREEZE)
    told.outage("2027-01-04T05:00")
    told.start()
    told.settle()
    rows = [row for row in told.rows() if row.reason == "calendar"]
    assert len(rows) == 12
    assert sum(row.count for row in rows) == 6 * 60 + 10 * 1440 + 6 * 60


@pytest.mark.parametrize("back", ["2026-12-25T12:00", "2026-12-26T12:00"], ids=["within a date", "over midnight"])
def test_a_restart_on_a_held_date_leaves_its_row_whole(story: Any, back: str) -> None:
    """Before, each restart ended the row of the date under way."""
    told = story("2026-12-24T23:00")
    told.apply("*/5 * * * *", freeze=FREEZE)
    told.turn("2026-12-25T09:00")
    for until in (back, back.replace("T12", "T15")):
        told.outage(until)
        told.start()
        told.settle()
    assert told.engine.next_runs("daily-backup", 1) == (at("2027-01-04T05:00"),)
    told.turn("2026-12-26T23:00")
    dates = [("2026-12-25T22:55", 287), ("2026-12-26T22:55", 288)]
    assert [(short(row.scheduled_time), row.count) for row in told.rows()] == dates


def test_an_outage_that_ends_in_closed_time_gives_its_ticks_up(story: Any) -> None:
    told = story("2026-12-24T15:30")
    told.apply("*/15 * * * *", freeze=FREEZE)
    told.outage("2026-12-24T17:30")
    told.start()
    told.settle()
    assert told.ran() == []
    missed = [row for row in told.rows() if row.reason == "missed"]
    assert [(row.count, row.calendar and row.calendar.reason) for row in missed] == [(5, "year-end freeze")]


def test_an_own_edit_withdraws_the_move_under_way(story: Any) -> None:
    told = story("2026-12-24T12:00")
    told.apply("0 2 25 12 *", on_skip="next", fr=FR)
    told.turn("2026-12-26T12:00", timedelta(hours=6))
    told.apply("0 3 25 12 *", on_skip="next", fr=FR)
    told.turn("2026-12-29T12:00", timedelta(hours=6))
    (held,) = told.rows()
    assert (held.moved_to, held.message) == (None, "withdrawn by aaaaaaaa")


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_disabling_and_deleting_drop_the_move_under_way(story: Any, how: str) -> None:
    told = story("2026-12-24T12:00")
    told.apply("0 2 25 12 *", on_skip="next", fr=FR)
    told.turn("2026-12-26T12:00", timedelta(hours=6))
    if how == "disabled":
        told.apply("0 2 25 12 *", on_skip="next", enabled=False, fr=FR)
    else:
        told.engine.apply(JobSet.of("d" * 40, []))
    told.clock.turn(timedelta(days=3))
    assert [(short(row.scheduled_time), row.moved_to) for row in told.rows()] == [("2026-12-25T01:00", None)]


def test_a_target_that_closed_meanwhile_moves_on_and_one_whose_holiday_went_runs(story: Any) -> None:
    told = story("2026-12-24T12:00")
    told.apply("0 2 25 12 *", on_skip="next", fr=FR)
    told.turn("2026-12-26T12:00", timedelta(hours=6))
    told.apply("0 2 25 12 *", on_skip="next", fr=[*FR, "2026-12-28"])
    told.turn("2026-12-28T12:00", timedelta(hours=6))
    assert told.held() == [("2026-12-25T01:00", "2026-12-28T01:00"), ("2026-12-28T01:00", "2026-12-29T01:00")]
    told.apply("0 2 25 12 *", on_skip="next", fr=["SUN"])
    told.turn("2026-12-29T12:00", timedelta(hours=6))
    assert told.ran() == ["2026-12-29T01:00"]


@pytest.mark.parametrize("how", ["an own edit", "deleted"])
def test_edit_withdraws_the_last_move_of_a_chain(story: Any, how: str) -> None:
    """The row of the day before keeps where the scheduled time went: it leads to the one that says that it ended."""
    told = story("2026-12-24T12:00")
    told.apply("0 2 25 12 *", on_skip="next", fr=FR)
    told.turn("2026-12-26T12:00", timedelta(hours=6))
    told.apply("0 2 25 12 *", on_skip="next", fr=[*FR, "2026-12-28"])
    told.turn("2026-12-28T12:00", timedelta(hours=6))
    if how == "deleted":
        told.engine.apply(JobSet.of("d" * 40, []))
    else:
        told.apply("0 3 25 12 *", on_skip="next", fr=FR)
    told.clock.turn(timedelta(days=3))
    assert [(short(row.scheduled_time), short(row.moved_from), short(row.moved_to)) for row in told.rows()] == [
        ("2026-12-25T01:00", None, "2026-12-28T01:00"),
        ("2026-12-28T01:00", "2026-12-25T01:00", None),
    ]
    assert [row.message and row.message.startswith("withdrawn by ") for row in told.rows()] == [None, True]


def test_a_tick_that_ran_early_does_not_run_again(story: Any) -> None:
    told = story("2026-05-12T12:00")
    told.apply("0 9 14 5 *", on_skip="previous", fr=FR)
    told.turn("2026-05-13T12:00", timedelta(hours=6))
    told.apply("0 9 14 5 *", on_skip="previous", fr=["SAT"])
    told.turn("2026-05-15T12:00", timedelta(hours=6))
    assert told.ran() == ["2026-05-13T07:00"]
    assert told.held() == [("2026-05-14T07:00", "2026-05-13T07:00")]


def test_after_an_edit_of_its_own_timing_a_tick_that_ran_early_is_no_more_guarded(story: Any) -> None:
    told = story("2026-05-12T12:00")
    told.apply("0 9 14 5 *", on_skip="previous", fr=FR)
    told.turn("2026-05-13T12:00", timedelta(hours=6))
    told.apply("0 9 14,15 5 *", on_skip="previous", fr=["SAT"])
    told.turn("2026-05-15T12:00", timedelta(hours=6))
    assert told.ran() == ["2026-05-13T07:00", "2026-05-14T07:00", "2026-05-15T07:00"]


def test_history_that_is_deleted_takes_no_move_along(story: Any) -> None:
    told = story("2026-05-12T12:00")
    told.apply("0 9 14 5 *", on_skip="previous", fr=FR)
    told.turn("2026-05-13T12:00", timedelta(hours=6))
    assert Retention(told.engine.store, Keep(age=HOUR), told.clock.now).sweep() == 1
    told.apply("0 9 14 5 *", on_skip="previous", fr=["SAT"])
    told.turn("2026-05-15T12:00", timedelta(hours=6))
    assert (told.ran(), told.held()) == ([], [("2026-05-14T07:00", "2026-05-13T07:00")])


def test_an_entry_that_came_too_late_holds_the_tick(story: Any) -> None:
    told = story("2026-05-12T12:00")
    told.apply("0 9 14 5 *", on_skip="previous", fr=["SAT"])
    told.turn("2026-05-13T12:00", timedelta(hours=6))
    told.apply("0 9 14 5 *", on_skip="previous", fr=FR)
    told.turn("2026-05-15T12:00", timedelta(hours=6))
    (held,) = told.rows()
    assert (held.moved_to, held.message) == (None, "its earlier day had passed when 22222222 was applied")


def test_a_move_survives_a_restart(story: Any) -> None:
    told = story("2026-12-24T12:00")
    told.apply("0 2 25 12 *", on_skip="next", fr=FR)
    told.turn("2026-12-26T12:00", timedelta(hours=6))
    told.outage("2026-12-27T12:00")
    told.start()
    told.turn("2026-12-28T12:00", timedelta(hours=6))
    assert told.ran() == ["2026-12-28T01:00"]


def test_a_calendar_edit_during_an_outage_owes_what_is_open_under_both(story: Any) -> None:
    told = story("2026-06-08T12:00")  # a Monday
    told.apply("0 9 * * *", fr=["2026-06-10"])
    told.outage("2026-06-12T12:00")
    told.apply("0 9 * * *", fr=["2026-06-11"])
    told.settle()
    assert told.held() == [("2026-06-10T07:00", None), ("2026-06-11T07:00", None)]
    assert {(short(row.scheduled_time), row.reason) for row in told.rows() if row.reason != "calendar"} == {
        ("2026-06-12T07:00", "missed")
    }


def test_a_holiday_of_another_year_cancels_no_catch_up(story: Any) -> None:
    told = story("2026-06-08T12:00")
    told.apply("0 9 * * *", fr=["2026-06-10"])
    told.outage("2026-06-09T07:30")
    told.apply("0 9 * * *", fr=["2026-06-10", "2028-06-10"])
    told.settle()
    assert told.ran() == ["2026-06-09T07:00"]


@pytest.mark.parametrize("change", ["shortened", "deleted", "lengthened"])
def test_a_freeze_that_changes_while_it_holds(story: Any, change: str) -> None:
    ends = {"shortened": "2026-12-24T20:00", "deleted": "", "lengthened": "2026-12-24T23:00"}[change]
    told = story("2026-12-24T16:40")
    told.apply("*/15 * * * *", freeze=[{"from": "2026-12-24T18:00", "to": "2026-12-24T22:00"}])
    told.turn("2026-12-24T18:05", timedelta(minutes=15))
    told.apply("*/15 * * * *", freeze=[{"from": "2026-12-24T18:00", "to": ends}] if ends else ["2020-01-01"])
    told.turn("2026-12-24T22:05", timedelta(minutes=15))
    first = {"shortened": "2026-12-24T19:00", "deleted": "2026-12-24T18:15", "lengthened": "2026-12-24T22:00"}[change]
    assert told.ran()[:2] == ["2026-12-24T16:45", first]
    held = sum(row.count for row in told.rows() if row.reason == "calendar")
    assert held == (at(first) - at("2026-12-24T17:00")) / timedelta(minutes=15)


def test_what_a_pause_holds_is_calendar_or_missed(story: Any) -> None:
    told = story("2026-12-24T12:00")
    told.apply("0 9 * * *", fr=["12-25"])
    told.engine.pause("daily-backup", reason="maintenance", by="alice")
    told.clock.turn(timedelta(days=3))
    told.engine.resume("daily-backup")
    told.settle()
    assert [(short(row.scheduled_time), row.reason) for row in told.rows()] == [
        ("2026-12-25T08:00", "calendar"),
        ("2026-12-27T08:00", "missed"),
    ]


def test_the_next_runs_are_those_of_the_engine(story: Any) -> None:
    told = story("2026-12-24T12:00")
    told.apply("0 2 25 12 *", on_skip="next", fr=FR)
    told.turn("2026-12-26T12:00", timedelta(hours=6))
    assert [short(tick) for tick in told.engine.next_runs("daily-backup", 1)] == ["2026-12-28T01:00"]


def test_a_held_time_without_an_open_day_says_why(story: Any) -> None:
    """Law 8, in the row that a user sees."""
    told = story("2026-12-24T12:00")
    told.apply("0 2 25 12 *", on_skip="next", long=[{"from": "2026-12-25", "to": "2027-01-26"}])
    told.turn("2026-12-25T12:00", timedelta(hours=6))
    (held,) = told.rows()
    assert (held.moved_to, held.message) == (None, "no day within 31 days is open at that time")


def test_an_outage_catches_up_open_times_and_no_held_one(story: Any) -> None:
    """Law 4, with a policy that catches up all there is."""
    told = story("2026-06-08T12:00")  # a Monday
    fields = {"schedule": "0 9 * * *", "timezone": "Europe/Paris", "skip": ["fr"], "concurrency": "allow"}
    policy = {"missed_run_policy": "execute_all", "catchup_window": "100h"}
    told.apply_set(told.bench.job(**fields, **policy), {"fr": ["2026-06-10"]})
    told.outage("2026-06-12T06:00")
    told.start()
    told.settle()
    assert told.ran() == ["2026-06-09T07:00", "2026-06-11T07:00"]
    assert told.held() == [("2026-06-10T07:00", None)]


def test_a_moved_time_has_the_jitter_of_its_target(story: Any) -> None:
    """Law 10: the request is sent at the target and the delay of that instant, not of the origin's."""
    told = story("2026-12-24T12:00")
    fields = {"schedule": "0 2 25 12 *", "timezone": "Europe/Paris", "skip": ["fr"], "on_skip": "next"}
    told.apply_set(told.bench.job(**fields, jitter="30m"), {"fr": FR})
    target = at("2026-12-28T01:00")
    delay = jitter("daily-backup", target, timedelta(minutes=30))
    told.turn("2026-12-28T00:59")
    told.clock.turn(timedelta(minutes=32))
    told.settle()
    (ran,) = [row for row in told.rows() if row.status == "success"]
    assert ran.scheduled_time == target
    assert ran.started_at is not None
    assert timedelta(0) <= ran.started_at - target - delay <= timedelta(minutes=2)
