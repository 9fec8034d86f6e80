"""Messages of the runner to systemd on a real socket, and those of the installed program, from its start to its end."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.repositories.repository import Repository

from chronos_gitops.process.systemd import SystemdNotifier


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(20)
        yield listener


def heard(listener: socket.socket) -> dict[str, str]:
    return dict(line.split("=", 1) for line in listener.recv(4096).decode().splitlines())


def test_ready_alive_and_stopping_are_said_on_the_socket(listening: socket.socket) -> None:
    told = SystemdNotifier(listening.getsockname(), 10)
    told.ready("3 jobs")
    told.alive()
    told.stopping(within=25)
    assert heard(listening) == {"READY": "1", "STATUS": "3 jobs"}
    assert heard(listening) == {"WATCHDOG": "1"}
    assert heard(listening) == {"STOPPING": "1", "STATUS": "draining", "EXTEND_TIMEOUT_USEC": "30000000"}


def test_an_abstract_socket_is_one_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0chronos-{os.getpid()}")
        listener.settimeout(5)
        SystemdNotifier(f"@chronos-{os.getpid()}").alive()
        assert heard(listener) == {"WATCHDOG": "1"}


@pytest.mark.parametrize("address", ["", "/nowhere/at/all"])
def test_nobody_who_listens_is_nobody_to_wait_for(address: str) -> None:
    SystemdNotifier(address, 10).ready("3 jobs")


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({}, None),
        ({"NOTIFY_SOCKET": "/run/notify"}, None),
        ({"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "30000000"}, 15.0),
        ({"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "30000000"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time_and_only_when_it_is_ours(
    environ: dict[str, str], interval: float | None
) -> None:
    assert SystemdNotifier.of(environ).interval == interval


def test_a_runner_says_ready_feeds_the_watchdog_and_says_when_it_stops(
    listening: socket.socket, tmp_path: Path
) -> None:
    repository = Repository.init(tmp_path / "checkout")
    repository.write_job("one")
    repository.commit()
    words = [sys.executable, "-m", "chronos_gitops", "run", str(repository.root), "--listen", "127.0.0.1:0"]
    environ = os.environ | {"NOTIFY_SOCKET": listening.getsockname(), "WATCHDOG_USEC": "400000"}
    with subprocess.Popen([*words, "--data", str(tmp_path / "data")], stdout=subprocess.PIPE, env=environ) as runner:
        try:
            said = heard(listening)
            assert (said["READY"], said["STATUS"][:23]) == ("1", "chronos-gitops is ready")
            assert [heard(listening), heard(listening)] == [{"WATCHDOG": "1"}] * 2
            runner.send_signal(signal.SIGTERM)
            while "STOPPING" not in (said := heard(listening)):
                assert said == {"WATCHDOG": "1"}
            assert runner.wait(20) == 0
        finally:
            runner.kill()
