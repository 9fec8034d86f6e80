"""The manual page ``chronos-gitops(1)``, from the click tree."""

import inspect
from collections.abc import Iterator

import click

from chronos_gitops import __version__
from chronos_gitops.cli.exit_table import EVERYWHERE
from chronos_gitops.cli.main import COMMANDS, group
from chronos_gitops.config.settings import TABLE


def page() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield r".\" Written by `make docs` from the commands themselves; a test fails when it is stale."
    yield f'.TH CHRONOS\\-GITOPS 1 "" "chronos\\-gitops {__version__}" "User Commands"'
    yield from (".SH NAME", r"chronos\-gitops \- scheduled webhooks whose definitions live in git")
    yield from (".SH SYNOPSIS", r".B chronos\-gitops", r"[\-\-debug] COMMAND [ARGUMENTS]")
    yield ".SH DESCRIPTION"
    yield _text(
        "Follows a git repository with one YAML file for each job and sends their webhooks. A version is a commit, "
        "and a rollback is a commit."
    )
    with group.make_context("chronos-gitops", [], resilient_parsing=True) as root:
        for title, section in COMMANDS.items():
            yield f'.SH "{_text(title).upper()}"'
            for name in section:
                command = group.get_command(root, name)
                assert command is not None, name
                yield from _command(command, root, name)
    yield ".SH ENVIRONMENT"
    for row in TABLE:
        if row.variable:
            yield from (".TP", f".B {_text(row.variable)}", _text(row.text.replace("`", "")))
    yield from (".TP", ".B CHRONOS_SERVER", "The runner that commands ask.")
    yield from (".TP", ".B CHRONOS_TOKEN", "The bearer token that commands show it.")
    yield from (".TP", ".B CHRONOS_CONFIG", "The chronos.toml of run, config and doctor.")
    yield ".SH EXIT STATUS"
    for code, meaning in EVERYWHERE.items():
        yield from (".TP", f".B {code.value}", _text(meaning))


def _command(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    with click.Context(command, parent=parent, info_name=name) as at:
        if isinstance(command, click.Group):
            for child in command.list_commands(at):
                found = command.get_command(at, child)
                assert found is not None, child
                yield from _command(found, at, child)
            return
        usage = " ".join(command.collect_usage_pieces(at))
        yield f'.SS "{_text(f"{at.command_path} {usage}")}"'
        yield from _help(command.help or "")
        for parameter in command.get_params(at):
            record = parameter.get_help_record(at)
            if record is not None and record[1] and record[0] != "-h, --help":
                yield from (".TP", f".B {_text(record[0])}", _text(record[1]))


def _help(text: str) -> Iterator[str]:
    """click's paragraphs; one that begins with a backspace keeps its lines."""
    for part in inspect.cleandoc(text).split("\n\n"):
        if part.startswith("\b"):
            yield from (".PP", ".nf", *(_text(line) for line in part.splitlines()[1:]), ".fi")
        else:
            yield from (".PP", _text(" ".join(part.split())))


def _text(text: str) -> str:
    """roff: hyphens are minus signs that can be copied, and no line begins with a request (groff_char(7))."""
    plain = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return rf"\&{plain}" if plain[:1] in (".", "'") else plain
