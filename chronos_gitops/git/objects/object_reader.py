"""One git-cat-file(1) that stays and reads object after object, with a time limit for each answer."""

import contextlib
import os
import select
import subprocess
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from chronos_gitops.git import process
from chronos_gitops.git.errors import ObjectMissing, OutputTooLarge

_ARGV: Final = ("git", "--no-pager", "cat-file", "--batch")
_CHUNK: Final = 1 << 16
HEADER_BYTES: Final = 256


class NoAnswer(Exception):
    """The process ended, was too slow, or printed something else than the object: it is of no more use."""


class ObjectReader:
    """Takes one question at a time; after any error but ObjectMissing it must be closed.

    What git writes about damage goes nowhere: a pack that changes under it can make it write without end, and a pipe
    would stop it, and its reader, once full. A process that must give reasons is the one that is asked next.
    """

    def __init__(self, *, cwd: Path, env: Mapping[str, str], limit: int, timeout: float) -> None:
        self._limit = limit
        self._timeout = timeout
        self.process = subprocess.Popen(
            _ARGV,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._stdin, self._stdout = self.process.stdin.fileno(), self.process.stdout.fileno()
        self._readable = select.poll()
        self._readable.register(self._stdout, select.POLLIN)
        self._end = weakref.finalize(self, _end, self.process)

    def read(self, name: str) -> bytes:
        """The content of one object. ObjectMissing, OutputTooLarge over the limit, NoAnswer."""
        deadline = time.monotonic() + self._timeout
        self._ask(name)
        header, begun = self._header(deadline)
        if header == [name.encode(), b"missing"]:
            raise ObjectMissing(f"object {name} is missing")
        if len(header) != 3 or header[0] != name.encode() or not header[2].isdigit():
            raise NoAnswer
        size = int(header[2])
        if size > self._limit:
            raise OutputTooLarge(f"object {name} has {size:,} bytes")
        while len(begun) <= size:  # a line feed ends the content
            begun += self._some(deadline)
        if len(begun) != size + 1:
            raise NoAnswer
        return bytes(begun[:size])

    def close(self) -> None:
        """Ends the process; also called when the reader is collected, and at the exit of the program."""
        self._end()

    def _ask(self, name: str) -> None:
        # One short line, which a pipe takes whole (PIPE_BUF in pipe(7)): no partial write.
        try:
            os.write(self._stdin, f"{name}\n".encode())
        except BrokenPipeError as error:
            raise NoAnswer from error

    def _header(self, deadline: float) -> tuple[list[bytearray], bytearray]:
        """The words of the first line, and what has come of the content."""
        begun = bytearray()
        while (end := begun.find(b"\n")) < 0:
            if len(begun) > HEADER_BYTES:
                raise NoAnswer
            begun += self._some(deadline)
        return begun[:end].split(), begun[end + 1 :]

    def _some(self, deadline: float) -> bytes:
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not self._readable.poll(remaining * 1000):
            raise NoAnswer
        chunk = os.read(self._stdout, _CHUNK)
        if not chunk:
            raise NoAnswer
        return chunk


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.returncode is None:
        process.kill_group(child)
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    child.wait()
