"""The real ``chronos-gitops run`` in a process of its own, spoken to over its real REST API."""

import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from chronos_gitops.errors import ChronosError

_READY = re.compile(r"chronos-gitops is ready on (http://\S+)")
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 35.0


class RunnerFailed(ChronosError):
    """The runner did not start, ended too early or refused a call; the message has its own words."""

    kind = "runner-failed"


class RunnerProcess:
    """``with Runner(...) as runner:`` it is ready inside the block, and has ended after it."""

    def __init__(self, repo: Path, data: Path, log: Path, environ: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "chronos_gitops", "run", str(repo), "--listen", "127.0.0.1:0"]
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                [*command, "--data", str(data)],
                stdout=subprocess.PIPE,
                stderr=stderr,
                stdin=subprocess.DEVNULL,
                env=dict(environ),
                start_new_session=True,  # Ctrl-C is for the demo, which then stops the runner in its own time
            )
        self._log = log
        self.address = ""
        self._http = httpx.Client(trust_env=False, timeout=10.0)

    def __enter__(self) -> "RunnerProcess":
        try:
            self.address = self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """SIGTERM, the drain, the exit code; harmless when it has ended."""
        self._http.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()

    def get(self, path: str) -> Any:
        return self._call("GET", path)

    def post(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        answer = self._request("POST", path, body)
        return answer.status_code, answer.json()

    def executions(self) -> list[dict[str, Any]]:
        """Every execution there is, page after page, newest first."""
        items: list[dict[str, Any]] = []
        url: str | None = "/api/v1/executions?limit=1000"
        while url:
            page = self._call("GET", url)
            items += page["items"]
            url = page["next"]
        return items

    def last_words(self, lines: int = 5) -> str:
        return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-lines:])

    def _call(self, method: str, path: str) -> Any:
        answer = self._request(method, path, None)
        if answer.status_code >= 400:
            raise RunnerFailed(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        try:
            return self._http.request(method, httpx.URL(self.address).join(path), json=body)
        except httpx.HTTPError as error:
            raise RunnerFailed(f"{method} {path} failed: {error}\n{self.last_words()}") from error

    def _wait_until_ready(self) -> str:
        """The address out of the one line that the runner prints when it is ready."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        assert self._process.stdout is not None
        seen = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while selector.select(deadline - time.monotonic()):
                chunk = os.read(self._process.stdout.fileno(), 65536)
                seen += chunk
                ready = _READY.search(seen.decode("utf-8", "replace"))
                if ready is not None:
                    return ready[1]
                if not chunk:
                    break
        raise RunnerFailed(f"the runner did not become ready:\n{self.last_words()}")
