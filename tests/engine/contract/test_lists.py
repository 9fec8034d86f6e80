"""Questions about executions: lists, and the rows of one window of time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from harness.engine_harness import HOUR, Bench, eventually

from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import Execution, ExecutionQuery, Status, Trigger
from chronos_gitops.errors import NotFoundError

SECOND = timedelta(seconds=1)
EDGE = timedelta(microseconds=1)
OFTEN, NEVER = "@every 1s", "@yearly"


class TestLists:
    def ran(self, bench: Bench, count: int) -> Engine:
        engine = bench.start(
            *(bench.job(name, schedule=NEVER, concurrency="allow") for name in ("daily-backup", "other-job"))
        )
        for number in range(count):
            for name in ("daily-backup", "other-job"):
                engine.trigger(name)
            bench.seen.wait(2 * (number + 1))
            bench.clock.turn(SECOND / 100)
        eventually(lambda: len(engine.executions(ExecutionQuery(statuses=(Status.SUCCESS,)))) == 2 * count)
        return engine

    def test_are_newest_first_and_page_without_gaps(self, bench: Bench) -> None:
        engine = self.ran(bench, 4)
        everything = engine.executions(ExecutionQuery())
        first = engine.executions(ExecutionQuery(limit=3))
        last = first[-1]
        rest = engine.executions(ExecutionQuery(before=(last.scheduled_time, last.id)))
        assert [*first, *rest] == list(everything)
        times = [execution.scheduled_time for execution in everything]
        assert times == sorted(times, reverse=True)

    def test_filter_by_job_and_status(self, bench: Bench) -> None:
        engine = self.ran(bench, 2)
        found = engine.executions(ExecutionQuery(job="other-job", statuses=(Status.SUCCESS,)))
        assert [execution.job for execution in found] == ["other-job"] * 2
        assert engine.executions(ExecutionQuery(job="other-job", statuses=(Status.FAILED,))) == []
        assert engine.executions(ExecutionQuery(job="x' OR ChronosJob = 'other-job")) == []

    def test_each_filter_leaves_what_it_names(self, bench: Bench) -> None:
        """Statuses, trigger and span, alone and together, over whole lists and over pages of one row."""
        engine = bench.start(
            bench.job("often", schedule=OFTEN, concurrency="allow"),
            bench.job("failing", path="/status/400", schedule=NEVER, concurrency="allow"),
        )
        for _ in range(3):
            bench.clock.turn(SECOND)
            engine.trigger("failing")
        bench.seen.wait(6)
        engine.pause("often", reason="so that the list stays as it is", by="test")
        bench.clock.turn(2 * SECOND)
        everything = eventually(lambda: _final(engine))
        at = everything[2].scheduled_time
        cases: list[tuple[ExecutionQuery, Callable[[Execution], bool]]] = [
            (ExecutionQuery(statuses=(Status.FAILED, Status.SUCCESS)), _always),
            (ExecutionQuery(statuses=(Status.FAILED, Status.SKIPPED)), lambda row: row.status is Status.FAILED),
            (ExecutionQuery(statuses=(Status.PENDING, Status.RUNNING, Status.CANCELLED)), _never),
            (ExecutionQuery(trigger=Trigger.SCHEDULE), lambda row: row.trigger is Trigger.SCHEDULE),
            (ExecutionQuery(trigger=Trigger.MANUAL), lambda row: row.trigger is Trigger.MANUAL),
            (ExecutionQuery(trigger=Trigger.CATCHUP), _never),
            (ExecutionQuery(since=at), lambda row: row.scheduled_time >= at),
            (ExecutionQuery(since=at + EDGE), lambda row: row.scheduled_time >= at + EDGE),
            (ExecutionQuery(until=at), lambda row: row.scheduled_time < at),
            (ExecutionQuery(until=at + EDGE), lambda row: row.scheduled_time < at + EDGE),
            (ExecutionQuery(since=at, until=at), _never),
            (ExecutionQuery(until=at + 3_000_000 * HOUR), _always),
            (
                ExecutionQuery(job="often", statuses=(Status.SUCCESS,), trigger=Trigger.SCHEDULE, until=at + EDGE),
                lambda row: row.job == "often" and row.scheduled_time < at + EDGE,
            ),
        ]
        for query, is_asked in cases:
            expected = [row.id for row in everything if is_asked(row)]
            assert [row.id for row in engine.executions(query)] == expected, query
            assert [row.id for row in _in_pages(engine, replace(query, limit=1))] == expected, query

    def test_latest_names_the_newest_of_each_job(self, bench: Bench) -> None:
        engine = self.ran(bench, 2)
        latest = engine.latest(["daily-backup", "other-job", "never-ran", "no name' OR"])
        newest = {execution.job: execution.id for execution in reversed(engine.executions(ExecutionQuery()))}
        assert {name: execution.id for name, execution in latest.items()} == newest

    def test_recent_are_the_newest_of_each_job_newest_first(self, bench: Bench) -> None:
        engine = self.ran(bench, 3)
        newest = [row.id for row in engine.executions(ExecutionQuery(job="daily-backup", limit=2))]
        recent = engine.recent(["daily-backup", "never-ran"], 2)
        assert {name: [row.id for row in rows] for name, rows in recent.items()} == {"daily-backup": newest}

    @pytest.mark.parametrize("unknown", ["nothing", "timetable/daily-backup", "7c9e6679-7425-40de-944b-e07fc1f90ae7"])
    def test_an_unknown_execution_is_an_error(self, bench: Bench, unknown: str) -> None:
        engine = bench.start(bench.job(schedule=NEVER))
        with pytest.raises(NotFoundError):
            engine.execution(unknown)


def _always(row: Execution) -> bool:
    return row is not None


def _never(row: Execution) -> bool:
    return row is None


def _final(engine: Engine) -> Sequence[Execution]:
    """All executions, once all of them have ended."""
    rows = engine.executions(ExecutionQuery())
    return rows if {Status.SUCCESS, Status.FAILED} == {row.status for row in rows} else ()


def _in_pages(engine: Engine, query: ExecutionQuery) -> Iterator[Execution]:
    while page := engine.executions(query):
        yield from page
        query = replace(query, before=(page[-1].scheduled_time, page[-1].id))


class TestTicks:
    """The rows of one window of time, for a reader who asks why a job did not run."""

    def test_are_those_of_the_window_and_no_manual_ones(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule=OFTEN))
        for _ in range(3):
            bench.clock.turn(SECOND)
        engine.trigger("daily-backup")
        bench.seen.wait_until(
            lambda: sum(row.trigger is Trigger.SCHEDULE for row in bench.seen.ended) >= 3 and len(bench.seen.ended) >= 4
        )
        ended = sorted(row.scheduled_time for row in bench.seen.ended if row.trigger is Trigger.SCHEDULE)[:3]
        eventually(
            lambda: [row.scheduled_time for row in engine.ticks("daily-backup", ended[0], ended[1])] == ended[:2]
        )
        assert engine.ticks("other-job", ended[0], ended[1]) == []

    def test_include_a_range_that_reaches_beyond_the_window(self, bench: Bench) -> None:
        job = bench.job(schedule="0 * * * *", missed_run_policy="ignore")
        engine = bench.after_outage(job, 10 * HOUR)
        [skipped] = bench.seen.wait(1)
        within = skipped.scheduled_time - 3 * HOUR
        [found] = eventually(lambda: engine.ticks("daily-backup", within, within + SECOND))
        assert (found.range_start, found.scheduled_time) == (skipped.range_start, skipped.scheduled_time)
        assert engine.ticks("daily-backup", within - 30 * HOUR, within - 29 * HOUR) == []
