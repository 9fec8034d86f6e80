"""A runner under a supervisor: started again when it ends, and stopped when its liveness probe fails."""

import os
import signal
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
from harness.processes.subprocess_runner import PROGRAM

_PROBE_EVERY_S = 1.0
_PROBE_TIMEOUT_S = 2.0
_ANSWER_TIMEOUT_S = 30.0
_FAILURES = 3
_STARTUP_S = 90.0
_DRAIN_S = 35.0


class SupervisedRunner:
    """``hold`` keeps it from being started again until ``release``. ``ends`` counts why it ended: ``livez`` when the
    supervisor ended it (``is_ending`` meanwhile), ``exit N`` when it ended by itself, ``ordered`` when the programme
    did."""

    def __init__(
        self, arguments: Sequence[str], *, data: Path, environ: Mapping[str, str], within: Sequence[str], log: Path
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.data = data
        self._within = within
        self._arguments = arguments
        self._environ = {**os.environ, "PYTHONFAULTHANDLER": "1", **environ}
        self._log = log
        self.ends: Counter[str] = Counter()
        self._ordered = False
        self.is_ending = False
        self._stopping = threading.Event()
        self._may_start = threading.Event()
        self._may_start.set()
        self._changed = threading.Condition()
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=_PROBE_TIMEOUT_S)
        self._thread = threading.Thread(target=self._supervise, daemon=True)
        self._thread.start()

    def signal(self, number: signal.Signals) -> None:
        """The end that it leads to is ordered, not the runner's own."""
        with self._changed:
            self._ordered = number not in (signal.SIGSTOP, signal.SIGCONT)
            if self.process is not None and self.process.poll() is None:
                self.process.send_signal(number)

    def hold(self) -> None:
        self._may_start.clear()

    def release(self) -> None:
        self._may_start.set()

    def wait_for_end(self, timeout: float) -> int | None:
        """The exit code, None when it has not ended by then."""
        process = self.process
        try:
            return None if process is None else process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def status(self, path: str) -> int:
        """0 when it does not answer."""
        try:
            return self.client.get(path).status_code
        except httpx.HTTPError:
            return 0

    def get(self, path: str) -> Any:
        """None when it does not answer, or with an error."""
        try:
            answer = self.client.get(path, timeout=_ANSWER_TIMEOUT_S)
        except httpx.HTTPError:
            return None
        return answer.json() if answer.status_code == 200 else None

    def request_sync(self) -> None:
        try:
            self.client.post("/api/v1/sync", timeout=60)
        except httpx.HTTPError:
            return

    def log_text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def close(self) -> int | None:
        """SIGTERM; the exit code, None when it had to be killed."""
        self._stopping.set()
        self.release()
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        code = self.wait_for_end(_DRAIN_S)
        if code is None:
            self.signal(signal.SIGKILL)
        self._thread.join(10)
        self.client.close()
        return code

    def _supervise(self) -> None:
        while not self._stopping.is_set():
            if not self._may_start.wait(0.1):
                continue
            with self._changed:
                self._ordered = self.is_ending = False
                if self._stopping.is_set():
                    return
                self.process = self._launch()
            self._watch(self.process)

    def _launch(self) -> "subprocess.Popen[bytes]":
        listen = ("--listen", f"127.0.0.1:{self.port}", "--data", str(self.data))
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*self._within, *PROGRAM, "run", *self._arguments, *listen],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environ,
            )

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        began, failures, was_alive = monotonic(), 0, False
        while True:
            try:
                code = process.wait(_PROBE_EVERY_S)
            except subprocess.TimeoutExpired:
                is_alive = self.status("/livez") == 200
                was_alive = was_alive or is_alive
                is_due = was_alive or monotonic() - began > _STARTUP_S
                failures = failures + 1 if is_due and not is_alive else 0
                if failures >= _FAILURES and self._may_start.is_set() and not self._stopping.is_set():
                    self.ends["livez"] += 1
                    return self._end(process)
            else:
                self.ends["ordered" if self._ordered else f"exit {code}"] += 1
                self._stopping.wait(0.2)
                return None

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        self.is_ending = True
        process.terminate()
        try:
            process.wait(_DRAIN_S)
        except subprocess.TimeoutExpired:
            self.ends["killed after SIGTERM"] += 1
            process.kill()
            process.wait()
