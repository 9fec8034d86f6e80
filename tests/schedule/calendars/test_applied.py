"""Claims of a job that moves held ticks, across an edit and a pause."""

from datetime import UTC, datetime, timedelta

import pytest

from chronos_gitops.engine.model import Pause
from chronos_gitops.engine.ticks.due_queue import upcoming
from chronos_gitops.schedule.calendars import applied, parser
from chronos_gitops.schedule.calendars.applied import AppliedTiming, _is_next_open, as_applied, under_way
from chronos_gitops.schedule.schedule_list import ScheduleList
from chronos_gitops.schedule.timing import OnSkip, Timing


def timing(schedule: str, *closed: str, on_skip: str) -> Timing:
    calendars = (parser.parse("c", {"closed": list(closed)}),)
    return Timing(ScheduleList.parse([schedule]), skip=calendars, on_skip=OnSkip(on_skip))


def day(text: str, hour: int = 9) -> datetime:
    return datetime.fromisoformat(f"{text}T{hour:02}:00").replace(tzinfo=UTC)


SATURDAY = timing("0 9 * * SAT", "SAT", "SUN", on_skip="next")
FRIDAY = timing("0 9 * * SAT", "SAT", "SUN", on_skip="previous")


def test_a_move_that_was_not_made_has_no_target() -> None:
    sunday = day("2026-11-08")
    assert SATURDAY.upcoming(sunday, 1) == (day("2026-11-09"),)
    assert as_applied(SATURDAY, sunday).upcoming(sunday, 2) == (day("2026-11-16"), day("2026-11-23"))
    made = ((day("2026-11-07"), day("2026-11-09")),)
    assert as_applied(SATURDAY, sunday, made).upcoming(sunday, 1) == (day("2026-11-09"),)


def test_a_move_keeps_its_target_when_the_day_is_opened() -> None:
    opened, made = timing("0 9 * * SAT", "SUN", on_skip="next"), ((day("2026-11-07"), day("2026-11-09")),)
    assert as_applied(opened, day("2026-11-08"), made).upcoming(day("2026-11-08"), 2) == (
        day("2026-11-09"),
        day("2026-11-14"),
    )


def test_what_ran_early_does_not_run_again_when_the_day_is_opened() -> None:
    opened, made = timing("0 9 * * SAT", "SUN", on_skip="previous"), ((day("2026-11-07"), day("2026-11-06")),)
    assert as_applied(opened, day("2026-11-06", 12), made).upcoming(day("2026-11-06", 12), 1) == (day("2026-11-14"),)
    assert as_applied(FRIDAY, day("2026-11-06", 12), made) is FRIDAY  # the files say the same


@pytest.mark.parametrize("subject", [SATURDAY, FRIDAY], ids=["next", "previous"])
def test_files_that_stay_say_what_a_runner_will_claim(subject: Timing) -> None:
    for hours in range(0, 14 * 24, 7):
        at = day("2026-11-02") + timedelta(hours=hours)
        applied = as_applied(subject, at, under_way(subject, at))
        assert applied.upcoming(at, 4) == subject.upcoming(at, 4)
        late = at + timedelta(days=200)
        assert list(applied.between(at, late)) == list(subject.between(at, late))


def test_a_move_out_of_a_pause_is_shown() -> None:
    pause = Pause("a", "maintenance", "ada", day("2026-11-06"), day("2026-11-08"))
    now = day("2026-11-06", 12)
    assert upcoming(SATURDAY, pause, day("2026-11-05"), now, 2) == (day("2026-11-09"), day("2026-11-16"))


def test_an_earlier_day_that_had_passed_is_no_target() -> None:
    noon, saturday = day("2026-11-06", 12), day("2026-11-07")
    late = as_applied(FRIDAY, noon)
    held = [(one.time, one.move.target, one.move.why) for one in late.held(noon, day("2026-11-15")) if one.move]
    passed = "its earlier day had passed before the entry was applied"
    assert held == [(saturday, None, passed), (day("2026-11-14"), day("2026-11-13"), "")]
    made = as_applied(FRIDAY, noon, ((saturday, day("2026-11-06")),))
    [early] = [one.move for one in made.held(noon, saturday)]
    assert early is not None
    assert early.target == day("2026-11-06")


def test_what_is_held_again_at_its_target_is_held_there() -> None:
    closed = timing("0 9 * * SAT", "SAT", "SUN", "2026-11-09", on_skip="next")
    applied = as_applied(closed, day("2026-11-08"), ((day("2026-11-07"), day("2026-11-09")),))
    [again] = [one for one in applied.held(day("2026-11-08"), day("2026-11-10")) if one.move]
    assert (again.time, again.move.target if again.move else None) == (day("2026-11-09"), day("2026-11-10"))


@pytest.mark.parametrize("subject", [SATURDAY, FRIDAY], ids=["next", "previous"])
def test_files_that_stay_say_what_a_runner_will_hold(subject: Timing) -> None:
    for hours in range(0, 14 * 24, 7):
        at = day("2026-11-02") + timedelta(hours=hours)
        applied = AppliedTiming(subject, at, under_way(subject, at))
        for after in (at - timedelta(days=9), at, at + timedelta(days=50)):
            until = after + timedelta(days=60)
            assert list(applied.held(after, until)) == list(subject.held(after, until))


@pytest.mark.parametrize("schedule", ["0 9 * * *", "30 2 * * MON-FRI", "30 2 29 3 *", "0 18 L * *", "0 0 29 2 *"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "Africa/Cairo"])
def test_shortcut_of_an_open_next_time_changes_nothing(
    schedule: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = ["SAT", "SUN", "2026-03-30", {"from": "2026-03-29T02:45", "to": "2026-03-29T12:00"}, "04-24", "12-24"]
    calendars = (parser.parse("c", {"closed": closed}),)
    subject = Timing(ScheduleList.parse([schedule], zone), skip=calendars, on_skip=OnSkip.PREVIOUS)
    instants = [day("2026-02-20") + timedelta(hours=3 * number) for number in range(500)]
    quick = [under_way(subject, at) for at in instants]
    shortened = sum(_is_next_open(subject, at) for at in instants)
    monkeypatch.setattr(applied, "_is_next_open", lambda *_: False)
    assert [under_way(subject, at) for at in instants] == quick
    assert shortened > 0
