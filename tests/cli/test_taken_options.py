from collections.abc import Iterator

import click
import pytest

from chronos_gitops.cli.main import group, main


def _options(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    context = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _options(inner, (*path, name))
    for option in command.params if path else ():
        if isinstance(option, click.Option) and not option.is_flag and not option.count:
            yield from ((path, name) for name in option.opts)


def test_no_option_of_any_command_takes_the_next_option_as_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    found = list(_options(group, ()))
    assert len(found) > 150
    for path, name in found:
        assert main([*path, name, "--debug"]) == 2, (path, name)
        assert f'error: {name} needs a value, and "--debug" is an option\n' in capsys.readouterr().err, (path, name)


def test_a_value_that_begins_with_dashes_is_written_with_an_equals_sign(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["next", "--schedule=--often"]) == 2
    assert "needs a value" not in capsys.readouterr().err


def test_words_after_two_dashes_are_no_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--", "--rule", "--file"]) == 2
    assert "needs a value" not in capsys.readouterr().err
