"""The end of a wait at a gate on Temporal, whose visibility shows a success a moment after its end."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chronos_gitops.engine.model import Execution, Gate, Status, Trigger
from chronos_gitops.engine.requires.gates import GateCondition, Passage
from chronos_gitops.engine.temporal.worker.gate_watch import GateWatch
from chronos_gitops.jobs.promises.requires import Requires, Unmet

SINCE = datetime(2026, 11, 28, 8, 30, tzinfo=UTC)
MINUTE, SECOND, INSTANT = timedelta(minutes=1), timedelta(seconds=1), timedelta(milliseconds=1)
END = SINCE + 45 * MINUTE


class Lagging:
    """A clock that rests turn, and a visibility that shows one success ``lag`` after it ended."""

    def __init__(self, ended: datetime, lag: timedelta) -> None:
        self.now = SINCE
        made = Execution("x", "nightly-extract", ended - MINUTE, Trigger.SCHEDULE, Status.SUCCESS, completed_at=ended)
        self._success, self._shown_at = made, ended + lag

    async def success_wanted(self, asked: GateCondition) -> Execution | None:
        return self._success if self.now >= self._shown_at and asked.admits(self._success) else None

    async def rest(self, duration: timedelta) -> None:
        assert duration > timedelta(0)
        self.now += duration


@pytest.mark.parametrize(
    ("ended", "lag", "passage"),
    [
        (END, timedelta(0), Passage.START),
        (END, SECOND, Passage.START),
        (END - SECOND, 2 * SECOND, Passage.START),
        (END + INSTANT, timedelta(0), Passage.SKIP),
        (END + SECOND, timedelta(0), Passage.SKIP),
    ],
)
def test_the_end_of_a_wait_is_looked_at_once_more_when_visibility_has_caught_up(
    ended: datetime, lag: timedelta, passage: Passage, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: Any = Lagging(ended, lag)
    watch = GateWatch(seen, lambda: seen.now)
    monkeypatch.setattr(watch, "_rest", seen.rest)
    report = passed(watch, 45 * MINUTE)
    assert report is passage
    assert END <= seen.now <= END + 2 * SECOND


@pytest.mark.parametrize(
    ("ended", "passage"), [(SINCE - SECOND / 2, Passage.START), (SINCE, Passage.START), (SINCE + SECOND, Passage.SKIP)]
)
def test_a_gate_without_a_wait_is_looked_at_once_more_too(
    ended: datetime, passage: Passage, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: Any = Lagging(ended, SECOND)
    watch = GateWatch(seen, lambda: seen.now)
    monkeypatch.setattr(watch, "_rest", seen.rest)
    assert passed(watch, timedelta(0)) is passage
    assert seen.now <= SINCE + 2 * SECOND


def passed(watch: GateWatch, wait: timedelta) -> Passage:
    required = Requires("nightly-extract", timedelta(hours=24), wait, Unmet.SKIP)
    report = asyncio.run(watch._passed(Gate("nightly-extract", SINCE, SINCE + wait), required))
    return Passage(report.passage)
