"""The manual page is roff that renders, and names every command, option and exit code."""

import subprocess

import click
from harness.reference import ROOT

from chronos_gitops.cli.exit_table import TABLE
from chronos_gitops.cli.main import group

PAGE = ROOT / "docs/reference/chronos-gitops.1"


def rendered() -> str:
    """Plain text, as groff makes it for a terminal without overstriking, 300 columns wide."""
    seen = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=300n", "-rHY=0", str(PAGE)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stderr == ""
    return seen.stdout


def test_it_renders_and_names_every_command_and_option() -> None:
    text = rendered()
    for name in TABLE:
        assert f"   chronos-gitops {name}" in text
        command: click.Command | None = group
        for word in name.split():
            assert isinstance(command, click.Group)
            command = command.get_command(click.Context(command), word)
        assert command is not None
        for option in (one for one in command.params if isinstance(one, click.Option)):
            assert option.opts[-1] in text, f"{name} {option.opts[-1]}"


def test_examples_keep_their_lines() -> None:
    assert "\n         chronos-gitops validate jobs/billing --strict --fix\n" in rendered()
