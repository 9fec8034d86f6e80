"""A worker that no longer asks for tasks although the server answers: the runner is not live, so it is restarted."""

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from harness.engine_harness import Bench, Seen, eventually
from harness.programs.temporal import TemporalServer, free_port, on_temporal

from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.engine.clock import SystemClock
from chronos_gitops.engine.temporal.engine import TemporalEngine
from chronos_gitops.engine.temporal.status import poll_watch

REFUSE_POLLS = "frontend.namespaceCount=0"
"""The server answers every request but those for tasks."""


@pytest.mark.timeout(120)
def test_polls_that_are_refused_fail_liveness_until_they_are_answered(
    tmp_path: Path, receiver: Receiver, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll_watch, "SILENT_AFTER", timedelta(seconds=8))
    server = TemporalServer(tmp_path, port=free_port(), database=tmp_path / "temporal.db", dynamic=[REFUSE_POLLS])
    bench = Bench(on_temporal(server.url("default")), receiver, SystemClock(), seen)  # type: ignore[arg-type]  # real
    server.start()
    try:
        engine = bench.start()
        assert engine.health().ok
        eventually(lambda: "has not asked for tasks" in engine.health().liveness_failure)
        assert not engine.health().ok
        assert "has not answered" not in engine.health().liveness_failure
        server.stop(how=signal.SIGKILL)
        server.dynamic = ()
        server.start()
        eventually(lambda: engine.health().liveness_failure == "", 60)
    finally:
        bench.stop_all()
        server.stop(how=signal.SIGKILL)


def test_a_runner_without_work_is_live_for_longer_than_a_poll_lasts() -> None:
    assert timedelta(seconds=65) < poll_watch.SILENT_AFTER <= timedelta(seconds=80)


def test_a_worker_that_ends_by_itself_is_replaced(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    engine = bench.start(bench.job(schedule="@yearly"))
    assert isinstance(engine, TemporalEngine)
    session = engine._session
    assert session is not None
    for worker in (session._workers._executions, session._workers._timetables):
        asyncio.run_coroutine_threadsafe(worker.shutdown(), engine._loop)
    eventually(lambda: engine._session not in (None, session))
    eventually(lambda: engine.health().ok)
    engine.trigger("daily-backup")
    bench.seen.wait(1)
    assert "a worker has ended by itself" in caplog.text
