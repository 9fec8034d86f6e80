"""Steps of the clock over the edges of a freeze: no scheduled time runs twice, and none in closed time."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from harness.machine.calendar_story import FREEZE, at, short

from chronos_gitops.engine.model import Status

MINUTE = timedelta(minutes=1)
BEGINS, ENDS = "2026-12-24T17:00", "2027-01-04T05:00"


@pytest.mark.parametrize("minutes", [2, 11, 61, 400, 1500])
@pytest.mark.parametrize("edge", [BEGINS, ENDS])
def test_a_clock_that_jumps_over_an_edge_and_back(story: Any, edge: str, minutes: int) -> None:
    """Ticks that a clock which was ahead held or gave up are taken back; requests that it sent stay, once."""
    told = story(short(at(edge) - 31 * MINUTE))
    told.apply("*/15 * * * *", freeze=FREEZE)
    told.turn(short(at(edge) - MINUTE), MINUTE)
    told.clock.step(minutes * MINUTE)
    told.settle()
    told.clock.step(-minutes * MINUTE)
    told.turn(short(at(edge) + 62 * MINUTE), MINUTE)
    ran = Counter(row.scheduled_time for row in told.rows() if row.status is not Status.SKIPPED)
    assert max(ran.values(), default=1) == 1
    assert not any(at(BEGINS) <= tick < at(ENDS) for tick in ran)
    expected = [at(BEGINS) - 30 * MINUTE, at(BEGINS) - 15 * MINUTE] if edge == BEGINS else []
    expected += [at(ENDS) + 15 * count * MINUTE for count in range(5)] if edge == ENDS else []
    assert [tick for tick in sorted(ran) if tick <= told.clock.now()] == expected


@pytest.mark.parametrize("edge", [BEGINS, ENDS])
def test_a_clock_that_steps_back_over_an_edge(story: Any, edge: str) -> None:
    told = story(short(at(edge) - 31 * MINUTE))
    told.apply("*/15 * * * *", freeze=FREEZE)
    told.turn(short(at(edge) + 16 * MINUTE), MINUTE)
    before = told.ran()
    told.clock.step(-40 * MINUTE)
    told.turn(short(at(edge) + 31 * MINUTE), MINUTE)
    assert told.ran()[: len(before)] == before
    assert len(told.ran()) == len(set(told.ran()))
    assert not any(at(BEGINS) <= at(tick) < at(ENDS) for tick in told.ran())
