"""The runner as a process: its one line, its signals, its refusals. A second or two each: real processes."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from chronos_gitops.cli.demo.receiver import Receiver

READY = re.compile(r"chronos-gitops is ready on (http://127\.0\.0\.1:\d+) \(following (\S+), 3 jobs\)\n")


@contextmanager
def running(repository: Path, data: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "chronos_gitops", "run", str(repository), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, "--data", str(data), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ready_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def ended(process: "subprocess.Popen[str]") -> int:
    return process.wait(30)


def test_it_prints_one_line_with_its_address_and_serves_the_api_and_the_page(
    jobs_repository: Path, data_folder: Path
) -> None:
    with running(jobs_repository, data_folder) as process:
        match = READY.fullmatch(ready_line(process))
        assert match is not None
        assert match[2] == str(jobs_repository)
        assert httpx.get(f"{match[1]}/api/v1/sync", trust_env=False).json()["state"] == "synced"
        assert "daily-backup" in httpx.get(f"{match[1]}/", trust_env=False).text
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_running_request_end(
    number: signal.Signals, jobs_repository: Path, data_folder: Path, receiver: Receiver
) -> None:
    path = jobs_repository / "jobs/daily-backup.yaml"
    before = path.read_text()
    path.write_text(before.replace("/daily-backup\n", f"/hold/{number.name}\n"))
    try:
        with running(jobs_repository, data_folder) as process:
            address = ready_line(process).split()[4]
            httpx.post(f"{address}/api/v1/jobs/daily-backup/trigger", trust_env=False).raise_for_status()
            held = lambda seen: any(one.path == f"/hold/{number.name}" for one in seen.requests)  # noqa: E731
            assert receiver.wait_for(held, 10)
            process.send_signal(number)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)  # it drains
            receiver.release(number.name)
            assert ended(process) == 0
            assert not [one for one in receiver.abandoned if one.path == f"/hold/{number.name}"]
    finally:
        path.write_text(before)


def test_a_second_signal_ends_it_at_once(jobs_repository: Path, data_folder: Path, receiver: Receiver) -> None:
    path = jobs_repository / "jobs/daily-backup.yaml"
    before = path.read_text()
    path.write_text(before.replace("/daily-backup\n", "/hold/for-ever\n"))
    try:
        with running(jobs_repository, data_folder) as process:
            address = ready_line(process).split()[4]
            httpx.post(f"{address}/api/v1/jobs/daily-backup/trigger", trust_env=False).raise_for_status()
            assert receiver.wait_for(lambda seen: any(one.path == "/hold/for-ever" for one in seen.requests), 10)
            process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.send_signal(signal.SIGTERM)
            assert process.wait(2) == 128 + signal.SIGTERM
    finally:
        path.write_text(before)


def refused(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "chronos_gitops", "run", *arguments]
    seen = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert "Traceback" not in seen.stderr
    return seen.returncode, seen.stderr


def test_a_taken_address_is_a_sentence(jobs_repository: Path, data_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, error = refused(str(jobs_repository), "--listen", address, "--data", str(data_folder))
    assert code == 1
    assert error.startswith(f"error: cannot listen on {address}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--listen", "0.0.0.0:8080"), "error: without tokens the runner listens on loopback only"),
        (("--interval", "often"), "error: --interval: "),
        (("--config", "no-such.toml"), "error: no-such.toml cannot be read"),
    ],
)
def test_settings_that_cannot_be_meant_are_2(arguments: Sequence[str], message: str) -> None:
    code, error = refused(*arguments)
    assert (code, error[: len(message)]) == (2, message)


def test_a_folder_that_is_no_repository_is_a_sentence(tmp_path: Path, data_folder: Path) -> None:
    code, error = refused(str(tmp_path), "--data", str(data_folder), "--listen", "127.0.0.1:0")
    assert code in (1, 2)
    assert error.startswith("error: ")
    assert str(tmp_path) in error


def test_the_environment_is_a_source_of_settings(
    jobs_repository: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHRONOS_REPO", str(jobs_repository))
    monkeypatch.setenv("CHRONOS_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("CHRONOS_DATA", str(data_folder))
    command = [sys.executable, "-m", "chronos_gitops", "run"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert READY.fullmatch(ready_line(process))
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 0


def test_a_runner_without_jobs_says_that_it_is_not_ready(jobs_repository: Path, data_folder: Path) -> None:
    with running(jobs_repository, data_folder, "--branch", "nowhere") as process:
        line = ready_line(process)
        assert line.startswith("chronos-gitops is not ready on http://127.0.0.1:")
        assert "BranchNotFound" in line
        process.send_signal(signal.SIGTERM)
        assert ended(process) == 0
