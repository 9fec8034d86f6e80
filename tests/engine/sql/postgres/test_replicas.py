"""Replicas on one PostgreSQL database: whatever one of them does or suffers, each tick is one execution.

By the clock on the wall, for it is the database's that counts: each test takes some seconds.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from time import monotonic

import pytest
from harness.engine_harness import eventually
from harness.processes.replicas import Fleet, Sink
from harness.programs.postgres import Server
from harness.programs.tcp_proxy import Proxy

from chronos_gitops.engine.model import Execution, ExecutionQuery, Status, Trigger
from chronos_gitops.engine.sql.engine import SqlEngine
from chronos_gitops.errors import ConflictError

BENCH = Path(__file__).parents[4] / "bench" / "engines.py"
EVERYTHING = ExecutionQuery(limit=100_000)


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    with sink.server:
        yield sink


@pytest.fixture
def fleet(postgres_url: str, sink: Sink) -> Iterator[Fleet]:
    fleet = Fleet(postgres_url, sink)
    yield fleet
    fleet.close()


def ended(engine: SqlEngine, job: str | None = None) -> list[Execution]:
    return [row for row in engine.executions(ExecutionQuery(job=job, limit=100_000)) if row.status.is_final]


def gaps(rows: list[Execution]) -> list[Execution]:
    """Ticks of an every-second job that do not follow the one before, oldest first."""
    times = sorted(row.scheduled_time for row in rows)
    return [row for row in rows if row.scheduled_time != times[0] and _second_before(row) not in times]


def _second_before(row: Execution) -> datetime:
    return (row.range_start or row.scheduled_time) - timedelta(seconds=1)


def run_together(fleet: Fleet, jobs: int, ticks: int) -> None:
    """Two replicas claim the same ticks: no execution is doubled, none is missing, and both have their share."""
    names = [f"job-{number}" for number in range(jobs)]
    one, two = (fleet.start(*fleet.jobs(names, concurrency="allow")) for _ in range(2))
    eventually(lambda: len(ended(one)) >= ticks, timeout=60)
    for engine in (one, two):
        fleet.apply(engine, revision="d" * 40)
    eventually(lambda: all(row.status.is_final for row in one.executions(EVERYTHING)))
    rows = one.executions(EVERYTHING)
    assert len(rows) >= ticks
    assert fleet.sink.twice() == []
    assert Counter(row.status for row in rows) == {Status.SUCCESS: len(rows)}
    assert {visit.execution for visit in fleet.sink.visits} == {row.id for row in rows}
    assert all(gaps([row for row in rows if row.job == name]) == [] for name in names)
    shares = [len(seen.ended) for seen in fleet.seen]
    assert sum(shares) == len(rows)


def test_two_replicas_double_nothing_and_miss_nothing(fleet: Fleet) -> None:
    run_together(fleet, jobs=60, ticks=150)


@pytest.mark.full
def test_two_replicas_double_none_of_a_thousand_ticks(fleet: Fleet) -> None:
    run_together(fleet, jobs=250, ticks=1000)


def test_more_jobs_than_one_transaction_takes_are_shared(fleet: Fleet) -> None:
    names = [f"job-{number}" for number in range(500)]
    engines = [fleet.start(*fleet.jobs(names, concurrency="allow", schedule="*/2 * * * * *")) for _ in range(2)]
    eventually(lambda: len(ended(engines[0])) >= 1000, timeout=60)
    assert fleet.sink.twice() == []
    assert min(len(seen.ended) for seen in fleet.seen) > 0


def test_forbid_holds_over_replicas(fleet: Fleet) -> None:
    engines = [fleet.start(fleet.job("slow-one", "/1.3")) for _ in range(3)]
    rows = eventually(lambda: found if len(found := ended(engines[0])) >= 6 else None, timeout=30)
    assert fleet.sink.most_at_once("slow-one") == 1
    assert {(row.status, row.reason) for row in rows} == {(Status.SUCCESS, None), (Status.SKIPPED, "overlap")}


def test_queue_holds_over_replicas_in_the_order_of_the_ticks(fleet: Fleet) -> None:
    engines = [fleet.start(fleet.job("slow-one", "/1.3", concurrency="queue")) for _ in range(3)]
    rows = eventually(lambda: found if len(found := ended(engines[0])) >= 6 else None, timeout=30)
    assert fleet.sink.most_at_once("slow-one") == 1
    assert {(row.status, row.reason) for row in rows} == {(Status.SUCCESS, None)}
    oldest_first = sorted(rows, key=lambda row: row.scheduled_time)
    assert [visit.execution for visit in fleet.sink.visits[: len(rows)]] == [row.id for row in oldest_first]
    fleet.apply(engines[1], fleet.job("slow-one", "/1.3", concurrency="queue", enabled=False), revision="e" * 40)
    eventually(lambda: not engines[0].running("slow-one"), timeout=10)
    assert {row.reason for row in ended(engines[0]) if row.status is Status.CANCELLED} == {"disabled"}


def test_replace_holds_over_replicas_and_the_newest_wins(fleet: Fleet) -> None:
    engines = [fleet.start(fleet.job("slow-one", "/30", concurrency="replace")) for _ in range(3)]
    eventually(lambda: len(ended(engines[0])) >= 5, timeout=30)
    for engine in engines:
        fleet.apply(engine, revision="d" * 40)
    [newest] = engines[0].running("slow-one")
    rows = ended(engines[0])
    assert fleet.sink.most_at_once("slow-one") == 1
    assert {(row.status, row.reason) for row in rows} == {(Status.CANCELLED, "replaced")}
    assert newest.scheduled_time > max(row.scheduled_time for row in rows)
    engines[0].cancel(newest.id, by="test")


def test_forbid_holds_for_triggers_of_a_job_that_has_no_ticks(fleet: Fleet) -> None:
    engines = [fleet.start(fleet.job("by-hand", "/hold", enabled=False)) for _ in range(2)]
    triggered: list[Execution] = []

    def ask(engine: SqlEngine) -> None:
        for _ in range(5):
            triggered.append(engine.trigger("by-hand"))

    threads = [threading.Thread(target=ask, args=[engine]) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert Counter(row.reason for row in triggered) == {None: 1, "overlap": 9}


def test_cancel_on_one_replica_ends_what_another_one_runs(fleet: Fleet) -> None:
    one = fleet.start(fleet.job("held", "/hold", schedule="@yearly", concurrency="allow"))
    two = fleet.start(fleet.job("held", "/hold", schedule="@yearly", concurrency="allow"))
    took = []
    for number in range(20):
        running = one.trigger("held")
        visit = eventually(lambda count=number: fleet.sink.visits[count:])[0]
        asked = monotonic()
        assert two.cancel(running.id, by="test").status is Status.CANCELLED
        took.append(eventually(lambda visit=visit: visit.until) - asked)
        assert visit.was_cut
    assert fleet.seen[0].wait(20)[-1].reason == "operator"
    print(f"cancel to disconnect: p50 {median(took) * 1000:.1f} ms, max {max(took) * 1000:.1f} ms")
    assert max(took) < 1.0, "the news came, and not only the sweep"


def test_a_pause_is_shared_and_what_it_held_back_is_caught_up_once(fleet: Fleet) -> None:
    one, two = (fleet.start(fleet.job("every-second", missed_run_policy="execute_one")) for _ in range(2))
    eventually(lambda: ended(one))
    one.pause("every-second", reason="maintenance", by="alice")
    eventually(lambda: "every-second" in two.pauses())
    count = len(one.executions(EVERYTHING))
    threading.Event().wait(2.2)  # ticks that must not be claimed
    assert len(one.executions(EVERYTHING)) == count
    two.resume("every-second")
    eventually(lambda: "every-second" not in one.pauses())
    caught = eventually(lambda: [row for row in ended(one) if row.trigger is Trigger.CATCHUP])
    assert len(caught) == 1
    assert fleet.sink.twice() == []


@pytest.mark.parametrize("applies_again", [False, True])
def test_a_runner_that_lags_behind_neither_runs_the_old_schedule_nor_undoes_a_deletion(
    fleet: Fleet, applies_again: bool
) -> None:
    old = [fleet.job("moved"), fleet.job("removed"), fleet.job("same")]
    lagging = fleet.start(*old, revision="1" * 40)
    newer = fleet.start(*old, revision="1" * 40)
    eventually(lambda: {row.job for row in ended(newer)} == {"moved", "removed", "same"})
    fleet.apply(newer, fleet.job("moved", schedule="0 0 1 1 *"), fleet.job("same"), revision="2" * 40)
    before = Counter(row.job for row in newer.executions(EVERYTHING))
    if applies_again:
        fleet.apply(lagging, *old, revision="1" * 40)
    eventually(lambda: len(ended(newer, "same")) > before["same"] + 2)
    after = Counter(row.job for row in newer.executions(EVERYTHING))
    # A tick that was being claimed while the newer revision came may still have been the last one.
    assert after["moved"] - before["moved"] <= 1
    assert after["removed"] - before["removed"] <= 1
    fleet.stop(newer)
    eventually(lambda: len(ended(lagging, "removed")) > after["removed"], timeout=15)
    eventually(lambda: len(ended(lagging, "moved")) > after["moved"] + 1, timeout=15)


def test_a_runner_that_knows_no_jobs_yet_ends_none_of_the_others(fleet: Fleet) -> None:
    one = fleet.start(fleet.job("same"))
    eventually(lambda: ended(one))
    fleet.start(revision=None)
    count = len(ended(one))
    eventually(lambda: len(ended(one)) > count + 2)
    assert gaps(list(one.executions(EVERYTHING))) == []


def test_a_branch_that_is_forced_back_is_the_newest_again(fleet: Fleet) -> None:
    one = fleet.start(fleet.job("same"), revision="1" * 40)
    two = fleet.start(fleet.job("same"), revision="1" * 40)
    for engine in (one, two):
        fleet.apply(engine, fleet.job("same"), fleet.job("new"), revision="2" * 40)
    eventually(lambda: ended(one, "new"))
    fleet.apply(one, fleet.job("same"), revision="1" * 40)
    count = len(one.executions(ExecutionQuery(job="new", limit=1000)))
    eventually(lambda: len(ended(one, "same")) > count + 2)
    assert len(one.executions(ExecutionQuery(job="new", limit=1000))) <= count + 1
    fleet.apply(two, fleet.job("same"), revision="1" * 40)


def test_what_a_runner_leaves_when_it_stops_is_gone_on_with_at_once(fleet: Fleet) -> None:
    one = fleet.start(fleet.job("held", "/hold", schedule="@yearly"), lease_s=60)
    two = fleet.start(fleet.job("held", "/hold", schedule="@yearly"), lease_s=60)
    running = one.trigger("held")
    eventually(lambda: len(fleet.sink.visits) == 1)
    fleet.stop(one, grace=0.0)
    eventually(lambda: len(fleet.sink.visits) == 2, timeout=5)
    fleet.sink.release()
    assert eventually(lambda: ended(two))[0].id == running.id
    assert {visit.execution for visit in fleet.sink.visits} == {running.id}


def test_rollbacks_of_two_runners_take_turns(fleet: Fleet) -> None:
    one, two = (fleet.start() for _ in range(2))
    order: list[str] = []

    def second() -> None:
        with two.alone("rollback"):
            order.append("second")

    waiting = threading.Thread(target=second)
    with one.alone("rollback"):
        waiting.start()
        waiting.join(0.3)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


def test_answers_with_characters_that_the_database_does_not_have_are_kept(fleet: Fleet) -> None:
    engine = fleet.start(fleet.job("nul", schedule="@yearly"))
    engine.pause("nul", reason="a\0b", by="test")
    assert engine.pauses_of("nul", engine.pauses()["nul"].at)[0].reason == "a\N{REPLACEMENT CHARACTER}b"


class TestTheDatabaseFails:
    def test_a_commit_whose_answer_is_lost_is_looked_up(self, postgres_url: str, sink: Sink) -> None:
        port = int(postgres_url.rpartition("/")[0].rpartition(":")[2])
        with Proxy(port) as proxy:
            fleet = Fleet(postgres_url.replace(f":{port}/", f":{proxy.port}/"), sink)
            engine = fleet.start(fleet.job("every-second", concurrency="allow"))
            for cuts in range(2, 12, 2):
                proxy.cut_at_commit(2)
                eventually(lambda cuts=cuts: proxy.cuts == cuts, timeout=20)
                count = len(ended(engine))
                eventually(lambda count=count: len(ended(engine)) > count, timeout=20)
            proxy.cut_at_commit(0)
            triggered = engine.trigger("every-second")
            eventually(lambda: engine.execution(triggered.id).execution.status.is_final)
            fleet.apply(engine, revision="d" * 40)
            eventually(lambda: all(row.status.is_final for row in engine.executions(EVERYTHING)))
            rows = engine.executions(EVERYTHING)
            fleet.close()
        assert proxy.cuts == 10
        assert Counter(row.status for row in rows) == {Status.SUCCESS: len(rows)}
        assert gaps([row for row in rows if row.trigger is not Trigger.MANUAL]) == []
        assert sink.twice() == []

    def test_what_waited_for_a_slot_while_it_was_away_is_not_sent_when_others_have_gone_on(
        self, fleet: Fleet, postgres_url: str
    ) -> None:
        port = int(postgres_url.rpartition("/")[0].rpartition(":")[2])
        job = fleet.job("held", "/hold", schedule="@yearly", concurrency="allow")
        two = fleet.start(job)
        with Proxy(port) as proxy:
            one = fleet.start(job, url=postgres_url.replace(f":{port}/", f":{proxy.port}/"), per_host=1)
            sent, waiting = one.trigger("held").id, one.trigger("held").id
            eventually(lambda: [visit.execution for visit in fleet.sink.visits] == [sent])
        eventually(lambda: len(fleet.sink.visits) == 3)
        fleet.sink.release()
        eventually(lambda: len(ended(two)) == 2)
        fleet.stop(one)
        assert Counter(visit.execution for visit in fleet.sink.visits) == {sent: 2, waiting: 1}

    def test_it_crashes_and_comes_back(self, sink: Sink) -> None:
        server = Server()
        fleet = Fleet(server.url(), sink)
        engines = [fleet.start(fleet.job("every-second", concurrency="allow")) for _ in range(2)]
        eventually(lambda: len(ended(engines[0])) > 1)
        server.stop(signal.SIGQUIT)
        eventually(lambda: not any(engine.health().ok for engine in engines))
        assert all(engine.health().detail for engine in engines)
        server.start()
        eventually(lambda: all(engine.health().ok for engine in engines), timeout=20)
        count = len(ended(engines[0]))
        eventually(lambda: len(ended(engines[0])) > count + 2, timeout=20)
        for engine in engines:
            fleet.apply(engine, revision="d" * 40)
        eventually(lambda: all(row.status.is_final for row in engines[0].executions(EVERYTHING)))
        rows = engines[0].executions(EVERYTHING)
        assert gaps(list(rows)) == []
        assert {row.status for row in rows} <= {Status.SUCCESS, Status.SKIPPED}
        fleet.close()
        server.close()

    def test_rollbacks_wait_for_it_no_longer_than_a_moment(self, sink: Sink) -> None:
        server = Server()
        fleet = Fleet(server.url(), sink)
        engine = fleet.start(fleet.job("yearly", schedule="@yearly"))
        server.stop()
        with pytest.raises(Exception, match="does not answer"), engine.alone("rollback"):
            pass
        fleet.close()
        server.close()


def test_a_runner_that_waits_too_long_for_its_turn_is_told(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chronos_gitops.engine.sql.postgres.store._TURN_S", 1)
    one, two = (fleet.start() for _ in range(2))
    with one.alone("rollback"), pytest.raises(ConflictError, match="another runner"), two.alone("rollback"):
        pass


@pytest.mark.timeout(120)
def test_the_measuring_programme_works(postgres_server: str, tmp_path: Path) -> None:
    """Takes twenty seconds, most of it for a lease and for what is due at a whole second: the smallest size of each."""
    environ = {**os.environ, "CHRONOS_TEST_POSTGRES": postgres_server}
    found = tmp_path / "engines.json"
    options = ["--size", "smallest", "--engines", "sqlite,postgres", "--json", str(found)]
    command = [sys.executable, "-W", "error", str(BENCH), *options]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    told = {(one["who"], one["question"]): one["value"] for one in json.loads(found.read_text())["figures"]}
    assert told["sqlite, 1 runner", "burst of 20, requests a second"]
    assert told["postgres, 2 runners", "burst of 20, requests a second"]
    assert told["postgres", "kill -9 with 3 in flight, lost"] == 0
    assert told["postgres", "two runners and the same ticks, sent twice"] == 0
