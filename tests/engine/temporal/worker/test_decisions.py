"""The pure decisions of a timetable: the rules that need a clock which can be turned."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chronos_gitops.engine.model import Trigger
from chronos_gitops.engine.temporal.worker.decisions import AT_ONCE, TickClaim, TimetableDecision, decide, settle
from chronos_gitops.engine.ticks.due_queue import LATE, Missed
from chronos_gitops.jobs.model import Job
from chronos_gitops.schedule.calendars import parser

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def job(**fields: object) -> Job:
    document = {"name": "daily-backup", "schedule": "* * * * *", "enabled": True, "webhook": {"url": "http://x/"}}
    return Job.from_document(document | fields)


def test_a_tick_that_is_due_is_claimed_and_the_next_one_is_told() -> None:
    decided = decide(job(), NOON, NOON + MINUTE)
    assert decided.claims == (TickClaim(NOON + MINUTE, Trigger.SCHEDULE),)
    assert (decided.mark, decided.wake_at) == (NOON + MINUTE, NOON + 2 * MINUTE)


def test_nothing_is_due_before_its_time() -> None:
    decided = decide(job(), NOON, NOON + MINUTE - SECOND)
    assert (decided.claims, decided.mark, decided.wake_at) == ((), NOON, NOON + MINUTE)


def test_ticks_that_are_a_little_late_are_each_claimed() -> None:
    decided = decide(job(schedule="@every 1s"), NOON, NOON + 3 * SECOND)
    assert [claim.tick for claim in decided.claims] == [NOON + number * SECOND for number in (1, 2, 3)]


def test_one_decision_claims_only_so_many_and_is_asked_again() -> None:
    decided = decide(job(schedule="@every 1s"), NOON, NOON + 50 * SECOND)
    assert len(decided.claims) == AT_ONCE
    assert decided.wake_at == NOON + (AT_ONCE + 1) * SECOND <= NOON + 50 * SECOND


def test_a_gap_is_downtime_whatever_made_it_as_a_forward_step_of_the_clock() -> None:
    decided = decide(job(), NOON, NOON + 2 * HOUR)
    assert decided.claims == (TickClaim(NOON + 2 * HOUR, Trigger.CATCHUP, NOON + 2 * HOUR),)
    assert decided.missed == Missed(119, NOON + MINUTE, NOON + 2 * HOUR - MINUTE)
    assert (decided.mark, decided.wake_at) == (NOON + 2 * HOUR, NOON + 2 * HOUR + MINUTE)


def test_a_backward_step_repeats_nothing() -> None:
    decided = decide(job(), NOON, NOON - 4 * MINUTE)
    assert (decided.claims, decided.missed, decided.mark) == ((), None, NOON)


def test_execute_all_stops_at_a_hundred() -> None:
    decided = decide(job(missed_run_policy="execute_all", catchup_window="12h"), NOON, NOON + 3 * HOUR)
    assert len(decided.claims) == 100
    assert decided.missed is not None
    assert decided.missed.count == 80


def test_a_resumed_job_follows_its_policy_however_short_the_pause_was() -> None:
    soon = NOON + MINUTE + SECOND
    assert decide(job(missed_run_policy="ignore"), NOON, soon, is_resumed=True).missed == Missed(
        1, NOON + MINUTE, NOON + MINUTE
    )
    assert decide(job(missed_run_policy="ignore"), NOON, soon).claims == (TickClaim(NOON + MINUTE, Trigger.SCHEDULE),)


def test_late_is_measured_from_the_jittered_time() -> None:
    spread = job(jitter="10m", schedule="0 * * * *")
    due = decide(spread, NOON, NOON).wake_at
    assert due is not None
    assert decide(spread, NOON, due + LATE).claims[0].trigger is Trigger.SCHEDULE
    assert decide(spread, NOON, due + LATE + SECOND).claims[0].trigger is Trigger.CATCHUP


@pytest.mark.parametrize(
    ("before", "after", "mark", "expected"),
    [
        (None, {}, None, NOON + HOUR),
        ({}, {"description": "edited"}, NOON, NOON),
        ({}, {"enabled": False}, NOON, None),
        ({"enabled": False}, {}, None, NOON + HOUR),
        ({}, {"schedule": "*/2 * * * *"}, NOON, NOON + HOUR),
        ({}, {"timezone": "Asia/Kathmandu"}, NOON, NOON + HOUR),
    ],
)
def test_an_edit_keeps_the_mark_or_counts_from_now(
    before: dict[str, object] | None, after: dict[str, object], mark: datetime | None, expected: datetime | None
) -> None:
    decided = settle(None if before is None else job(**before), job(**after), mark, NOON + HOUR)
    assert (decided.mark, decided.claims) == (expected, ())


@pytest.mark.parametrize(
    ("after", "mark"),
    [
        ({"schedule": "@daily"}, NOON + 5 * MINUTE),
        ({"timezone": "Asia/Kathmandu"}, NOON + 5 * MINUTE),
        ({"enabled": False}, None),
        (None, None),
    ],
    ids=["rescheduled", "timezone", "disabled", "removed"],
)
def test_what_an_edited_schedule_still_owed_is_given_up(after: dict[str, object] | None, mark: datetime | None) -> None:
    decided = settle(job(), None if after is None else job(**after), NOON, NOON + 5 * MINUTE)
    assert decided == TimetableDecision(mark, missed=Missed(5, NOON + MINUTE, NOON + 5 * MINUTE))
    assert settle(job(), None if after is None else job(**after), NOON, NOON + SECOND).missed is None


FRIDAY_NOON = datetime(2026, 12, 25, 12, tzinfo=UTC)
"""Its scheduled time goes to Monday the 28th."""


def closing(*days: str) -> Job:
    calendar = parser.parse("fr", {"closed": list(days)})
    found = job(schedule="0 12 25 12 *", skip=["fr"], on_skip="next")
    return replace(found, timing=found.timing.with_calendars((calendar,), ()))


@pytest.mark.parametrize("late", [30 * MINUTE, 30 * SECOND])
def test_what_ran_late_names_the_scheduled_time_whose_place_it_took(late: timedelta) -> None:
    """Of an outage across the target, and of an edit of the calendar."""
    target = FRIDAY_NOON + timedelta(days=3)
    moves = ((FRIDAY_NOON, target),)
    before, after = closing("12-25", "SAT", "SUN"), closing("12-25", "SAT", "SUN", "12-30")
    outage = decide(before, target - HOUR, target + late, moves=moves)
    edit = settle(before, after, target - HOUR, target + late, moves=moves)
    for decided in (outage, edit):
        assert [(claim.tick, claim.moved_from) for claim in decided.claims] == [(target, FRIDAY_NOON)]


def test_an_edit_withdraws_a_move_of_the_gap_and_names_its_commit() -> None:
    before = closing("12-25", "SAT", "SUN")
    for commit, why in (("1a2b3c4d5e", "withdrawn by 1a2b3c4d"), ("", "withdrawn by an edit")):
        edit = settle(before, job(), FRIDAY_NOON - HOUR, FRIDAY_NOON + HOUR, commit=commit)
        assert [(held.last, held.moved_to, held.why) for held in edit.held] == [(FRIDAY_NOON, None, why)]
        assert edit.moves == ()


def test_an_edit_withdraws_a_move_whose_origin_has_its_row() -> None:
    target = FRIDAY_NOON + timedelta(days=3)
    before, moves = closing("12-25", "SAT", "SUN"), ((FRIDAY_NOON, target),)
    for after in (job(), None):
        edit = settle(before, after, FRIDAY_NOON, FRIDAY_NOON + HOUR, moves=moves, commit="1a2b3c4d5e")
        assert (edit.withdrawn, edit.why, edit.moves) == ((target,), "withdrawn by 1a2b3c4d", ())
    assert settle(before, job(), target, target + HOUR, moves=moves).withdrawn == (), "it has arrived"
    same = settle(before, before, FRIDAY_NOON, FRIDAY_NOON + HOUR, moves=moves)
    assert (same.withdrawn, same.moves) == ((), moves)


def test_a_past_entry_is_late_when_it_is_first_applied_and_never_again() -> None:
    once = job(schedule="@at 2026-12-25T11:55")
    first = settle(None, once, None, FRIDAY_NOON)
    edited = settle(job(schedule="@yearly"), once, FRIDAY_NOON, FRIDAY_NOON)
    for decided in (first, edited):
        late = FRIDAY_NOON - 5 * MINUTE
        assert decided.late == (Missed(1, late, late, "applied 5m after its time"),)
        assert (decided.claims, decided.mark) == ((), FRIDAY_NOON)
    assert settle(job(), once, FRIDAY_NOON, FRIDAY_NOON).late == (), "the old schedule named it"
    assert settle(job(schedule="@at 2026-12-25T11:55", enabled=False), once, None, FRIDAY_NOON).late == ()
    assert settle(None, job(schedule="@at 2026-12-24T12:00"), None, FRIDAY_NOON).late == ()
