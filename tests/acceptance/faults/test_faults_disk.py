"""A full disk: nothing is sent that could not be recorded, health is red, and it goes on by itself."""

import signal
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from faults.supervised_runner import SupervisedRunner
from harness.machine.small_disk import SmallDisk
from harness.processes.subprocess_runner import Runner
from harness.programs.temporal import TemporalServer
from harness.repositories.repository import Repository

from chronos_gitops.cli.demo.receiver import Receiver

EACH_SECOND = """\
name: each-second
schedule: "* * * * * *"
enabled: true
missed_run_policy: execute_all
concurrency: allow
webhook:
  url: {url}
"""


@pytest.fixture(params=["sqlite", "postgresql", "temporal"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of one whose disk is not the runner's."""
    if request.param == "temporal":
        (tmp_path / "server").mkdir()
        with TemporalServer(tmp_path / "server") as server:
            yield server.url("default")
    else:
        yield request.getfixturevalue("postgres_url") if request.param == "postgresql" else request.param


def rows_of(runner: Runner) -> list[dict[str, Any]]:
    return list(runner.get("/jobs/each-second/executions?limit=1000")["items"])


@pytest.mark.timeout(120)
def test_a_full_disk_stops_the_sending_and_goes_on_when_there_is_room(tmp_path: Path, data_folder: Path) -> None:
    """Takes some ten seconds: real ticks before, while and after the disk is full."""
    repository = Repository.init(tmp_path / "repo")
    with Receiver() as receiver:
        repository.write("jobs/each-second.yaml", EACH_SECOND.format(url=receiver.url()))
        repository.commit("Add each-second")
        with (
            SmallDisk(data_folder, "4m") as disk,
            Runner(str(repository.root), data=data_folder, within=disk.within) as runner,
        ):
            assert receiver.wait_for(2, 20)
            disk.fill()

            assert "cannot be written" in until_ready_is(503, runner)["checks"]["engine"]["detail"]
            assert runner.client.post("/jobs/each-second/trigger").status_code == 503
            sent = len(receiver.requests)
            assert not receiver.wait_for(sent + 1, 3), "nothing is sent while nothing can be recorded"
            assert ids(receiver) <= {row["id"] for row in rows_of(runner)}, "nothing was sent without a row"

            disk.empty()
            assert receiver.wait_for(sent + 6, 30), "it goes on without a restart"
            assert until_ready_is(200, runner)["checks"]["engine"]["status"] == "pass"
            rows = rows_of(runner)
            ticks = sorted(datetime.fromisoformat(row["scheduled_time"]) for row in rows)
            assert {(later - earlier).total_seconds() for earlier, later in pairwise(ticks)} == {1.0}, "none is missing"
            assert runner.stop() == 0
        assert "Traceback" not in "".join(runner.lines)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("state", ["fresh", "used"])
def test_a_start_on_a_full_disk_waits_for_room(tmp_path: Path, engine: str, state: str) -> None:
    """Before, it exited with 1 or 2; the second said that its output could not be written."""
    repository = Repository.init(tmp_path / "repo")
    with Receiver() as receiver, SmallDisk(tmp_path / "disk", "4m") as disk:
        repository.write("jobs/each-second.yaml", EACH_SECOND.format(url=receiver.url()))
        repository.commit("Add each-second")
        (disk.root / "data").mkdir()
        if state == "fresh":
            disk.fill()
        runner = SupervisedRunner(
            [str(repository.root)],
            data=disk.folder / "data",
            environ={"CHRONOS_ENGINE": engine},
            within=disk.within,
            log=tmp_path / "log",
        )
        try:
            if state == "used":
                assert receiver.wait_for(2, 60)
                disk.fill()
                runner.signal(signal.SIGKILL)
            assert until(lambda: "the start waits for free disk space" in runner.log_text())
            sent = len(receiver.requests)
            assert until(lambda: runner.status("/livez") == 200), "a restart would not help"
            assert "disk of" in runner.client.get("/readyz?verbose").text
            assert runner.status("/readyz") == runner.status("/health") == 503
            assert not receiver.wait_for(sent + 1, 2)
            disk.empty()
            assert receiver.wait_for(sent + 2, 60), "it starts when there is room"
            assert until(lambda: runner.status("/readyz") == 200)
            assert runner.log_text().count("the start waits for free disk space") == 1
            assert runner.ends == ({"ordered": 1} if state == "used" else {})
        finally:
            assert runner.close() == 0
        assert "Traceback" not in runner.log_text()


def until(holds: Callable[[], bool]) -> bool:
    deadline = monotonic() + 60
    while not holds():
        if monotonic() > deadline:
            return False
        threading.Event().wait(0.1)
    return True


def ids(receiver: Receiver, since: int = 0) -> set[str | None]:
    return {request.execution_id for request in receiver.requests[since:]}


def until_ready_is(status: int, runner: Runner) -> dict[str, Any]:
    """The health once /readyz answers so."""
    runner.until("/sync", lambda _: runner.client.get(f"{runner.address}/readyz").status_code == status, timeout=30)
    return dict(runner.client.get(f"{runner.address}/health").json())
