"""Failures in a row: replays say nothing of the schedule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from chronos_gitops.engine.answers import failure_streak
from chronos_gitops.engine.model import Execution, Status, Trigger

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def row(minute: int, status: Status) -> Execution:
    at = NOON + timedelta(minutes=minute)
    return Execution(f"e{minute}", "a", at, Trigger.SCHEDULE, status, completed_at=at)


def replayed(minute: int, status: Status) -> Execution:
    return replace(row(minute, status), trigger=Trigger.REPLAY, replay="r1", replay_of="e1")


def test_a_replay_neither_ends_nor_lengthens_a_streak() -> None:
    scheduled = [row(0, Status.SUCCESS), row(1, Status.FAILED), row(2, Status.FAILED)]
    told = failure_streak.newest(scheduled)
    assert told is not None
    assert (told.count, told.before) == (2, scheduled[0])
    for status in (Status.SUCCESS, Status.FAILED):
        assert failure_streak.newest([*scheduled, replayed(3, status)]) == told
    assert failure_streak.newest([scheduled[0], replayed(3, Status.FAILED)]) is None
