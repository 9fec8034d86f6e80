"""The whole demo, as ``make demo`` runs it."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chronos_gitops.cli.demo.driver import DemoFailed, Show
from chronos_gitops.cli.demo.receiver import Receiver
from chronos_gitops.cli.demo.repository import DemoRepository
from chronos_gitops.cli.demo.runner_process import RunnerFailed, RunnerProcess
from chronos_gitops.cli.demo.terminal import Screen
from chronos_gitops.cli.main import main

DEMO = (sys.executable, "-m", "chronos_gitops", "demo")


@pytest.mark.timeout(90)
def test_it_ends_by_itself_with_what_was_fired_received_retried_and_skipped(tmp_path: Path) -> None:
    """Takes about 13 seconds: real schedules of a second and more, in five acts."""
    seen = subprocess.run(
        [*DEMO, "--duration", "10s", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=80
    )
    assert seen.returncode == 0, seen.stderr
    summary = json.loads(seen.stdout)
    first_attempts = summary["received"] - summary["retried"]
    assert 20 < summary["fired"] - summary["running"] <= first_attempts <= summary["fired"]
    assert min(summary["retried"], summary["skipped"], summary["failed"], summary["cancelled"]) >= 1
    assert 0 < summary["reload_ms"] < 5000
    assert 0 <= summary["lateness_ms"]["p50"] <= summary["lateness_ms"]["p99"]
    assert summary["lateness_ms"]["count"] == first_attempts
    assert len(summary["acts"]) == 5
    assert summary["git_log"][0] == f"{summary['rollback']['commit']} Roll back daily-backup to version 2"
    assert (summary["rollback"]["restored_version"], summary["rollback"]["version"]) == (2, 4)
    assert summary["runner_exit_code"] == 0
    assert "Mars/Olympus_Mons" in seen.stderr
    assert list(tmp_path.iterdir()) == []


def _hear_interrupts() -> None:
    """A suite in the background of a shell ignores SIGINT, and its children would with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_behind(number: signal.Signals) -> None:
    """Two seconds each: it waits until the runner is there, and until it is gone."""
    with subprocess.Popen(
        DEMO, stdout=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=_hear_interrupts
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().split()[-1])
        line = next(line for line in process.stdout if " Page: " in line)
        address = re.search(r" Page: (\S+)", line)
        assert address is not None
        assert folder.is_dir()
        process.send_signal(number)
        assert process.wait(30) == 130
    assert not folder.parent.exists()
    with pytest.raises(ConnectionRefusedError), socket.socket() as knock:
        knock.connect(("127.0.0.1", urlsplit(address[1]).port or 0))


@pytest.mark.parametrize(("duration", "message"), [("soon", "is not a duration"), ("2s", "the acts need 10s")])
def test_a_duration_that_cannot_be_meant_is_2(duration: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--duration", duration]) == 2
    assert message in capsys.readouterr().err


def test_a_runner_that_does_not_start_is_told_with_its_own_words(tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin"}
    with pytest.raises(RunnerFailed, match="did not become ready"):
        RunnerProcess(tmp_path / "no-repository", tmp_path / "data", tmp_path / "log", environ).__enter__()
    assert "error: " in (tmp_path / "log").read_text()


def test_an_act_that_does_not_show_what_it_should_says_so(tmp_path: Path) -> None:
    """A second or two: a real runner, whose jobs never fail the way that is waited for."""
    with Receiver() as receiver:
        stage = DemoRepository(tmp_path / "repository", receiver.url)
        stage.build()
        with RunnerProcess(stage.folder, tmp_path / "data", tmp_path / "log", {"PATH": "/usr/bin:/bin"}) as runner:
            show = Show(stage, receiver, runner, Screen(sys.stderr), patience_s=0.2)
            show.begin("An act")
            with pytest.raises(DemoFailed, match="An act: waited 0 s in vain for a miracle") as failed:
                show.wait("a miracle", lambda: False)
    assert failed.value.exit_code == 1
