from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_gitops.engine.model import Pause
from chronos_gitops.engine.ticks.due_queue import (
    CATCHUP_LIMIT,
    LATE,
    CatchUp,
    DueQueue,
    Missed,
    catch_up,
    held_until,
    upcoming,
)
from chronos_gitops.jobs.model import Job

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)


def job(name: str = "daily-backup", **fields: Any) -> Job:
    document = {"name": name, "schedule": "* * * * *", "webhook": {"url": "http://example.com/"}}
    return Job.from_document(document | fields)


class TestTimetable:
    def test_pops_what_is_due_earliest_first(self) -> None:
        timetable = DueQueue()
        timetable.put(job("five-minutes", schedule="*/5 * * * *"), after=NOON)
        timetable.put(job("every-minute"), after=NOON)
        assert timetable.next_at() == NOON + MINUTE
        assert timetable.pop(NOON + timedelta(seconds=59)) == []
        assert [due.job for due in timetable.pop(NOON + 5 * MINUTE)] == ["every-minute", "five-minutes"]
        assert timetable.next_at() is None

    def test_a_new_entry_replaces_the_old_one(self) -> None:
        timetable = DueQueue()
        timetable.put(job(), after=NOON)
        timetable.put(job(schedule="0 13 * * *"), after=NOON)
        assert timetable.next_at() == NOON + timedelta(hours=1)
        assert [due.tick for due in timetable.pop(NOON + timedelta(hours=2))] == [NOON + timedelta(hours=1)]

    def test_a_removed_job_is_not_due(self) -> None:
        timetable = DueQueue()
        timetable.put(job("one-job"), after=NOON)
        timetable.put(job("other-job"), after=NOON)
        timetable.remove("one-job")
        timetable.retain(["other-job"])
        assert [due.job for due in timetable.pop(NOON + MINUTE)] == ["other-job"]
        assert len(timetable) == 0

    def test_jitter_moves_the_moment_and_not_the_tick(self) -> None:
        timetable = DueQueue()
        timetable.put(job(jitter="30s"), after=NOON)
        [due] = timetable.pop(NOON + 2 * MINUTE)
        assert due.tick == NOON + MINUTE
        assert NOON + MINUTE <= due.at < NOON + MINUTE + timedelta(seconds=30)

    def test_edits_leave_nothing_behind(self) -> None:
        timetable = DueQueue()
        for _ in range(1000):
            timetable.put(job(), after=NOON)
        timetable.retain(["daily-backup"])
        assert len(timetable._heap) == 1


class TestCatchUp:
    TABLE = (
        # policy, minutes of outage, run (minutes after noon), missed (count, first, last)
        ("execute_one", 0, [], None),
        ("execute_one", 1, [1], None),
        ("execute_one", 5, [5], (4, 1, 4)),
        ("ignore", 1, [], (1, 1, 1)),
        ("ignore", 5, [], (5, 1, 5)),
        ("execute_all", 3, [1, 2, 3], None),
    )

    @pytest.mark.parametrize(("policy", "outage", "run", "missed"), TABLE)
    def test_table(self, policy: str, outage: int, run: list[int], missed: tuple[int, int, int] | None) -> None:
        expected = CatchUp(
            tuple(NOON + minute * MINUTE for minute in run),
            None if missed is None else Missed(missed[0], NOON + missed[1] * MINUTE, NOON + missed[2] * MINUTE),
        )
        assert catch_up(job(missed_run_policy=policy), NOON, NOON + outage * MINUTE) == expected

    def test_the_window_is_closed_at_its_old_end(self) -> None:
        decided = catch_up(job(missed_run_policy="execute_all", catchup_window="2m"), NOON, NOON + 5 * MINUTE)
        assert decided.run == tuple(NOON + minute * MINUTE for minute in (3, 4, 5))
        assert decided.missed == Missed(2, NOON + MINUTE, NOON + 2 * MINUTE)

    @given(
        policy=st.sampled_from(["execute_one", "ignore", "execute_all"]),
        outage=st.integers(0, 30 * 24 * 3600),
        window=st.integers(0, 48 * 3600),
        schedule=st.sampled_from(["* * * * *", "*/7 3 * * *", "@every 90s", "0 0 * * 1"]),
    )
    def test_every_tick_of_the_gap_is_accounted_for_once(
        self, policy: str, outage: int, window: int, schedule: str
    ) -> None:
        subject = job(missed_run_policy=policy, catchup_window=f"{window}s", schedule=schedule)
        until = NOON + timedelta(seconds=outage)
        decided = catch_up(subject, NOON, until)
        given_up = 0 if decided.missed is None else decided.missed.count
        assert given_up + len(decided.run) == subject.timing.count(NOON, until)
        assert len(decided.run) <= CATCHUP_LIMIT
        assert list(decided.run) == sorted(set(decided.run))
        if decided.missed is not None and decided.run:
            assert decided.missed.last < decided.run[0]
        assert all(until - tick <= subject.catchup_window for tick in decided.run)


class TestPause:
    @pytest.mark.parametrize(
        ("until", "held"),
        [
            pytest.param(None, NOON, id="resumed by hand, of a pause without an end"),
            pytest.param(NOON + MINUTE, NOON, id="resumed by hand, before its end"),
            pytest.param(NOON, NOON - INSTANT, id="over by itself"),
            pytest.param(NOON - LATE, NOON - LATE - INSTANT, id="noticed late"),
            pytest.param(NOON - LATE - INSTANT, NOON, id="noticed when its last tick was missed anyhow"),
        ],
    )
    def test_what_it_took_from_the_job_ends_right_before_its_end(self, until: datetime | None, held: datetime) -> None:
        assert held_until(job(missed_run_policy="ignore"), until, NOON) == held

    @pytest.mark.parametrize("policy", ["execute_one", "execute_all"])
    def test_a_job_that_catches_up_runs_the_tick_at_its_end_with_the_others(self, policy: str) -> None:
        assert held_until(job(missed_run_policy=policy), NOON, NOON) == NOON

    def test_the_tick_at_its_end_is_shown_as_the_next_one(self) -> None:
        pause = Pause("daily-backup", "maintenance", "alice", NOON, NOON + 2 * MINUTE)
        assert upcoming(job().timing, pause, NOON, NOON, 2) == (NOON + 2 * MINUTE, NOON + 3 * MINUTE)
