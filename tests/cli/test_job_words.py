"""Completion of job names: from files, from a runner, and from files where no runner answers."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.api_fixtures import Checkout, job_yaml, settings_of

from chronos_gitops.app import build
from chronos_gitops.cli.completion import SHELLS
from chronos_gitops.cli.main import main
from chronos_gitops.server.web.app import create_app
from chronos_gitops.server.wsgi import Server

LOCAL = ("history", "next", "show", "rollback")
REMOTE = ("trigger", "pause", "resume", "executions", "events", "replay", "preflight")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """With a job whose file is named otherwise, one without a name, and one that is ignored."""
    checkout = Checkout(tmp_path / "repo")
    for name in ("daily-backup", "daily-report", "weekly"):
        checkout.write(name, job_yaml(name, "http://127.0.0.1:9/"))
    checkout.write("other-file", "name: monthly\n")
    checkout.write("nameless", "schedule: x\n")
    (checkout.path / "jobs/lost.yaml").symlink_to("nowhere")
    (checkout.path / "jobs/.chronosignore").write_text("weekly.yaml\n")
    checkout.commit("Add jobs")
    monkeypatch.chdir(checkout.path)
    return checkout


class Shell:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def words(self, *typed: str, shell: str = "bash") -> list[str]:
        self._monkeypatch.setenv("_CHRONOS_GITOPS_COMPLETE", f"{shell}_complete")
        self._monkeypatch.setenv("COMP_WORDS", " ".join(["chronos-gitops", *typed]))
        self._monkeypatch.setenv("COMP_CWORD", typed[-1] if shell == "fish" else str(len(typed)))
        assert main([]) == 0
        lines = self._capsys.readouterr().out.splitlines()
        found = lines[1::3] if shell == "zsh" else [line.partition(",")[2] for line in lines]
        return [word.partition("\t")[0] for word in found if word]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


@pytest.fixture
def runner(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with build(settings_of(checkout, tmp_path / "data")) as service:
        server = Server(create_app(service), host="127.0.0.1", port=0)
        address = f"http://127.0.0.1:{server.start()}"
        monkeypatch.setenv("CHRONOS_SERVER", address)
        yield address
        server.stop()


@pytest.mark.parametrize("program", SHELLS)
@pytest.mark.parametrize("command", LOCAL)
def test_names_come_from_the_files_of_the_checkout(
    checkout: Checkout, shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str, program: str
) -> None:
    assert shell.words(command, "daily", shell=program) == ["daily-backup", "daily-report"]
    assert shell.words(command, "m", shell=program) == ["monthly"]
    assert shell.words(command, "w", shell=program) == []
    monkeypatch.chdir(checkout.path / "jobs")
    assert shell.words(command, "daily-b", shell=program) == ["daily-backup"]


@pytest.mark.parametrize("command", REMOTE)
def test_names_come_from_the_runner(runner: str, shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.chdir("/")
    assert shell.words(command, "daily") == ["daily-backup", "daily-report"]
    assert shell.words(command, "none-of-them") == []


def test_a_name_on_the_line_is_not_offered_again(runner: str, shell: Shell) -> None:
    assert shell.words("pause", "daily-backup", "daily") == ["daily-report"]


def test_the_flag_names_the_runner(runner: str, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHRONOS_SERVER")
    monkeypatch.chdir("/")
    assert shell.words("trigger", "--server", runner, "daily-b") == ["daily-backup"]


def test_without_a_runner_the_files_are_asked(
    checkout: Checkout, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHRONOS_SERVER", "http://127.0.0.1:9")
    assert shell.words("trigger", "daily") == ["daily-backup", "daily-report"]
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        monkeypatch.setenv("CHRONOS_SERVER", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert shell.words("trigger", "daily") == ["daily-backup", "daily-report"]


def test_a_place_without_jobs_has_none(tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shell.words("show", "d") == []
