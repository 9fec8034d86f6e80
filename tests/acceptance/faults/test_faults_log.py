"""A runner whose stderr is a pipe that nobody reads keeps firing on time, and ends when it is told to."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from harness.engine_harness import eventually
from harness.repositories.repository import Repository

from chronos_gitops.cli.demo.receiver import Receiver

_SMALL = 4096
_JOBS = 20


@pytest.mark.timeout(180)
def test_a_log_that_nobody_reads_holds_up_neither_ticks_nor_the_end(tmp_path: Path, data_folder: Path) -> None:
    reads, writes = os.pipe()
    fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, _SMALL)
    repository = Repository.init(tmp_path / "checkout")
    with Receiver() as receiver:
        for number in range(_JOBS):
            url = receiver.url("/ok")
            text = f'name: often-{number}\nschedule: "@every 1s"\nenabled: true\nwebhook: {{url: "{url}"}}\n'
            repository.write(f"jobs/often-{number}.yaml", text)
        repository.commit()
        words = ("run", str(repository.root), "--listen", "127.0.0.1:0", "--data", str(data_folder))
        command = [sys.executable, "-m", "chronos_gitops", *words, "--log-format", "json"]
        runner = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=writes)
        try:
            os.close(writes)
            eventually(lambda: _takes_no_more(reads, receiver), timeout=60)
            heard = len(receiver.requests)
            eventually(lambda: len(receiver.requests) >= heard + 5 * _JOBS, timeout=60)
            runner.send_signal(signal.SIGTERM)
            assert runner.wait(60) == 0
        finally:
            runner.kill()
            runner.wait()
            os.close(reads)


def _takes_no_more(descriptor: int, receiver: Receiver) -> bool:
    """Executions end, and the pipe stays as it is: lines are written several at once, so it need not be full."""
    before, heard = _waiting(descriptor), len(receiver.requests)
    eventually(lambda: len(receiver.requests) >= heard + 2 * _JOBS, timeout=60)
    return before > 0 and _waiting(descriptor) == before


def _waiting(descriptor: int) -> int:
    """The number of bytes that nobody has read; see pipe(7)."""
    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0"), sys.byteorder)
