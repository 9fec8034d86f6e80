"""``events``: listed as JSON and as a table, and followed over an end of the stream."""

import functools
import json
import signal
import subprocess
from pathlib import Path

import pytest
from harness.api_fixtures import Checkout, job_yaml, settings_of
from harness.processes.subprocess_runner import PROGRAM

from chronos_gitops.app import build
from chronos_gitops.cli.main import main
from chronos_gitops.server.api.routes import events
from chronos_gitops.server.api.routes.event_stream import StreamTiming
from chronos_gitops.server.web.app import create_app
from chronos_gitops.server.wsgi import Server

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    checkout = Checkout(tmp_path / "repo")
    for name in ("one", "two"):
        checkout.write(name, job_yaml(name, "http://127.0.0.1:9/refused"))
    checkout.commit("Add jobs")
    with build(settings_of(checkout, tmp_path / "data")) as service:
        app = create_app(service)
        app.extensions[events.PACE] = StreamTiming(heartbeat=0.2, longest=0.5)
        server = Server(app, host="127.0.0.1", port=0)
        monkeypatch.setenv("CHRONOS_SERVER", f"http://127.0.0.1:{server.start()}")
        yield
        server.stop()


def listed(capsys: Captured, *words: str) -> list[dict[str, object]]:
    assert main(["events", *words, "--format", "json"]) == 0
    items: list[dict[str, object]] = json.loads(capsys.readouterr().out)["items"]
    return items


def test_events_are_listed_by_job_type_and_number(capsys: Captured) -> None:
    for name in ("one", "two"):
        assert main(["pause", name, "--reason", "moving house"]) == 0
        assert main(["resume", name]) == 0
    capsys.readouterr()
    assert [(one["type"], one["job"]) for one in listed(capsys, "--limit", "2")] == [
        ("job_resumed", "two"),
        ("job_paused", "two"),
    ]
    assert [one["type"] for one in listed(capsys, "one")][:2] == ["job_resumed", "job_paused"]
    assert {one["job"] for one in listed(capsys, "--type", "job_paused")} == {"one", "two"}
    assert main(["events", "one", "--type", "job_paused"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["AT", "TYPE", "ABOUT", "MESSAGE"]
    assert row.split()[1:3] == ["job_paused", "one"]


def test_an_unknown_type_is_refused_with_what_is_near(capsys: Captured) -> None:
    assert main(["events", "--type", "job_pause"]) == 1
    assert "job_paused" in capsys.readouterr().err


def test_no_event_is_said(capsys: Captured) -> None:
    assert main(["events", "--type", "deletions_held"]) == 0
    assert capsys.readouterr().out == "no events\n"


def test_following_goes_on_after_the_stream_ended_and_ends_at_an_interrupt(capsys: Captured) -> None:
    words = [*PROGRAM, "events", "--type", "job_paused", "--follow", "--format", "json"]
    main(["pause", "one", "--reason", "before"])
    # A shell without job control has its background commands ignore SIGINT (POSIX, 2.11), and they pass that on.
    heard = functools.partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    following = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, preexec_fn=heard)
    try:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline())["job"] == "one"
        for name in ("two", "one", "two"):  # a stream ends after 0.5 s here, and the next one begins a second later
            assert main(["pause", name, "--reason", "while following"]) == 0
            assert json.loads(following.stdout.readline())["job"] == name
        following.send_signal(signal.SIGINT)
        assert following.wait(30) == 130
    finally:
        following.kill()
        following.communicate()
