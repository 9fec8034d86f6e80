"""Executions whose callback is awaited: found by deadline, and cheap however many they are."""

import time
import tracemalloc
from dataclasses import replace
from datetime import timedelta

from engine.test_callbacks import JOB, RUNNING
from harness.engine_harness import NOON

from chronos_gitops.engine.sql.execution.callback_deadlines import CallbackDeadlines
from chronos_gitops.engine.sql.execution.pending_run import PendingRun

MINUTE = timedelta(minutes=1)


def run(number: int, minutes: float) -> PendingRun:
    deadline = NOON + minutes * MINUTE
    execution = replace(RUNNING, id=f"execution-{number}", callback_deadline=deadline)
    return PendingRun(execution, replace(JOB, name=f"job-{number % 100}", timeout=timedelta(hours=2)))


def test_what_is_due_comes_out_once_and_the_earliest_first() -> None:
    awaiting = CallbackDeadlines()
    for number, minutes in enumerate((3, 1, 2)):
        awaiting.add(run(number, minutes), NOON)
    assert awaiting.next_at() == NOON + MINUTE
    assert awaiting.pop_due(NOON) == []
    assert [one.execution.id for one in awaiting.pop_due(NOON + 2 * MINUTE)] == ["execution-1", "execution-2"]
    assert (len(awaiting), awaiting.next_at()) == (1, NOON + 3 * MINUTE)
    assert awaiting.pop_due(NOON + 2 * MINUTE) == []


def test_a_job_is_awaited_while_one_of_its_executions_is() -> None:
    awaiting = CallbackDeadlines()
    awaiting.add(run(1, 1), NOON)
    awaiting.add(run(101, 2), NOON)
    assert awaiting.discard("execution-1")
    assert not awaiting.discard("execution-1")
    assert awaiting.is_awaited_by("job-1")
    assert "execution-101" in awaiting
    awaiting.pop_due(NOON + 2 * MINUTE)
    assert not awaiting.is_awaited_by("job-1")
    assert awaiting.next_at() is None


def test_one_that_waits_again_has_its_new_deadline_only() -> None:
    awaiting = CallbackDeadlines()
    awaiting.add(run(1, 1), NOON)
    awaiting.add(run(1, 5), NOON)
    assert awaiting.pop_due(NOON + 4 * MINUTE) == []
    assert len(awaiting.pop_due(NOON + 5 * MINUTE)) == 1


def test_a_deadline_that_a_clock_which_was_ahead_has_set_is_no_later_than_one_set_now() -> None:
    awaiting, hours = CallbackDeadlines(), 60 * 24 * 365
    awaiting.add(run(1, hours), NOON + hours * MINUTE)
    awaiting.add(run(2, hours), NOON)
    assert awaiting.next_at() == NOON + timedelta(hours=2)
    awaiting.bound(NOON)
    assert len(awaiting.pop_due(NOON + timedelta(hours=2))) == 2
    assert len(awaiting) == 0


def test_ten_thousand_cost_little_and_what_ended_leaves_nothing_behind() -> None:
    runs = [run(number, 1 + number % 60) for number in range(10_000)]
    awaiting = CallbackDeadlines()
    tracemalloc.start()
    began = time.process_time()
    for one in runs:
        awaiting.add(one, NOON)
    held, _ = tracemalloc.get_traced_memory()
    for one in runs[:9_900]:
        awaiting.discard(one.execution.id)
    left, _ = tracemalloc.get_traced_memory()
    took = time.process_time() - began
    tracemalloc.stop()
    assert held < 5_000_000, "a few hundred bytes each"
    assert len(awaiting._heap) <= 2 * 100 + 65
    assert left < held / 2
    assert took < 5
    assert len(awaiting.pop_due(NOON + 60 * MINUTE)) == 100
