"""What a timetable does at an instant: values in, a decision out; here a clock may step wherever it likes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.engine.model import Trigger
from chronos_gitops.engine.temporal.decisions import AT_ONCE, decide, settle
from chronos_gitops.engine.timetable import CATCHUP_LIMIT, LATE
from chronos_gitops.jobs.model import Job

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def job(schedule: str = "* * * * *", **fields: Any) -> Job:
    webhook = {"url": "https://hooks.example.com/"}
    return Job.from_document(
        {"name": "one", "schedule": schedule, "enabled": True, "webhook": webhook, "catchup_window": "24h", **fields}
    )


def test_a_due_tick_is_claimed_once_and_the_next_one_is_waited_for() -> None:
    decided = decide(job(), NOON, NOON + MINUTE)
    assert [claim.tick for claim in decided.claims] == [NOON + MINUTE]
    assert (decided.mark, decided.wake_at) == (NOON + MINUTE, NOON + 2 * MINUTE)
    assert decide(job(), NOON + MINUTE, NOON + MINUTE).claims == ()


def test_a_forward_step_counts_as_downtime() -> None:
    decided = decide(job(), NOON, NOON + 2 * HOUR)
    assert [(claim.tick, claim.trigger) for claim in decided.claims] == [(NOON + 2 * HOUR, Trigger.CATCHUP)]
    assert decided.missed is not None
    assert (decided.missed.count, decided.missed.first) == (119, NOON + MINUTE)


def test_a_backward_step_repeats_nothing() -> None:
    decided = decide(job(), NOON, NOON - HOUR)
    assert (decided.claims, decided.missed, decided.mark) == ((), None, NOON)
    assert decided.wake_at == NOON + MINUTE


def test_execute_all_stops_at_a_hundred() -> None:
    decided = decide(job(missed_run_policy="execute_all"), NOON, NOON + 3 * HOUR)
    assert len(decided.claims) == CATCHUP_LIMIT
    assert decided.missed is not None
    assert decided.missed.count == 180 - CATCHUP_LIMIT


def test_a_crowd_of_ticks_is_claimed_a_few_at_a_time() -> None:
    often = job("@every 1s")
    first = decide(often, NOON, NOON + timedelta(seconds=30))
    assert (len(first.claims), first.mark) == (AT_ONCE, NOON + timedelta(seconds=AT_ONCE))
    assert first.mark is not None
    assert len(decide(often, first.mark, NOON + timedelta(seconds=30)).claims) == 30 - AT_ONCE


def test_what_a_pause_held_up_follows_the_policy_however_short_it_was() -> None:
    decided = decide(job(), NOON, NOON + MINUTE, is_resumed=True)
    assert [claim.trigger for claim in decided.claims] == [Trigger.CATCHUP]


def test_an_edit_fires_nothing_and_gives_up_what_the_old_schedule_owed() -> None:
    decided = settle(job(), job("0 * * * *"), NOON, NOON + 5 * MINUTE)
    assert (decided.claims, decided.mark) == ((), NOON + 5 * MINUTE)
    assert decided.missed is not None
    assert decided.missed.count == 5


def test_a_disabled_job_has_no_mark() -> None:
    assert settle(job(), job(enabled=False), NOON, NOON + HOUR).mark is None


@given(
    steps=st.lists(st.integers(-200, 400), min_size=1, max_size=12),
    policy=st.sampled_from(["execute_one", "ignore", "execute_all"]),
)
def test_over_any_walk_of_the_clock_each_tick_is_accounted_for_once(steps: list[int], policy: str) -> None:
    """Minutes, backward ones too: each tick up to the mark is claimed or given up once, and a mark never goes back."""
    walked, mark, now = job("*/5 * * * *", missed_run_policy=policy), NOON, NOON
    accounted: list[datetime] = []
    for step in steps:
        now += step * MINUTE
        while True:
            decided = decide(walked, mark, now, late=LATE)
            if decided.missed is not None:
                accounted += walked.schedule.between(decided.missed.first - MINUTE, decided.missed.last)
            accounted += [claim.tick for claim in decided.claims]
            assert decided.mark is not None
            assert decided.mark >= mark
            moved, mark = decided.mark != mark, decided.mark
            if not moved or not decided.claims:
                break
    assert len(accounted) == len(set(accounted))
    assert set(accounted) == set(walked.schedule.between(NOON, mark))
