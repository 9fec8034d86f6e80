"""Promises that need a clock which a test turns: on SQL only, because Temporal's server keeps its own.

What Temporal decides in these cases is held by tests/engine/temporal/workflows/test_decisions.py and
tests/engine/temporal/status/test_clock_correction.py; all other promises are in tests/engine/contract.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from harness.clock import HandClock
from harness.engine_harness import HOUR, MINUTE, NOON, Bench, Seen, eventually, jobset, statuses
from harness.engines import EngineMaker, on_postgres, on_sqlite

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.engine import Engine
from chronos_gitops.engine.model import ExecutionQuery, Status
from chronos_gitops.jobs.model import JobSet

SECOND = timedelta(seconds=1)


@pytest.fixture(params=["sqlite", "postgres"])
def engine_maker(request: pytest.FixtureRequest, data_folder: Path) -> EngineMaker:
    if request.param == "postgres":
        return on_postgres(request.getfixturevalue("postgres_url"))
    return on_sqlite(data_folder / "ledger.db")


class TestMissedRuns:
    def test_a_forward_step_of_the_clock_counts_as_downtime(self, bench: Bench) -> None:
        engine = bench.start(bench.job())
        bench.clock.step(2 * HOUR)
        assert bench.settled(engine) == [("skipped", "missed"), ("success", None)]
        assert len(bench.receiver.requests) == 1

    def test_a_backward_step_repeats_nothing(self, bench: Bench) -> None:
        engine = bench.start(bench.job())
        bench.clock.turn(MINUTE)
        bench.seen.wait(1)
        bench.clock.step(-3 * MINUTE)
        bench.clock.turn(3 * MINUTE)
        assert len(statuses(engine)) == 1
        bench.clock.turn(MINUTE)
        bench.seen.wait(2)
        assert len(bench.receiver.requests) == 2

    def test_a_backward_step_of_hours_repeats_nothing_and_silences_nothing(self, bench: Bench) -> None:
        engine = bench.start(bench.job(concurrency="allow"))
        bench.clock.turn(3 * MINUTE)
        bench.seen.wait(3)
        bench.clock.step(-2 * HOUR)
        bench.clock.turn(2 * MINUTE)
        bench.seen.wait(5)
        bench.clock.step(2 * HOUR - 4 * MINUTE)
        bench.clock.turn(2 * MINUTE)
        eventually(lambda: engine.next_runs("daily-backup", 1) == (NOON + 4 * MINUTE,))
        sent = [request.header("X-Chronos-Scheduled-Time") for request in bench.receiver.requests]
        assert len(sent) == len(set(sent))

    def test_execute_all_stops_at_a_hundred(self, bench: Bench) -> None:
        job = bench.job(missed_run_policy="execute_all", catchup_window="12h", concurrency="allow")
        bench.stop(bench.start(job))
        bench.clock.leap(3 * HOUR)
        bench.start(job)
        ended = bench.seen.wait(101)
        assert sum(execution.status is Status.SUCCESS for execution in ended) == 100
        assert [execution.count for execution in ended if execution.status is Status.SKIPPED] == [80]


class TestPause:
    def test_ends_with_one_run_of_a_job_that_catches_up(self, bench: Bench) -> None:
        engine = bench.start(bench.job())
        engine.pause("daily-backup", reason="maintenance", by="alice", until=NOON + 3 * MINUTE)
        bench.clock.turn(3 * MINUTE)
        bench.seen.wait(2)
        assert statuses(engine) == [("skipped", "missed"), ("success", None)]

    def test_does_not_hold_what_comes_before_its_end_is_noticed(self, bench: Bench) -> None:
        engine = bench.start(bench.job(schedule="*/10 * * * * *", missed_run_policy="ignore", concurrency="allow"))
        engine.pause("daily-backup", reason="maintenance", by="alice", until=NOON + timedelta(seconds=25))
        bench.clock.step(timedelta(seconds=45))
        seen = sorted(bench.seen.wait(3), key=lambda ended: ended.scheduled_time)
        assert [(ended.status, (ended.scheduled_time - NOON).total_seconds()) for ended in seen] == [
            (Status.SKIPPED, 20),
            (Status.SUCCESS, 30),
            (Status.SUCCESS, 40),
        ]


@pytest.mark.parametrize(
    "edit",
    [{"enabled": False}, {"schedule": "@yearly"}, {"schedule": "0 0 1 1 *", "timezone": "Asia/Kathmandu"}, None],
    ids=["disabled", "rescheduled", "timezone", "deleted"],
)
class TestEditOfAJobThatIsBehind:
    """The scheduled times of 27 s are due and not claimed yet when a commit changes the job."""

    def edited(self, bench: Bench, edit: dict[str, object] | None) -> JobSet:
        jobs = [] if edit is None else [bench.job(**{"schedule": "@every 1s", "concurrency": "allow"} | edit)]
        return jobset(*jobs, bench.job("stays", schedule="@every 1s", concurrency="allow"), version=2)

    def fall_behind(self, bench: Bench, replicas: int) -> list[Engine]:
        jobs = [bench.job(name, schedule="@every 1s", concurrency="allow") for name in ("daily-backup", "stays")]
        engines = [bench.start(*jobs) for _ in range(replicas)]
        bench.clock.turn(SECOND / 2)
        bench.clock.leap(27 * SECOND)
        return engines

    def check(self, engine: Engine) -> None:
        """A heartbeat may have claimed some just before the edit: they have their rows, and the missed one the rest."""
        newest, *claimed = engine.executions(ExecutionQuery(job="daily-backup"))
        assert (newest.status, newest.reason, newest.version) == (Status.SKIPPED, "missed", 1)
        assert newest.scheduled_time == NOON + 27 * SECOND
        assert newest.range_start == NOON + (len(claimed) + 1) * SECOND
        assert newest.count == 27 - len(claimed)
        assert [row.scheduled_time for row in reversed(claimed)] == [
            NOON + (number + 1) * SECOND for number in range(len(claimed))
        ]
        assert all(row.reason is None for row in claimed)

    def test_is_recorded_as_one_row_and_fires_nothing(self, bench: Bench, edit: dict[str, object] | None) -> None:
        [engine] = self.fall_behind(bench, replicas=1)
        engine.apply(self.edited(bench, edit))
        eventually(lambda: len(statuses(engine, "stays")) == 27)
        assert ("skipped", "missed") not in statuses(engine, "stays")
        bench.clock.turn(2 * SECOND)
        self.check(engine)

    def test_is_recorded_by_one_of_two_replicas(
        self,
        postgres_url: str,
        receiver: Receiver,
        clock: HandClock,
        seen: Seen,
        edit: dict[str, object] | None,
    ) -> None:
        bench = Bench(on_postgres(postgres_url), receiver, clock, seen)
        try:
            engines = self.fall_behind(bench, replicas=2)
            after = self.edited(bench, edit)
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda engine: engine.apply(after), engines))
            bench.clock.turn(2 * SECOND)
            for engine in engines:
                self.check(engine)
        finally:
            bench.stop_all()
