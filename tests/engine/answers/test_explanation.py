"""Why did it (not) run at 02:00: one table of what is known, and the answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chronos_gitops.engine.answers.explanation import Explanation, JobAtTime, TickOutcome, explain
from chronos_gitops.engine.model import Execution, Gate, HeldBy, Pause, Reason, Status, Trigger
from chronos_gitops.jobs.bound_jobs import bound
from chronos_gitops.jobs.calendar_set import CalendarFile, CalendarSet
from chronos_gitops.jobs.model import Job
from chronos_gitops.schedule.calendars import parser

TWO = datetime(2026, 3, 2, 2, tzinfo=UTC)
NOW = TWO + timedelta(hours=10)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
COMMIT = "c0ffee00" + "0" * 32
PAUSE = Pause("daily-backup", "moving house", "ada", TWO - HOUR)


def job(schedule: str = "0 2 * * *", **fields: Any) -> Job:
    webhook = {"url": "https://hooks.example.com/"}
    return Job.from_document(
        {"name": "daily-backup", "schedule": schedule, "enabled": True, "webhook": webhook, **fields}
    )


def standing(*args: Any, **fields: Any) -> JobAtTime:
    return JobAtTime(job(*args, **fields), 3, COMMIT)


def row(status: Status = Status.SUCCESS, **fields: Any) -> Execution:
    found = Execution("id", "daily-backup", TWO, Trigger.SCHEDULE, status, attempts=1, version=2, commit="b" * 40)
    return replace(found, **fields)


def missed(first: datetime, last: datetime, count: int) -> Execution:
    return row(Status.SKIPPED, reason=Reason.MISSED, scheduled_time=last, range_start=first, count=count)


def asked(
    at: datetime = TWO,
    known: JobAtTime | None = None,
    rows: tuple[Execution, ...] = (),
    pauses: tuple[Pause, ...] = (),
    now: datetime = NOW,
) -> Explanation:
    return explain(at, now, known or standing(), rows, pauses)


@pytest.mark.parametrize(
    ("execution", "fate", "words"),
    [
        (row(), TickOutcome.SUCCESS, "was a success after 1 attempt."),
        (
            row(Status.FAILED, error="the target responded with 503", attempts=3),
            TickOutcome.FAILED,
            "after 3 attempts: the target",
        ),
        (row(Status.PENDING), TickOutcome.PENDING, "waits for its turn"),
        (row(Status.RUNNING), TickOutcome.RUNNING, "is running"),
        (row(Status.CANCELLED, reason=Reason.REPLACED), TickOutcome.CANCELLED, "a newer execution replaced this one"),
        (row(Status.CANCELLED, reason=Reason.DISABLED), TickOutcome.CANCELLED, "disabled before its turn came"),
        (
            row(Status.SKIPPED, reason=Reason.OVERLAP),
            TickOutcome.SKIPPED,
            "still running, and the job forbids an overlap",
        ),
        (row(Status.SKIPPED, reason=Reason.MISSED), TickOutcome.SKIPPED, "no runner was there to claim it"),
    ],
)
def test_a_row_is_the_answer_and_names_its_own_commit(execution: Execution, fate: TickOutcome, words: str) -> None:
    answer = asked(rows=(execution,))
    assert (answer.due, answer.tick, answer.fate, answer.execution) == (True, TWO, fate, execution)
    assert (answer.version, answer.commit, answer.reason) == (2, "b" * 40, execution.reason)
    assert words in answer.message


def test_a_full_queue_is_named_where_an_overlap_was_skipped() -> None:
    known = standing(concurrency="queue")
    answer = asked(known=known, rows=(row(Status.SKIPPED, reason=Reason.OVERLAP),))
    assert "100 executions were waiting for their turn already" in answer.message


def test_a_range_row_answers_for_the_ticks_inside_it() -> None:
    every_minute = standing("* * * * *")
    found = missed(TWO - HOUR, TWO + HOUR, 121)
    answer = asked(known=every_minute, rows=(found,))
    assert (answer.fate, answer.tick, answer.execution) == (TickOutcome.SKIPPED, TWO, found)
    assert "121 scheduled times from 2026-03-02T01:00:00Z" in answer.message


def test_a_range_row_says_nothing_about_an_instant_that_was_no_tick() -> None:
    known = standing("0 * * * *")
    answer = asked(TWO + 30 * MINUTE, known, rows=(missed(TWO - HOUR, TWO + HOUR, 3),))
    assert (answer.fate, answer.due) == (TickOutcome.NOT_DUE, False)


def test_a_tick_that_was_missed_in_a_pause_names_the_pause() -> None:
    over = replace(PAUSE, until=TWO + HOUR)
    answer = asked(rows=(row(Status.SKIPPED, reason=Reason.MISSED),), pauses=(over,))
    assert "paused by ada (moving house)" in answer.message
    assert answer.reason == "paused"


def test_a_tick_that_was_one_too_many_to_be_caught_up_says_so() -> None:
    found = replace(missed(TWO - 12 * HOUR, TWO + HOUR, 781), created_at=TWO + 2 * HOUR)
    known = standing("* * * * *", missed_run_policy="execute_all", catchup_window="10h")
    inside, outside = (asked(at, known, (found,)) for at in (TWO, TWO - 9 * HOUR))
    assert (inside.fate, inside.reason) == (TickOutcome.SKIPPED, "catchup-limit")
    assert "at most the newest 100" in inside.message
    assert (outside.fate, outside.reason) == (TickOutcome.SKIPPED, "missed")
    one = asked(TWO, standing("* * * * *", missed_run_policy="execute_one", catchup_window="10h"), (found,))
    assert one.reason == "missed"


@pytest.mark.parametrize("off", [timedelta(0), timedelta(seconds=40), timedelta(seconds=-59)])
def test_the_nearest_tick_within_a_minute_is_meant(off: timedelta) -> None:
    assert asked(TWO + off, rows=(row(),)).fate is TickOutcome.SUCCESS


def test_of_two_near_ticks_the_nearer_one_is_meant() -> None:
    near, far = row(), row(scheduled_time=TWO + timedelta(seconds=20), id="far")
    answer = asked(TWO + timedelta(seconds=4), standing("*/20 * * * * *"), rows=(far, near))
    assert answer.execution == near


def test_a_row_counts_even_when_git_tells_another_schedule() -> None:
    assert asked(known=standing("0 5 * * *"), rows=(row(),)).fate is TickOutcome.SUCCESS


@pytest.mark.parametrize(
    ("known", "at", "fate", "words"),
    [
        (
            standing(),
            TWO + HOUR,
            TickOutcome.NOT_DUE,
            'the schedule was "0 2 * * *" in UTC by version 3 (commit c0ffee00)',
        ),
        (standing(), TWO + HOUR, TickOutcome.NOT_DUE, "the next scheduled time after it is 2026-03-03T02:00:00Z"),
        (replace(standing("0 5 * * *"), is_stale=True), TWO, TickOutcome.NOT_DUE, "the last valid one"),
        (standing(enabled=False), TWO, TickOutcome.DISABLED, "disabled then, by version 3"),
        (
            JobAtTime(None, 4, COMMIT, is_absent=True),
            TWO,
            TickOutcome.ABSENT,
            "The job did not exist any more: version 4 (commit c0ffee00) had removed it.",
        ),
        (JobAtTime(None, 1, COMMIT), TWO, TickOutcome.INVALID, "invalid then, by version 1"),
        (standing(), TWO, TickOutcome.UNKNOWN, "2026-03-02T02:00:00Z has no record"),
        (standing(), TWO + timedelta(days=1), TickOutcome.UPCOMING, "still to come."),
    ],
)
def test_without_a_row_the_version_of_that_time_answers(
    known: JobAtTime, at: datetime, fate: TickOutcome, words: str
) -> None:
    answer = asked(at, known)
    assert (answer.fate, answer.execution) == (fate, None)
    assert (answer.version, answer.commit) == (known.version, COMMIT)
    assert words in answer.message


def test_a_pause_that_holds_is_the_reason() -> None:
    answer = asked(pauses=(PAUSE,))
    assert (answer.fate, answer.reason, answer.due) == (TickOutcome.PAUSED, "paused", False)
    assert "ada" in answer.message


def test_a_pause_that_was_over_by_then_is_not() -> None:
    assert asked(pauses=(replace(PAUSE, until=TWO - MINUTE),)).fate is TickOutcome.UNKNOWN


def test_jitter_makes_a_tick_late_not_lost() -> None:
    answer = asked(known=standing(jitter="30m"), now=TWO)
    assert answer.fate is TickOutcome.UPCOMING
    assert "later by its jitter" in answer.message


def christmas(on_skip: str) -> JobAtTime:
    closed = ["SAT", "SUN", {"date": "12-25", "reason": "Christmas"}]
    calendar = parser.parse("fr-holidays", {"closed": closed}, lambda _: 7)
    file = CalendarFile("fr-holidays", "jobs/_calendars/fr-holidays.yaml", "", calendar, commit="1a2b3c4d" + "0" * 32)
    calendars = CalendarSet.in_force({"fr-holidays": file})
    found = job(timezone="Europe/Paris", skip=["fr-holidays"], on_skip=on_skip)
    return JobAtTime(bound(found, "jobs/daily-backup.yaml", None, calendars), 3, COMMIT, calendars=calendars)


EVE = datetime(2026, 12, 24, 12, tzinfo=UTC)
CHRISTMAS = datetime(2026, 12, 25, 1, tzinfo=UTC)
MONDAY = datetime(2026, 12, 28, 1, tzinfo=UTC)
PLACE = "jobs/_calendars/fr-holidays.yaml:7 (commit 1a2b3c4d)"
HELD_BY = HeldBy("fr-holidays", "Christmas", "jobs/_calendars/fr-holidays.yaml", 7, "1a2b3c4d" + "0" * 32)


def test_a_held_tick_says_which_line_held_it_and_where_it_moved() -> None:
    held = row(Status.SKIPPED, scheduled_time=CHRISTMAS, reason=Reason.CALENDAR, calendar=HELD_BY, moved_to=MONDAY)
    found = asked(CHRISTMAS, christmas("next"), (held,), now=MONDAY)
    assert (found.fate, found.reason, found.tick) == (TickOutcome.SKIPPED, "calendar", CHRISTMAS)
    assert found.message == (
        f"The scheduled time 2026-12-25T01:00:00Z was held: fr-holidays closes 2026-12-25 (Christmas), {PLACE}; "
        "it moved to 2026-12-28T01:00:00Z."
    )


def test_a_tick_that_will_be_held_is_closed() -> None:
    found = asked(CHRISTMAS, christmas("next"), now=EVE)
    assert (found.fate, found.due) == (TickOutcome.CLOSED, False)
    assert found.message == (
        f"The scheduled time 2026-12-25T01:00:00Z is held: fr-holidays closes 2026-12-25 (Christmas), {PLACE}; "
        "it moves to 2026-12-28T01:00:00Z."
    )


def test_the_target_of_a_move_names_its_origin() -> None:
    ran = row(scheduled_time=MONDAY, moved_from=CHRISTMAS)
    found = asked(MONDAY, christmas("next"), (ran,), now=MONDAY + HOUR)
    assert "in the place of 2026-12-25T01:00:00Z" in found.message


def test_a_dropped_date_says_how_many_ticks_its_row_stands_for() -> None:
    first, last = CHRISTMAS, CHRISTMAS + HOUR
    held = row(
        Status.SKIPPED, scheduled_time=last, range_start=first, count=61, reason=Reason.CALENDAR, calendar=HELD_BY
    )
    found = asked(CHRISTMAS, christmas("drop"), (held,), now=MONDAY)
    assert found.message.endswith("; one record stands for 61 scheduled times from 2026-12-25T01:00:00Z.")


def test_a_gate_is_named_while_it_is_waited_for_and_after_a_wait_in_vain() -> None:
    gate = Gate("nightly-extract", TWO, TWO + 45 * MINUTE)
    waits = asked(rows=(row(Status.PENDING, requires=gate, attempts=0),))
    about = "a success of nightly-extract from 2026-03-02T02:00:00Z to 2026-03-02T02:45:00Z"
    assert waits.message == f"The execution of 2026-03-02T02:00:00Z waits for {about}."
    skipped = asked(rows=(row(Status.SKIPPED, reason=Reason.REQUIRES, requires=gate),))
    assert (
        skipped.message == f"The scheduled time 2026-03-02T02:00:00Z was skipped: it waited for {about}, and none came."
    )


GUARDS = Pause("daily-backup", "version 7 (1a2b3c4d) failed its first 3 runs; version 6 had succeeded", "guard", TWO)
THERE = "2026-03-02T02:00:00Z"


@pytest.mark.parametrize(
    ("execution", "fate", "sentence"),
    [
        (row(), "success", f"It ran: the execution of {THERE} was a success after 1 attempt."),
        (
            row(Status.FAILED, error="the target responded with 503", attempts=3),
            "failed",
            "It ran and failed after 3 attempts: the target responded with 503.",
        ),
        (row(Status.FAILED), "failed", "It ran and failed after 1 attempt: no reason was kept."),
        (
            row(Status.RUNNING, attempts=2),
            "running",
            f"The execution of {THERE} is running, after 2 attempts.",
        ),
        (
            row(Status.PENDING, attempts=0),
            "pending",
            f"The execution of {THERE} is recorded and waits for its turn.",
        ),
        (
            row(Status.CANCELLED, reason=Reason.GUARD, attempts=0),
            "cancelled",
            f"The execution of {THERE} was cancelled after 0 attempts: the guard paused the job before its turn came.",
        ),
        (
            row(Status.SKIPPED, reason=Reason.BACKLOG),
            "skipped",
            f"The scheduled time {THERE} was skipped: as many executions were unfinished as limits.pending allows.",
        ),
    ],
)
def test_the_sentence_about_an_instant_with_a_row(execution: Execution, fate: str, sentence: str) -> None:
    answer = asked(rows=(execution,))
    assert (answer.fate.value, answer.message) == (fate, sentence)


@pytest.mark.parametrize(
    ("known", "pauses", "sentence"),
    [
        (
            JobAtTime(None, 1, COMMIT, is_absent=True, begins=TWO + HOUR),
            (),
            "The job did not exist yet: version 1 (commit c0ffee00) created it at 2026-03-02T03:00:00Z.",
        ),
        (
            JobAtTime(None, 4, COMMIT, is_absent=True),
            (),
            "The job did not exist any more: version 4 (commit c0ffee00) had removed it.",
        ),
        (JobAtTime(None, is_absent=True), (), "There is no such job."),
        (
            JobAtTime(None, 1, COMMIT),
            (),
            "The job's file was invalid then, by version 1 (commit c0ffee00); there was no valid version to run.",
        ),
        (standing(enabled=False), (), "The job was disabled then, by version 3 (commit c0ffee00)."),
        (
            JobAtTime(job(enabled=False), base="3"),
            (),
            "The job was disabled then, by a draft, changed since version 3.",
        ),
        (
            standing(),
            (GUARDS,),
            "The job is paused by guard since 2026-03-02T02:00:00Z: "
            "version 7 (1a2b3c4d) failed its first 3 runs; version 6 had succeeded.",
        ),
        (
            standing(),
            (),
            f"The scheduled time {THERE} has no record: no runner had applied version 3 (commit c0ffee00) by then, "
            "or the record is older than the history that is kept.",
        ),
    ],
)
def test_the_sentence_about_an_instant_without_a_row(
    known: JobAtTime, pauses: tuple[Pause, ...], sentence: str
) -> None:
    assert asked(known=known, pauses=pauses).message == sentence


@pytest.mark.parametrize("policy", ["execute_all", "execute_one", "ignore"])
def test_what_fell_in_a_pause_of_the_guard_is_not_explained_by_a_policy(policy: str) -> None:
    known = standing("0 * * * *", missed_run_policy=policy, catchup_window="24h")
    found = replace(missed(TWO, TWO + HOUR, 2), created_at=TWO + 90 * MINUTE)
    answer = asked(known=known, rows=(found,), pauses=(replace(GUARDS, until=TWO + 90 * MINUTE),))
    assert answer.reason == "paused"
    assert answer.message == (
        f"The scheduled time {THERE} was skipped: the job was paused by guard ({GUARDS.reason}), and an edit that ends "
        "such a pause runs nothing, a resume follows missed_run_policy; "
        f"one record stands for 2 scheduled times from {THERE}."
    )


WINDOW = Gate("nightly-extract", TWO - 24 * HOUR, TWO + HOUR, met=False)
AT_TWO = "2026-03-02T02:00:00Z"
MISSED = row(Status.SKIPPED, reason=Reason.MISSED)
HELD = row(Status.SKIPPED, reason=Reason.CALENDAR, calendar=HeldBy("fr", "Christmas", "jobs/_calendars/fr.yaml", 7))
NOT_CAUGHT_UP = "and its missed_run_policy and catchup_window did not catch it up."
SENTENCES: dict[str, tuple[Explanation, str]] = {
    "overlap": (
        asked(rows=(row(Status.SKIPPED, reason=Reason.OVERLAP),)),
        f"The scheduled time {AT_TWO} was skipped: the execution before it was still running, and the job forbids an "
        "overlap.",
    ),
    "backlog": (
        asked(rows=(row(Status.SKIPPED, reason=Reason.BACKLOG),)),
        f"The scheduled time {AT_TWO} was skipped: as many executions were unfinished as limits.pending allows.",
    ),
    "requires": (
        asked(rows=(row(Status.SKIPPED, reason=Reason.REQUIRES, requires=WINDOW),)),
        f"The scheduled time {AT_TWO} was skipped: it waited for a success of nightly-extract from "
        "2026-03-01T02:00:00Z to 2026-03-02T03:00:00Z, and none came.",
    ),
    "missed": (
        asked(rows=(MISSED,)),
        f"The scheduled time {AT_TWO} was skipped: no runner was there to claim it, {NOT_CAUGHT_UP}",
    ),
    "missed in a pause": (
        asked(rows=(MISSED,), pauses=(replace(PAUSE, until=TWO + HOUR),)),
        f"The scheduled time {AT_TWO} was skipped: the job was paused by ada (moving house), {NOT_CAUGHT_UP}",
    ),
    "applied late": (
        asked(known=JobAtTime(None), rows=(replace(MISSED, range_start=TWO, message="applied 5m after its time"),)),
        f"The scheduled time {AT_TWO} was skipped: it was applied 5m after its time, and an @at entry in the past does "
        "not run.",
    ),
    "ran early": (
        asked(rows=(replace(HELD, moved_to=TWO - 24 * HOUR),)),
        f"The scheduled time {AT_TWO} was held: fr closes 2026-03-02 (Christmas), jobs/_calendars/fr.yaml:7; it ran "
        "early, at 2026-03-01T02:00:00Z.",
    ),
    "in the place of another": (
        asked(rows=(row(moved_from=TWO - 24 * HOUR),)),
        f"It ran: the execution of {AT_TWO} was a success after 1 attempt. It ran in the place of "
        "2026-03-01T02:00:00Z, which was held.",
    ),
    "never committed": (
        asked(TWO + HOUR, JobAtTime(job())),
        'Nothing was due: the schedule was "0 2 * * *" in UTC by a file that was never committed; the next scheduled '
        "time after it is 2026-03-03T02:00:00Z.",
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_whole_sentences(case: str) -> None:
    answer, sentence = SENTENCES[case]
    assert answer.message == sentence


def test_more_than_can_be_caught_up() -> None:
    found = replace(missed(TWO - 12 * HOUR, TWO + HOUR, 781), created_at=TWO + 2 * HOUR)
    known = standing("* * * * *", missed_run_policy="execute_all", catchup_window="24h")
    answer = asked(known=known, rows=(found,))
    assert "no runner was there to claim it, and at most the newest 100 scheduled times are caught up; " in (
        answer.message
    )


def test_a_held_time_that_ran_early_says_so_before_its_row() -> None:
    calendar = parser.parse("fr", {"closed": ["03-02"]}, lambda _: 7)
    known = CalendarSet.in_force({"fr": CalendarFile("fr", "jobs/_calendars/fr.yaml", "", calendar, commit=COMMIT)})
    told = bound(job(skip=["fr"], on_skip="previous"), "jobs/daily-backup.yaml", None, known)
    answer = asked(known=JobAtTime(told, 3, COMMIT, calendars=known), now=TWO - HOUR)
    assert answer.message == (
        f"The scheduled time {AT_TWO} is held: fr closes 2026-03-02 (03-02), jobs/_calendars/fr.yaml:7 (commit "
        "c0ffee00); it ran early, at 2026-03-01T02:00:00Z."
    )
