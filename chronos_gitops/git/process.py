"""One child process with a deadline for its whole group and a limit to what it may say."""

import contextlib
import os
import select
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from chronos_gitops.process.lazy_dataclass import dataclass

_CHUNK = 1 << 16
_STDERR_LIMIT = 1 << 16


class Overdue(Exception):
    """The deadline passed; the group has been killed."""


class Flooded(Exception):
    """More output than allowed; the group has been killed."""


@dataclass(frozen=True, slots=True)
class Completed:
    code: int
    stdout: bytes
    stderr: bytes


@contextlib.contextmanager
def started(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: bytes = b""
) -> Iterator["subprocess.Popen[bytes]"]:
    """The running process in a group of its own, which is killed when the block ends with an error."""
    with _file_of(stdin) as source:
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(env),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    with process:
        try:
            yield process
        except BaseException:
            # Also when the leader has ended: a helper of it may still hold the pipes open.
            kill_group(process)
            raise


def finish(process: "subprocess.Popen[bytes]", *, timeout: float, limit: int) -> Completed:
    """Reads both streams to their end within ``timeout`` seconds and ``limit`` bytes of output."""
    deadline = time.monotonic() + timeout
    stdout, stderr = _drain(process, deadline, limit)
    return Completed(_ended(process, max(0.01, deadline - time.monotonic())), stdout, stderr)


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    # start_new_session made the child the leader of a group that carries its pid; ssh and git-remote-https are in it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _ended(process: "subprocess.Popen[bytes]", timeout: float) -> int:
    """The exit status. Where the kernel can tell (pidfd_open(2)) nothing polls, as ``Popen.wait`` would."""
    if hasattr(os, "pidfd_open") and process.returncode is None:
        descriptor = os.pidfd_open(process.pid)
        try:
            end = select.poll()
            end.register(descriptor, select.POLLIN)
            if not end.poll(timeout * 1000):
                raise Overdue
        finally:
            os.close(descriptor)
        return process.wait()
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired as error:
        raise Overdue from error


def _drain(process: "subprocess.Popen[bytes]", deadline: float, limit: int) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    stdout, stderr = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, stdout)
        selector.register(process.stderr, selectors.EVENT_READ, stderr)
        while selector.get_map():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise Overdue
            for key, _ in selector.select(remaining):
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                else:
                    key.data.extend(chunk)
            del stderr[:-_STDERR_LIMIT]  # the reason of a failure is what was said last
            if len(stdout) > limit:
                raise Flooded
    return bytes(stdout), bytes(stderr)


@contextlib.contextmanager
def _file_of(content: bytes) -> Iterator[IO[bytes] | int]:
    if not content:
        yield subprocess.DEVNULL
        return
    # A file and not a pipe: no thread has to write while the answer is read.
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file
