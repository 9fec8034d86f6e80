"""A data folder or ledger that is removed or replaced under a runner: it claims and sends nothing more, and says so."""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest
from harness.processes.subprocess_runner import Runner
from harness.repositories.repository import Repository

from chronos_gitops.cli.demo.receiver import Receiver


def removed(data: Path) -> None:
    shutil.rmtree(data)


def moved(data: Path) -> None:
    data.rename(data.with_name("moved"))


def replaced(data: Path) -> None:
    data.rename(data.with_name("moved"))
    shutil.copytree(data.with_name("moved"), data)


def without_lock(data: Path) -> None:
    (data / "runner.lock").unlink()


def without_ledger(data: Path) -> None:
    (data / "ledger.db").unlink()


def restored(data: Path) -> None:
    shutil.copy(data / "ledger.db", data / "backup.db")
    (data / "backup.db").replace(data / "ledger.db")


def without_wal(data: Path) -> None:
    (data / "ledger.db-wal").unlink()


LOSSES = (removed, moved, replaced, without_lock, without_ledger, restored, without_wal)
FOLDER_ONLY = LOSSES[:4]


def status(runner: Runner, path: str) -> tuple[int, str]:
    answer = runner.client.get(f"{runner.address}{path}")
    return answer.status_code, answer.text


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("engine", "lose"), [*(("sqlite", lose) for lose in LOSSES), *(("postgresql", lose) for lose in FOLDER_ONLY)]
)
def test_claims_stop_and_a_second_runner_doubles_nothing(
    tmp_path: Path, data_folder: Path, engine: str, lose: Callable[[Path], None], request: pytest.FixtureRequest
) -> None:
    """Before, webhooks went on and were recorded nowhere, and a second runner on the path sent each tick again. On
    PostgreSQL it took the work of the first one over, whose name in the database is in the data folder."""
    environ = {"CHRONOS_ENGINE": request.getfixturevalue("postgres_url") if engine == "postgresql" else engine}
    with Receiver() as receiver:
        checkout = Repository.init(tmp_path / "checkout")
        job = f'name: tick\nschedule: "@every 1s"\nenabled: true\nwebhook:\n  url: {receiver.url()}\n'
        checkout.write("jobs/tick.yaml", job)
        checkout.commit("A job")
        with (
            Runner(str(checkout.root), data=data_folder, environ=environ) as first,
            contextlib.ExitStack() as at_last,
        ):
            at_last.callback(first.kill)  # it would wait for requests that it cannot record any more
            assert receiver.wait_for(2, 30)
            lose(data_folder)
            deadline = monotonic() + 20
            while status(first, "/livez?verbose")[0] != 503:
                assert monotonic() < deadline
            assert "while the runner had it open" in status(first, "/livez?verbose")[1]
            assert status(first, "/health")[0] == 503
            assert not receiver.wait_for(len(receiver.requests) + 2, 3), "at most one was on its way"
            assert len({request.header("X-Chronos-Execution-ID") for request in receiver.requests}) == len(
                receiver.requests
            )
            if lose not in FOLDER_ONLY:
                return  # the lock of the folder is still held
            count = len(receiver.requests)
            with Runner(str(checkout.root), data=data_folder, environ=environ):
                assert receiver.wait_for(count + 3, 40)
                times = [request.header("X-Chronos-Scheduled-Time") for request in receiver.requests[count:]]
                assert len(times) == len(set(times))
