"""The group: lazy, quick, and the one place that turns errors into sentences and exit codes."""

import subprocess
import sys

import click
import pytest

from chronos_gitops import __version__
from chronos_gitops.cli.main import COMMANDS, group, main
from chronos_gitops.errors import ConflictError

NAMES = [name for section in COMMANDS.values() for name in section]
HEAVY = ("aiohttp", "croniter", "flask", "git", "httpx", "jsonschema", "watchfiles", "yaml")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_of_the_table_loads_and_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: chronos-gitops {name}")


def test_help_lists_every_command_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in NAMES:
        assert any(line.strip().startswith(f"{name} ") for line in lines), name


def test_no_command_shows_the_help_and_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Usage: chronos-gitops" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"chronos-gitops {__version__}\n"


@pytest.mark.parametrize(
    ("wrong", "right"), [("histroy", "history"), ("valdate", "validate"), ("execution", "executions")]
)
def test_a_misspelt_command_is_a_usage_error_with_the_nearest(
    wrong: str, right: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([wrong]) == 2
    assert capsys.readouterr().err == f'error: there is no command "{wrong}"\nhint: did you mean "{right}"?\n'


def test_a_misspelt_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--lisen", ":0"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: No such option")
    assert "--listen" in error
    assert "hint: chronos-gitops run --help shows its options" in error


def test_help_needs_no_heavy_import() -> None:
    seen = python(
        "-c", f"import sys, chronos_gitops.cli.main as c; c.main(['--help']); print(set(sys.modules) & set({HEAVY}))"
    )
    assert seen.stdout.splitlines()[-1] == "set()"


class Failing(click.Command):
    """A command that ends with the exception it was given."""

    def __init__(self, error: BaseException) -> None:
        super().__init__("failing")
        self._error = error

    def invoke(self, ctx: click.Context) -> None:
        raise self._error


def ended_with(error: BaseException, *options: str) -> int:
    """The exit of ``main`` for a command that raises this."""
    root = click.Group(params=group.params, callback=group.callback, commands=[Failing(error)])
    return main([*options, "failing"], root)


def test_an_error_is_a_sentence_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_with(ConflictError("the file is dirty", hint="commit it first")) == 1
    assert capsys.readouterr().err == "error: the file is dirty\nhint: commit it first\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_is_130(error: BaseException) -> None:
    assert ended_with(error) == 130


def test_our_bug_is_one_sentence_and_70(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_with(ZeroDivisionError("division\nby zero")) == 70
    error = capsys.readouterr().err
    bug = f"error: this is a bug in chronos-gitops {__version__}: ZeroDivisionError: division by zero\n"
    assert error.startswith(bug)
    assert "report" in error
    assert "Traceback" not in error


def test_our_bug_shows_its_traceback_under_debug() -> None:
    with pytest.raises(ZeroDivisionError):
        ended_with(ZeroDivisionError("division by zero"), "--debug")


def test_a_reader_that_leaves_is_no_error() -> None:
    shell = f"{sys.executable} -m chronos_gitops --help | true"
    seen = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, check=True, timeout=60)
    assert seen.stderr == ""
