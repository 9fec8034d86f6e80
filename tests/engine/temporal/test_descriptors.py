"""A runner on Temporal that can open nothing claims nothing: scheduled times wait, and each has its row afterwards."""

from datetime import timedelta

from harness.clock import RealClock
from harness.engine_harness import Bench, eventually
from harness.machine.descriptors import no_descriptor

from chronos_gitops.engine.model import ExecutionQuery, Status

SECOND = timedelta(seconds=1)


def test_scheduled_times_wait_for_a_descriptor(bench: Bench) -> None:
    policy = {"max_attempts": 1}
    job = bench.job(path="/hold/answer", schedule="@every 1s", concurrency="allow", retry_policy=policy)
    engine = bench.start(job)
    assert bench.receiver.wait_for(1, 30)
    with no_descriptor():  # what runs keeps its connection, and the next one needs another
        eventually(lambda: "no file descriptor is free" in engine.health().detail)
        waiting = eventually(lambda: engine.running("daily-backup"))
        RealClock().turn(4 * SECOND)
        assert len(engine.running("daily-backup")) <= len(waiting) + 1
    bench.receiver.release("answer")
    newest = max(row.scheduled_time for row in waiting)
    bench.seen.wait_until(lambda: any(row.scheduled_time > newest + 4 * SECOND for row in bench.seen.ended), 60)
    assert {row.status for row in bench.seen.ended} == {Status.SUCCESS}
    rows = {row.scheduled_time for row in engine.executions(ExecutionQuery(limit=1000))}
    assert {newest + number * SECOND for number in range(1, 4)} <= rows
