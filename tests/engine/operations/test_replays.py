"""The plan of a replay: a table of what becomes of each kind of row."""

from datetime import UTC, datetime, timedelta

import pytest

from chronos_gitops.engine.model import Execution, Reason, Status, Trigger
from chronos_gitops.engine.operations.replays import (
    PlannedItem,
    ReplayClass,
    ReplayRequest,
    TooManyReplayItems,
    checksum,
    plan,
    to_run,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
EVERY = frozenset(ReplayClass)


def row(status: Status, *, at: int = 0, reason: str | None = None, trigger: Trigger = Trigger.SCHEDULE) -> Execution:
    tick = NOON + at * MINUTE
    replay = "r" if trigger is Trigger.REPLAY else None
    return Execution(f"row-{at}-{trigger}", "a", tick, trigger, status, reason=reason, replay=replay)


def planned(*rows: Execution, only: frozenset[ReplayClass] | None = None, **fields: bool) -> list[PlannedItem]:
    request = ReplayRequest("a", NOON, NOON + DAY, only or ReplayRequest("a", NOON, NOON).only, **fields)
    found = plan(
        request,
        rows,
        ticks_of=lambda one: None if one.range_start is None else ticks(one),
        tick_id=lambda tick: f"tick-{tick:%H:%M}",
        now=NOON + DAY,
    )
    return list(found)


def ticks(one: Execution) -> list[datetime]:
    assert one.range_start is not None
    return [one.range_start + number * MINUTE for number in range(one.count)]


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (Status.FAILED, None, ReplayClass.FAILED),
        (Status.SKIPPED, Reason.MISSED, ReplayClass.MISSED),
        (Status.SKIPPED, Reason.OVERLAP, ReplayClass.SKIPPED),
        (Status.SKIPPED, "calendar", ReplayClass.SKIPPED),
        (Status.SKIPPED, Reason.BACKLOG, ReplayClass.SKIPPED),
        (Status.CANCELLED, Reason.OPERATOR, ReplayClass.CANCELLED),
        (Status.CANCELLED, Reason.REPLACED, ReplayClass.CANCELLED),
    ],
)
def test_each_class_runs_where_it_is_asked_for(status: Status, reason: str | None, kind: ReplayClass) -> None:
    one = row(status, reason=reason)
    assert [item.runs for item in planned(one)] == [kind in (ReplayClass.MISSED, ReplayClass.FAILED)]
    assert [item.runs for item in planned(one, only=frozenset({kind}))] == [True]
    assert [item.runs for item in planned(one, only=EVERY - {kind})] == [False]
    assert [item.key for item in planned(one, only=EVERY)] == [one.id]
    assert [item.key for item in planned(one, only=EVERY, new_key=True)] == [None]


@pytest.mark.parametrize("status", [Status.PENDING, Status.RUNNING])
def test_what_is_not_over_never_runs(status: Status) -> None:
    for one in ([row(status)], [row(Status.FAILED), row(status, trigger=Trigger.REPLAY)]):
        assert [item.runs for item in planned(*one, only=EVERY, again=True)] == [False]


def test_a_success_runs_only_again_and_with_a_new_key() -> None:
    for rows in ([row(Status.SUCCESS)], [row(Status.FAILED), row(Status.SUCCESS, trigger=Trigger.REPLAY)]):
        assert [item.runs for item in planned(*rows)] == [False]
        assert [(item.runs, item.key) for item in planned(*rows, again=True)] == [(True, None)]


def test_a_failed_replay_keeps_the_key_of_its_tick() -> None:
    rows = [row(Status.FAILED), row(Status.FAILED, trigger=Trigger.REPLAY)]
    assert [item.key for item in planned(*rows)] == [rows[0].id]


def test_manual_executions_and_the_future_are_left() -> None:
    assert planned(row(Status.FAILED, trigger=Trigger.MANUAL)) == []
    later = ReplayRequest("a", NOON, NOON + DAY)
    [item] = plan(later, [row(Status.FAILED, at=5)], ticks_of=lambda _: None, tick_id=str, now=NOON)
    assert not item.runs


def test_a_range_is_enumerated_or_left() -> None:
    last = NOON + 9 * MINUTE
    told = Execution("x", "a", last, Trigger.SCHEDULE, Status.SKIPPED, Reason.MISSED, count=10, range_start=NOON)
    assert [item.key for item in planned(told)] == [f"tick-12:0{number}" for number in range(10)]
    untold = Execution("x", "a", last, Trigger.SCHEDULE, Status.SKIPPED, Reason.MISSED, count=10)
    assert [(item.runs, item.why) for item in planned(untold)] == [(False, "its scheduled times cannot be told")]


def test_more_than_a_thousand_name_the_first_beyond() -> None:
    rows = [row(Status.FAILED, at=number) for number in range(1001)]
    assert len(planned(*rows[:1000])) == 1000
    with pytest.raises(TooManyReplayItems, match="2026-03-03T04:40:00"):
        planned(*rows)


def test_the_checksum_is_that_of_what_runs() -> None:
    one, other = planned(row(Status.FAILED)), planned(row(Status.FAILED, at=1))
    plans = one, other, planned(row(Status.FAILED), new_key=True)
    assert checksum(to_run(one)) == checksum(to_run(planned(row(Status.FAILED))))
    assert len({checksum(to_run(plan)) for plan in plans}) == 3
