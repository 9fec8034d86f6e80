"""Two runners of the installed program on one Temporal server: one is frozen for longer than the server waits."""

import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from harness.engine_harness import eventually
from harness.processes.replicas import Sink
from harness.processes.two_replicas import Pair, all_ended, is_stopped, repository
from harness.programs.temporal import TemporalServer

from chronos_gitops.engine.temporal import names


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    with sink.server:
        yield sink


@pytest.fixture
def pair(tmp_path: Path, sink: Sink) -> Iterator[Pair]:
    with TemporalServer(tmp_path) as server:
        pair = Pair(tmp_path, repository(tmp_path, sink, concurrency="allow", timeout="2m"), server.url("default"))
        yield pair
        sink.release()
        pair.close()


@pytest.mark.full
@pytest.mark.timeout(400)
def test_a_runner_that_froze_before_it_sent_leaves_it_to_the_one_that_has(pair: Pair, sink: Sink) -> None:
    """Takes a minute: the server waits for a sign of life, each time that a poll of the frozen one gets the attempt."""
    one = pair.start("one", "before-send:stop")

    def ask() -> None:
        with contextlib.suppress(httpx.TimeoutException):  # it may freeze before it has answered
            one.client.post("/jobs/held/trigger")

    asking = threading.Thread(target=ask)
    asking.start()
    eventually(lambda: is_stopped(one))
    two = pair.start("two")
    eventually(lambda: len(sink.visits) == 1, timeout=10 * names.HEARTBEAT_TIMEOUT.total_seconds())
    os.kill(one.process.pid, signal.SIGCONT)
    asking.join(30)
    # It is awake again: what is triggered now may be sent by either of them.
    later = one.client.post("/jobs/held/trigger").json()["id"]
    eventually(lambda: later in {visit.execution for visit in sink.visits})
    sink.release()
    rows = all_ended(two, 2)
    assert Counter(visit.execution for visit in sink.visits) == {row["id"]: 1 for row in rows}
    assert {row["status"] for row in rows} == {"success"}
