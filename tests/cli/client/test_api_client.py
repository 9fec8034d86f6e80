"""Errors of a command whose runner is away, is another program, or refuses."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from harness.serving import serving

from chronos_gitops.cli.main import main


@contextmanager
def answering(status: int, body: str, seen: list[str] | None = None) -> Iterator[str]:
    """The address of a server that answers every request alike and keeps the Authorization headers it sees."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if seen is not None:
                seen.append(self.headers.get("Authorization", ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def problem(**members: Any) -> str:
    return json.dumps({"type": "about:blank", "title": "Refused"} | members)


def test_a_dead_server_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    assert main(["status", "--server", address]) == 1
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: no runner answers at {address}: ")
    assert hint == "hint: start one with `chronos-gitops run`, or name another with --server"


def test_something_else_that_answers_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(200, "<html>") as address:
        assert main(["jobs", "--server", address]) == 1
    assert "it is no chronos-gitops runner" in capsys.readouterr().err


def test_a_problem_document_becomes_a_sentence_with_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(409, problem(detail="The file is dirty.", hint="Commit it first.")) as address:
        assert main(["jobs", "--server", address]) == 1
    assert capsys.readouterr().err == "error: The file is dirty.\nhint: Commit it first.\n"


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_token_names_the_way_out(status: int, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(status, problem(detail="No token.")) as address:
        assert main(["jobs", "--server", address]) == 1
    assert "CHRONOS_TOKEN" in capsys.readouterr().err


@pytest.mark.parametrize("from_flag", [True, False])
def test_the_token_is_sent_and_never_shown(
    from_flag: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    monkeypatch.setenv("CHRONOS_TOKEN", "other" if from_flag else "hunter2")
    with answering(500, problem(detail="Broken."), seen) as address:
        assert main(["jobs", "--server", address, *(("--token", "hunter2") if from_flag else ())]) == 1
    assert seen == ["Bearer hunter2"]
    captured = capsys.readouterr()
    assert "hunter2" not in captured.out + captured.err


def test_a_server_that_is_no_address_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "--server", "ftp://x"]) == 2
    assert "--server" in capsys.readouterr().err
