"""The outcome of an execution that is claimed while others of its job are unfinished."""

from datetime import UTC, datetime, timedelta

import pytest

from chronos_gitops.engine.model import Trigger
from chronos_gitops.engine.ticks.overlap import MAX_QUEUED, MAX_WAIT_BEHIND_REPLAY, Turn, turn, waited_behind_replay
from chronos_gitops.jobs.model import Concurrency

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ORDINARY = {Concurrency.FORBID: Turn.SKIP, Concurrency.REPLACE: Turn.REPLACE}


@pytest.mark.parametrize("concurrency", list(Concurrency))
@pytest.mark.parametrize("trigger", [Trigger.SCHEDULE, Trigger.MANUAL])
def test_only_what_a_replay_has_not_held_up_for_long_waits_for_it(concurrency: Concurrency, trigger: Trigger) -> None:
    def of(waited: timedelta | None) -> Turn:
        return turn(concurrency, trigger, 3, waited=waited)

    ordinary = of(None)
    if concurrency in ORDINARY:
        assert ordinary is ORDINARY[concurrency]
        assert of(timedelta(0)) is of(MAX_WAIT_BEHIND_REPLAY - SECOND) is Turn.WAIT
    assert of(MAX_WAIT_BEHIND_REPLAY) is of(timedelta(days=1)) is ordinary


def test_the_first_waits_for_an_item_however_long_that_takes() -> None:
    assert waited_behind_replay(NOON, []) == timedelta(0)
    assert waited_behind_replay(NOON, [NOON - SECOND, NOON - 3 * SECOND]) == 3 * SECOND
    assert waited_behind_replay(NOON, [NOON + SECOND]) == timedelta(0), "moved, or from a clock that was ahead"


def test_a_queue_is_bounded() -> None:
    at = [turn(Concurrency.QUEUE, Trigger.SCHEDULE, unfinished) for unfinished in (0, MAX_QUEUED, MAX_QUEUED + 1)]
    assert at == [Turn.START, Turn.WAIT, Turn.SKIP]
