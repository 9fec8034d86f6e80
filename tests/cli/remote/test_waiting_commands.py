"""Commands that end with the outcome of what they asked for, against a real runner."""

import json
from pathlib import Path

import pytest
from harness.api_fixtures import Checkout, job_yaml, settings_of

from chronos_gitops.app import build
from chronos_gitops.cli.main import main
from chronos_gitops.server.web.app import create_app
from chronos_gitops.server.wsgi import Server

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    found = Checkout(tmp_path / "repo")
    for number in range(5):
        found.write(
            f"job-{number}", job_yaml(f"job-{number}", "http://127.0.0.1:9/refused", retry_policy={"max_attempts": 1})
        )
    found.commit("Add jobs")
    return found


@pytest.fixture(autouse=True)
def _runner(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    with build(settings_of(checkout, tmp_path / "data")) as service:
        server = Server(create_app(service), host="127.0.0.1", port=0)
        monkeypatch.setenv("CHRONOS_SERVER", f"http://127.0.0.1:{server.start()}")
        yield
        server.stop()


def test_trigger_waits_and_ends_by_the_outcome_and_logs_shows_it(capsys: Captured) -> None:
    assert main(["trigger", "job-1", "--wait", "--timeout", "20s", "--format", "json"]) == 1
    ended = json.loads(capsys.readouterr().out)
    assert ended["status"] == "failed"
    assert main(["logs", ended["id"]]) == 1
    shown = capsys.readouterr().out
    assert "http://127.0.0.1:9/refused" in shown
    assert f"job-1: failed after {ended['duration_ms']} ms" in shown
    assert "attempt 1 at " in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("job-1", "--timeout", "1s"), "--timeout goes with --wait"),
        (("job-1", "job-2", "--wait"), "--wait is for one job"),
        (("job-1", "--wait", "--timeout", "soon"), "soon"),
    ],
)
def test_waiting_is_for_one_job(words: tuple[str, ...], said: str, capsys: Captured) -> None:
    assert main(["trigger", *words]) == 2
    assert said in capsys.readouterr().err


def test_sync_ends_with_what_is_applied(checkout: Checkout, capsys: Captured) -> None:
    checkout.write("job-9", job_yaml("job-9", "http://127.0.0.1:9/"))
    commit = checkout.commit("Add one more")
    assert main(["sync", "--wait", "--timeout", "20s"]) == 0
    assert f"{commit[:12]} is applied" in capsys.readouterr().out


def test_approve_lets_exactly_what_is_held_through(checkout: Checkout, capsys: Captured) -> None:
    assert main(["approve"]) == 3
    for number in range(4):
        checkout.remove(f"job-{number}")
    checkout.commit("Remove nearly all")
    main(["sync", "--format", "json"])
    held = json.loads(capsys.readouterr().out.partition("nothing is held\n")[2])["held"]
    assert main(["approve"]) == 2
    assert "no terminal" in capsys.readouterr().err
    assert main(["approve", "sha256:other", "--yes"]) == 1
    assert main(["approve", held["checksum"], "--yes"]) == 0
    assert "approved; 1 job now" in capsys.readouterr().out


@pytest.mark.parametrize("words", [(), ("trigger",), ("sessions", "end"), ("help",)])
def test_help_is_that_of_the_command(words: tuple[str, ...], capsys: Captured) -> None:
    assert main(["help", *words]) == 0
    shown = capsys.readouterr().out
    assert main([*words, "--help"]) == 0
    assert shown == capsys.readouterr().out


def test_help_of_no_command_says_what_is_near(capsys: Captured) -> None:
    assert main(["help", "triger"]) == 2
    assert 'did you mean "trigger"?' in capsys.readouterr().err


def test_the_version_has_a_short_flag(capsys: Captured) -> None:
    assert main(["-V"]) == 0
    short = capsys.readouterr().out
    assert main(["--version"]) == 0
    assert short == capsys.readouterr().out
