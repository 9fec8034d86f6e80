"""The table of exit codes: each command has a row, and each code of a row is one that the command really ends with."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest
from harness.api_fixtures import Checkout, job_yaml

from chronos_gitops.cli.exit_table import EVERYWHERE, TABLE
from chronos_gitops.cli.main import group, main
from chronos_gitops.exit_codes import ExitCode

NONE = "0" * 40
AWAY = "http://127.0.0.1:1"
FAILING: dict[str, Sequence[str]] = {
    "validate": ("validate", "broken"),
    "next": ("next", "no-such-job"),
    "import": ("import", "crontab", "crontab"),
    "layers extract": ("layers", "extract", "--jobs", "broken"),
    "plan": ("plan", "--exit-code"),
    "secrets": ("secrets", "--config", "tokens.toml"),
    "history": ("history", "no-such-job"),
    "show": ("show", "no-such-job"),
    "rollback": ("rollback", "one", "7"),
    "undo": ("undo", NONE),
    "run": ("run", "--data", "file"),
    "backup": ("backup", "--to", "x", "--data", "damaged"),
    "restore": ("restore", "--from", "crontab", "--data", "data"),
    "notify test": ("notify", "test", "--config", "notify.toml"),
    "config check": ("config", "check", "--listen", ":x"),
    "doctor": ("doctor", "--listen", ":x"),
    "logs": ("logs", "none"),
    "trigger": ("trigger", "one"),
    "cancel": ("cancel", "none"),
    "pause": ("pause", "one", "--reason", "x"),
    "resume": ("resume", "one"),
    "approve": ("approve", "sha256:x", "--yes"),
    "replay": ("replay", "one", "--from", "2026-01-01", "--until", "2026-01-02", "--reason", "x", "--yes"),
    "sessions end": ("sessions", "end", "x"),
}
"""Commands that are not here ask a runner without arguments."""
NOTHING: dict[str, Sequence[str]] = {
    "validate": ("validate", "empty"),
    "layers extract": ("layers", "extract"),
    "secrets": ("secrets",),
    "preflight": ("preflight", "yearly-review"),
    "trigger": ("trigger", "--tag", "team=none", "--reason", "x"),
    "approve": ("approve",),
    "replay": (
        "replay",
        "yearly-review",
        "--from",
        "2026-01-05",
        "--until",
        "2026-01-06",
        "--reason",
        "x",
        "--dry-run",
    ),
    "pause": ("pause", "--tag", "team=none", "--reason", "x"),
    "resume": ("resume", "--tag", "team=none", "--reason", "x"),
}
UNFORCED = {"demo": "it fails only when the program itself is broken"}


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    at = click.Context(command)
    for name in command.list_commands(at):
        found = command.get_command(at, name)
        assert found is not None
        yield from leaves(found, (*path, name))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    checkout = Checkout(tmp_path / "repo")
    checkout.write("one", job_yaml("one", "http://127.0.0.1:9/"))
    checkout.commit("Add a job")
    for name in ("empty", "broken", "damaged"):
        (checkout.path / name).mkdir()
    (checkout.path / "broken" / "two.yaml").write_text("name: two\n")
    (checkout.path / "damaged" / "ledger.db").write_text("no database")
    (checkout.path / "file").write_text("")
    (checkout.path / "crontab").write_text("0 2 * * * /usr/bin/no-webhook\n")
    (checkout.path / "notify.toml").write_text('[[notify]]\nname = "x"\ntype = "slack"\nurl = "http://127.0.0.1:1/"\n')
    (checkout.path / "tokens.toml").write_text('[secrets]\nunbound = "refuse"\n')
    monkeypatch.chdir(checkout.path)
    return checkout.path


def test_every_command_has_a_row_and_every_code_a_meaning() -> None:
    assert set(leaves(group)) == set(TABLE)
    assert set(EVERYWHERE) == set(ExitCode)


def test_every_row_is_tried() -> None:
    assert set(NOTHING) == {name for name, ends in TABLE.items() if ends.nothing}
    asking = {name for name, ends in TABLE.items() if "The runner does not respond" in ends.failed}
    assert set(FAILING) | asking | set(UNFORCED) == {name for name, ends in TABLE.items() if ends.failed}


@pytest.mark.parametrize("name", [name for name, ends in TABLE.items() if ends.failed and name not in UNFORCED])
def test_one_is_what_the_table_says(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHRONOS_SERVER", AWAY)
    if name in ("secrets", "plan"):
        (folder / "jobs" / "one.yaml").write_text(job_yaml("one", "http://127.0.0.1:9/${secret:x}"))
    assert main(FAILING.get(name, name.split())) == ExitCode.FAILED, capsys.readouterr()


@pytest.mark.parametrize("name", NOTHING)
def test_three_is_what_the_table_says(
    name: str, folder: Path, server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHRONOS_SERVER", server)
    assert main(NOTHING[name]) == ExitCode.NOTHING, capsys.readouterr()


@pytest.mark.parametrize("name", TABLE)
def test_two_is_a_wrong_option_of_every_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--no-such-option"]) == ExitCode.USAGE
    assert "--help shows its options" in capsys.readouterr().err


@pytest.mark.parametrize("name", TABLE)
def test_zero_is_help_of_every_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == ExitCode.FINE
    assert capsys.readouterr().out.startswith(f"Usage: chronos-gitops {name}")
