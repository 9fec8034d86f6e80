"""The steps of a job with calendars: what runs, what is held, and what edits make of moves under way."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from chronos_gitops.schedule.calendars import parser
from chronos_gitops.schedule.calendars.calendar import Calendar
from chronos_gitops.schedule.calendars.steps import (
    Moves,
    ScheduleStep,
    held_rows,
    held_so_far,
    next_step,
    steps,
    withdrawn,
)
from chronos_gitops.schedule.timing import Timing

DAY = timedelta(days=1)
FR = ["SAT", "SUN", {"date": "12-25", "reason": "Christmas"}, "05-14", "01-01"]
FREEZE = [{"from": "2026-12-24T18:00", "to": "2027-01-04T06:00", "reason": "year-end"}]


def calendar(*closed: object, name: str = "fr") -> Calendar:
    return parser.parse(name, {"closed": list(closed)})


def timing(schedule: str, *calendars: Calendar, on_skip: str = "drop", zone: str = "Europe/Paris") -> Timing:
    names = [one.name for one in calendars]
    return Timing.parse(schedule, zone, skip=names, on_skip=on_skip).with_calendars(calendars, ())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def walked(subject: Timing, after: str, until: str, moves: Moves = ()) -> list[ScheduleStep]:
    return list(steps(subject, at(after), at(until), moves))


def ran(found: list[ScheduleStep]) -> list[datetime]:
    return [one.tick for one in found if one.tick is not None]


def test_a_held_date_of_a_minutely_job_is_one_step() -> None:
    subject = timing("* * * * *", calendar(*FREEZE))
    found = [row for one in walked(subject, "2026-12-24T16:58", "2027-01-04T05:01") for row in one.held]
    assert len(found) == 12
    assert (found[1].count, found[1].last) == (1440, at("2026-12-25T22:59"))
    assert sum(row.count for row in found) == 6 * 60 + 10 * 1440 + 6 * 60


def test_next_holds_the_origin_and_runs_the_target() -> None:
    subject = timing("0 2 25 12 *", calendar(*FR), on_skip="next")
    held, moved = walked(subject, "2026-12-24T00:00", "2026-12-31T00:00")
    assert (held.at, held.tick, held.held[0].moved_to) == (at("2026-12-25T01:00"), None, at("2026-12-28T01:00"))
    assert held.moves == ((at("2026-12-25T01:00"), at("2026-12-28T01:00")),)
    assert (moved.tick, moved.moved_from, moved.moves) == (at("2026-12-28T01:00"), at("2026-12-25T01:00"), ())


def test_previous_runs_early_and_holds_the_origin() -> None:
    subject = timing("0 9 14 5 *", calendar(*FR), on_skip="previous")
    early, held = walked(subject, "2026-05-10T00:00", "2026-05-20T00:00")
    assert (early.tick, early.moved_from) == (at("2026-05-13T07:00"), at("2026-05-14T07:00"))
    assert early.moves == ((at("2026-05-14T07:00"), at("2026-05-13T07:00")),)
    assert (held.tick, held.held[0].moved_to, held.moves) == (None, at("2026-05-13T07:00"), ())


def test_a_target_that_closed_meanwhile_is_held_there_and_moved_on() -> None:
    moves = ((at("2026-12-25T01:00"), at("2026-12-28T01:00")),)
    subject = timing("0 2 25 12 *", calendar(*FR, "2026-12-28"), on_skip="next")
    again, run = walked(subject, "2026-12-26T00:00", "2026-12-31T00:00", moves)
    assert (again.held[0].moved_from, again.held[0].moved_to) == (at("2026-12-25T01:00"), at("2026-12-29T01:00"))
    assert (run.tick, run.moved_from) == (at("2026-12-29T01:00"), at("2026-12-25T01:00"))


@pytest.mark.parametrize(("last", "expected"), [("2027-01-24", "2027-01-25T01:00"), ("2027-01-25", None)])
def test_a_tick_that_moves_on_goes_no_further_than_31_days_from_its_own_day(last: str, expected: str | None) -> None:
    moves = ((at("2026-12-25T01:00"), at("2026-12-28T01:00")),)
    subject = timing("0 2 25 12 *", calendar({"from": "2026-12-25", "to": last}), on_skip="next")
    held = walked(subject, "2026-12-26T00:00", "2026-12-29T00:00", moves)[0].held[0]
    assert (held.moved_from, held.moved_to) == (moves[0][0], None if expected is None else at(expected))


def test_a_target_runs_though_its_holiday_was_removed() -> None:
    moves = ((at("2026-12-25T01:00"), at("2026-12-28T01:00")),)
    subject = timing("0 2 25 12 *", calendar("SAT", "SUN"), on_skip="next")
    assert ran(walked(subject, "2026-12-26T00:00", "2026-12-31T00:00", moves)) == [at("2026-12-28T01:00")]


def test_an_entry_that_came_too_late_for_the_earlier_day_holds_the_tick() -> None:
    subject = timing("0 9 14 5 *", calendar(*FR), on_skip="previous")
    (held,) = steps(
        subject, at("2026-05-13T12:00"), at("2026-05-20T00:00"), (), commits={"other": "f" * 40, "fr": "1a2b3c4d5e"}
    )
    assert (held.tick, held.held[0].moved_to) == (None, None)
    assert held.held[0].why == "its earlier day had passed when 1a2b3c4d was applied"


def test_a_tick_that_ran_early_does_not_run_again_when_its_entry_is_removed() -> None:
    moves = ((at("2026-05-14T07:00"), at("2026-05-13T07:00")),)
    subject = timing("0 9 14 5 *", calendar("SAT"), on_skip="previous")
    (held,) = walked(subject, "2026-05-13T12:00", "2026-05-20T00:00", moves)
    assert (held.tick, held.held[0].moved_to, held.held[0].closure) == (None, at("2026-05-13T07:00"), None)


def test_a_day_whose_tick_ran_early_runs_for_a_later_day_that_moves_to_it() -> None:
    """The calendar closed the 14th first, and closes the 15th in its place now."""
    moves = ((at("2026-05-14T07:00"), at("2026-05-13T07:00")),)
    subject = timing("0 9 14,15 5 *", calendar("2026-05-15"), on_skip="previous")
    runs, held = walked(subject, "2026-05-13T12:00", "2026-05-20T00:00", moves)
    assert (runs.tick, runs.moved_from) == (at("2026-05-14T07:00"), at("2026-05-15T07:00"))
    assert (held.tick, held.held[0].moved_to) == (None, at("2026-05-14T07:00"))


def test_moves_and_regular_ticks_that_meet_are_one_tick() -> None:
    subject = timing("0 9 * * *", calendar("SAT", "SUN"), on_skip="next")
    found = walked(subject, "2026-11-27T12:00", "2026-12-01T12:00")
    assert ran(found) == [at("2026-11-30T08:00"), at("2026-12-01T08:00")]
    assert [one.held[0].moved_to for one in found if one.held] == [at("2026-11-30T08:00")] * 2


def test_old_dates_of_an_outage_are_one_row() -> None:
    rows = held_rows(timing("* * * * *", calendar("SAT")), at("2026-01-01T00:00"), at("2026-12-31T00:00"))
    assert len(rows) == 1 + 4
    assert (rows[0].first, sum(row.count for row in rows)) == (at("2026-01-02T23:00"), 52 * 1440)


def test_withdrawn_moves_are_those_whose_target_is_to_come() -> None:
    moves = ((at("2026-12-25T01:00"), at("2026-12-28T01:00")), (at("2026-12-31T01:00"), at("2026-12-24T01:00")))
    assert withdrawn(moves, at("2026-12-26T00:00")) == [at("2026-12-28T01:00")]
    assert withdrawn(moves, at("2026-12-28T01:00")) == []


@pytest.mark.parametrize(
    ("mark", "now", "expected"),
    [
        ("2026-12-24T22:59", "2026-12-25T11:00:30", ("2026-12-24T23:00", "2026-12-25T11:00", 721)),
        ("2026-12-25T11:00", "2026-12-25T11:00:30", None),
        ("2026-12-25T11:00", "2026-12-25T11:01", ("2026-12-25T11:01", "2026-12-25T11:01", 1)),
        ("2026-12-24T22:59", "2026-12-25T23:30", None),
        ("2026-12-24T20:00", "2026-12-25T11:00", None),
    ],
    ids=["noon of the day", "closed already", "again", "a whole day is due anyway", "an open one is due first"],
)
def test_pause_closes_the_row_of_the_day_under_way(mark: str, now: str, expected: tuple[str, str, int] | None) -> None:
    held = held_so_far(timing("* * * * *", calendar("12-25")), at(mark), at(now))
    assert held is None or held.closure is not None
    assert (None if held is None else (held.first, held.last, held.count)) == (
        None if expected is None else (at(expected[0]), at(expected[1]), expected[2])
    )
    assert held_so_far(timing("0 12 * * *", calendar("12-25"), on_skip="next"), at(mark), at(now)) is None


SCHEDULES = ("0 9 * * *", "30 2 * * MON-FRI", "0 18 L * *", "0,30 2,9 * * *", "0 9 1,15 * *", "0 0 29 2 *")


@pytest.mark.parametrize("on_skip", ["drop", "next", "previous"])
def test_steps_run_what_the_timing_says(on_skip: str) -> None:
    """Of files that stay as they are, from a beginning that no move crosses."""
    for seed in range(8):
        choose = random.Random(seed)
        days = [f"2026-{choose.randint(2, 5):02}-{choose.randint(1, 28):02}" for _ in range(8)]
        closed = ["SAT"] * choose.randint(0, 1) + ["SUN"] * choose.randint(0, 1) + days
        zone = choose.choice(("Europe/Paris", "Africa/Cairo", "America/New_York"))
        subject = timing(choose.choice(SCHEDULES), calendar(*closed), on_skip=on_skip, zone=zone)
        after, until = at("2025-12-20T12:00"), at("2026-06-20T12:00")
        found = list(steps(subject, after, until, ()))
        assert ran(found) == list(subject.between(after, until)), (seed, closed)
        held = [(row.first, row.last, row.count) for one in found for row in one.held]
        expected = [one.time for one in subject.held(after, until)]
        assert sum(count for _, _, count in held) == len(expected), seed
        assert ran(found)[:5] == [tick for tick in subject.upcoming(after, 5) if tick <= until]


def test_laws_hold_through_random_edits_of_calendars() -> None:
    """Each nominal tick runs once at most, itself or moved, and is a row exactly once; nothing runs in closed time."""
    for seed in range(30):
        choose = random.Random(seed)
        on_skip = choose.choice(("drop", "next", "previous"))
        schedule = choose.choice(SCHEDULES[:5])
        mark, moves = at("2026-02-01T12:00"), ()
        end = mark + 60 * DAY
        ran_for: dict[datetime, datetime] = {}
        rows: set[datetime] = set()
        subject = timing(schedule, calendar("SAT"), on_skip=on_skip)
        while mark < end:
            stop = min(end, mark + timedelta(hours=choose.randint(1, 200)))
            for step in steps(subject, mark, stop, moves):
                moves = step.moves
                for row in step.held:
                    if row.count == 1:
                        assert row.first not in ran_for, (seed, "a row of a tick that ran")
                        rows.add(row.first)
                if step.tick is not None:
                    assert subject.closure(step.tick) is None, seed
                    assert step.tick not in ran_for, seed
                    ran_for[step.tick] = step.tick
            mark = stop
            days = [f"2026-{choose.randint(2, 4):02}-{choose.randint(1, 28):02}" for _ in range(choose.randint(0, 9))]
            subject = timing(
                schedule, calendar(*(["SAT", "SUN"] * choose.randint(0, 1)), *days, "2027-01-01"), on_skip=on_skip
            )
        if on_skip != "drop":
            nominal = set(Timing.parse(schedule, "Europe/Paris").between(at("2026-02-01T12:00"), end))
            assert nominal <= rows | ran_for.keys(), (seed, sorted(nominal - rows - ran_for.keys())[:3])
    assert next_step(timing("0 9 * * SAT", calendar("SAT")), at("2026-01-01T00:00"), ()) is not None
