"""A full disk: nothing is sent that could not be recorded, health is red, and it goes on by itself."""

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from harness.namespaces import unshare
from harness.repository import Repository
from harness.subprocess_runner import Runner

from chronos_gitops.cli.demo.receiver import Receiver

# The runner alone sees the small disk: it is mounted in a mount namespace of its own.
MOUNTED = ("sh", "-c", 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"')
EACH_SECOND = """\
name: each-second
schedule: "* * * * * *"
enabled: true
missed_run_policy: execute_all
concurrency: allow
webhook:
  url: {url}
"""


def fill(folder: Path) -> Path:
    """Takes what is left of the disk, to the last byte."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while file.write(b"\xff" * size) == size:
                    pass
            except OSError:
                continue
    return ballast


def rows_of(runner: Runner) -> list[dict[str, Any]]:
    return list(runner.get("/jobs/each-second/executions?limit=1000")["items"])


@pytest.mark.timeout(120)
def test_a_full_disk_stops_the_sending_and_goes_on_when_there_is_room(tmp_path: Path, data_folder: Path) -> None:
    """Takes some ten seconds: real ticks before, while and after the disk is full."""
    repository = Repository.init(tmp_path / "repo")
    with Receiver() as receiver:
        repository.write("jobs/each-second.yaml", EACH_SECOND.format(url=receiver.url()))
        repository.commit("Add each-second")
        within = (*unshare("--mount"), *MOUNTED, str(data_folder))
        with Runner(str(repository.root), data=data_folder, within=within) as runner:
            assert receiver.wait_for(2, 20)
            ballast = fill(Path(f"/proc/{runner.process.pid}/root{data_folder}"))

            assert "cannot be written" in until_ready_is(503, runner)["checks"]["engine"]["detail"]
            assert runner.client.post("/jobs/each-second/trigger").status_code == 503
            sent = len(receiver.requests)
            assert not receiver.wait_for(sent + 1, 3), "nothing is sent while nothing can be recorded"
            assert ids(receiver) <= {row["id"] for row in rows_of(runner)}, "nothing was sent without a row"

            ballast.unlink()
            assert receiver.wait_for(sent + 6, 30), "it goes on without a restart"
            assert until_ready_is(200, runner)["checks"]["engine"]["status"] == "pass"
            rows = rows_of(runner)
            ticks = sorted(datetime.fromisoformat(row["scheduled_time"]) for row in rows)
            assert {(later - earlier).total_seconds() for earlier, later in pairwise(ticks)} == {1.0}, "none is missing"
            assert runner.stop() == 0
        assert "Traceback" not in "".join(runner.lines)


def ids(receiver: Receiver, since: int = 0) -> set[str | None]:
    return {request.execution_id for request in receiver.requests[since:]}


def until_ready_is(status: int, runner: Runner) -> dict[str, Any]:
    """The health once /readyz answers so."""
    runner.until("/sync", lambda _: runner.client.get(f"{runner.address}/readyz").status_code == status, timeout=30)
    return dict(runner.client.get(f"{runner.address}/health").json())
