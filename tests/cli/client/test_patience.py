"""Commands that wait go on where a runner that restarts left off, and name the execution when it stays away."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from harness.serving import serving

from chronos_gitops.cli.client import patience
from chronos_gitops.cli.main import main

STARTED = {"id": "e-1", "job": "backup", "status": "running", "closed": None}
ENDED = {**STARTED, "status": "success", "duration_ms": 5, "reason": None, "error": None, "status_code": 200}
NOT_READY = {"title": "Not ready", "detail": "The first jobs are not loaded yet."}


@contextmanager
def runner(answers: list[tuple[int, dict[str, Any]] | None]) -> Iterator[str]:
    """The address of a runner that gives these answers to questions, the last one again and again; None cuts the
    connection. It takes every trigger."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(202, STARTED)

        def do_GET(self) -> None:
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if answer is not None:
                self._answer(*answer)

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_AGAIN_S", 0.01)


def test_a_restart_does_not_end_the_wait(capsys: pytest.CaptureFixture[str]) -> None:
    with runner([(200, STARTED), None, None, (503, NOT_READY), (200, STARTED), (200, ENDED)]) as address:
        assert main(["trigger", "backup", "--wait", "--server", address]) == 0
    told = capsys.readouterr()
    assert told.out == "backup: success after 5 ms (200), execution e-1\n"
    assert told.err.count("trying again") == 1


@pytest.mark.parametrize("options", [(), ("--timeout", "1s")])
def test_a_runner_that_stays_away_is_an_error_that_names_the_execution(
    options: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not options:
        monkeypatch.setattr(patience, "LONGEST_AWAY_S", 0.1)
    with runner([None]) as address:
        assert main(["trigger", "backup", "--wait", *options, "--server", address]) == 1
    told = capsys.readouterr().err
    assert "backup was started as execution e-1" in told
    assert "hint: `chronos-gitops logs e-1` shows the result when the runner is back" in told
