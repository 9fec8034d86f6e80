"""``@at`` entries that are past when they are first applied, on every engine: a row says so, and nothing runs."""

from datetime import datetime, timedelta

import pytest
from harness.engine_harness import Bench, eventually, jobset

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
YEARLY = "0 0 1 1 *"


def once(tick: datetime) -> str:
    return f"@at {tick:%Y-%m-%dT%H:%M:%S}"


def rows(engine: Engine) -> list[Execution]:
    return sorted(engine.executions(ExecutionQuery(job="daily-backup")), key=lambda row: row.scheduled_time)


@pytest.mark.parametrize("is_new", [True, False], ids=["a new job", "an edit"])
def test_less_than_a_day_past_is_one_row_each(bench: Bench, *, is_new: bool) -> None:
    now = bench.clock.now().replace(microsecond=0)
    past = [now - 23 * HOUR, now - 5 * MINUTE]
    schedule = [YEARLY, *map(once, [now - 25 * HOUR, *past, now + 100 * HOUR])]
    if is_new:
        engine = bench.start(bench.job(schedule=schedule))
    else:
        engine = bench.start(bench.job(schedule=YEARLY))
        engine.apply(jobset(bench.job(schedule=schedule), version=2))
    eventually(lambda: len(rows(engine)) == 2)
    assert [(row.scheduled_time, str(row.status), row.reason, row.count) for row in rows(engine)] == [
        (tick, "skipped", "missed", 1) for tick in past
    ]
    for row, length in zip(rows(engine), ("applied 23h", "applied 5m"), strict=True):
        assert row.message is not None
        assert row.message.startswith(length)
        assert row.message.endswith(" after its time")
    assert [row.version for row in rows(engine)] == [1 if is_new else 2] * 2
    engine.apply(jobset(bench.job(schedule=[*schedule, once(now + 200 * HOUR)]), version=3))
    engine.apply(jobset(bench.job(schedule=schedule, enabled=False), version=4))
    engine.apply(jobset(bench.job(schedule=schedule), version=5))
    bench.stop(engine)
    engine = bench.start(bench.job(schedule=schedule))
    assert len(rows(engine)) == 2, "it is no longer the first time"
    assert not bench.receiver.requests


def test_a_scheduled_time_that_was_decided_is_no_late_entry(bench: Bench) -> None:
    """An entry replaces a recurring one that named the same instant."""
    engine = bench.start(bench.job(schedule="0 * * * *"))
    hour = bench.clock.now().replace(minute=0, second=0, microsecond=0)
    engine.apply(jobset(bench.job(schedule=[YEARLY, once(hour)]), version=2))
    engine.apply(jobset(bench.job(schedule=[YEARLY, once(hour - 30 * MINUTE)]), version=3))
    eventually(lambda: rows(engine))
    assert [row.scheduled_time for row in rows(engine)] == [hour - 30 * MINUTE]
