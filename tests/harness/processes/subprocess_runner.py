"""The installed program as a subprocess, and what a person sees of it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

import httpx

PROGRAM = (sys.executable, "-m", "chronos_gitops")
_READY = re.compile(r"(http://127\.0\.0\.1:\d+)")


def run(*arguments: str, cwd: Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


class Runner:
    """``chronos-gitops run`` on a free port; leaving the block ends it with SIGTERM.

    ``within`` are the words of a command that becomes the runner in the end, by exec.
    """

    def __init__(
        self, *arguments: str, data: Path, environ: dict[str, str] | None = None, within: Sequence[str] = ()
    ) -> None:
        command = [*within, *PROGRAM, "run", *arguments, "--listen", "127.0.0.1:0", "--data", str(data)]
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONFAULTHANDLER": "1", **(environ or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.address = self._wait_for_address()
        self.client = httpx.Client(base_url=f"{self.address}/api/v1", trust_env=False, timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.stop()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        try:
            code = self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # faulthandler says where each thread stands
            self._reader.join(5)
            raise AssertionError("the runner does not end:\n" + "".join(self.lines)) from None
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def get(self, path: str) -> Any:
        response = self.client.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    def until(self, path: str, holds: Callable[[Any], bool], timeout: float = 15.0) -> Any:
        """Asks until the answer is as wanted: the program is another process, there is no event to wait for."""
        deadline = monotonic() + timeout
        pause = threading.Event()
        while True:
            answer = self.client.get(path)
            body = answer.json() if answer.status_code == 200 else None
            if body is not None and holds(body):
                return body
            assert monotonic() < deadline, f"{path} is still {json.dumps(body)[:2000]}\n" + "".join(self.lines)
            pause.wait(0.05)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self.lines.append("")
            self._changed.notify_all()

    def _wait_for_address(self) -> str:
        def found() -> str | None:
            return next((match.group(1) for line in self.lines if (match := _READY.search(line))), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or (self.lines and self.lines[-1] == ""), 90)
            address = found()
        assert address, "the runner did not become ready:\n" + "".join(self.lines)
        return address
