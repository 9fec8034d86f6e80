"""Every setting is declared once, and all its sources read that declaration."""

import re
from dataclasses import dataclass, fields
from pathlib import Path

import click
import pytest

from chronos_gitops.cli.serve.run import command as run
from chronos_gitops.config import load, parsers
from chronos_gitops.config.model import SettingsError
from chronos_gitops.config.setting import Setting, declared, setting, values
from chronos_gitops.config.settings import TABLE, Settings
from chronos_gitops.schedule import durations


def named(row: Setting) -> str:
    return row.key


def test_every_field_is_declared_or_no_setting() -> None:
    bare = {one.name for one in fields(Settings) if not one.metadata}
    assert bare == {"port", "secret_values"}  # part of `listen`; CHRONOS_SECRET_* names secrets, not settings


def test_keys_variables_and_flags_are_unique() -> None:
    for names in ([row.key for row in TABLE], [row.variable for row in TABLE], [row.flag for row in TABLE]):
        given = [name for name in names if name]
        assert sorted(given) == sorted(set(given))


def test_every_flag_is_an_option_of_run_with_its_text() -> None:
    options = {one.name: one for one in run.params if isinstance(one, click.Option)}
    declared_flags = {row.flag: row for row in TABLE if row.flag and row.flag != "repo"}
    assert set(options) - {"config", "help", "accept_environment"} == set(declared_flags)
    for flag, row in declared_flags.items():
        assert (options[flag].help, options[flag].metavar) == (row.help(), row.metavar)
        assert row.metavar


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_line_break_at_the_end_of_a_variable_is_no_part_of_its_value(ending: str) -> None:
    """A Secret of Kubernetes holds the one at the end of the file that it was made of."""
    address = "postgresql://chronos@db.example.com/chronos?sslrootcert=system"
    assert load.load({}, {"CHRONOS_ENGINE": address + ending}, None).engine == address
    assert load.load({}, {"CHRONOS_ENGINE": ending}, None).engine == "sqlite"


@pytest.mark.parametrize("row", TABLE, ids=named)
def test_every_setting_says_what_it_means(row: Setting) -> None:
    assert re.fullmatch(r"[A-Z`].*\.{1,3}", row.text), row.text
    assert not row.variable or row.variable.startswith("CHRONOS_")


@pytest.mark.parametrize("row", [row for row in TABLE if row.defaults()], ids=named)
def test_every_default_is_a_value_that_the_setting_takes(row: Setting) -> None:
    given = ",".join(row.defaults())
    found = row.parse(given, Path("/"))
    assert found == row.default or row.spread


@pytest.mark.parametrize("row", [row for row in TABLE if row.key != "repo"], ids=named)
def test_every_setting_refuses_nonsense_and_names_its_place(row: Setting, tmp_path: Path) -> None:
    path = tmp_path / "chronos.toml"
    path.write_text(f"{row.key} = [[1]]\n")
    with pytest.raises(SettingsError, match=re.escape(f"{path}: {row.key}")):
        load.load({}, {}, path)


@pytest.mark.parametrize("row", [row for row in TABLE if row.variable and row.defaults()], ids=named)
def test_a_value_is_the_same_from_every_source(row: Setting, tmp_path: Path) -> None:
    given = ",".join(row.defaults())
    repo = {"repo": str(tmp_path)}
    path = tmp_path / "chronos.toml"
    path.write_text(f'{row.key} = "{given}"\n')
    found = [load.load(repo, {}, path), load.load(repo, {row.variable: given}, None)]
    if row.flag:
        found.append(load.load(repo | {row.flag: given}, {}, None))
    assert all(one == load.load(repo, {}, None) for one in found)


def test_a_declaration_gives_key_default_help_and_check() -> None:
    @dataclass(frozen=True)
    class Small:
        wait: object = setting(
            "small.wait",
            parsers.duration(durations.parse("1s")),
            "How long.",
            default=durations.parse("90s"),
            variable="CHRONOS_SMALL_WAIT",
            alternative=Setting("small.wait_file", parsers.path, "A file."),
        )

    first, second = declared(Small)
    assert (first.key, first.help(), second.key) == ("small.wait", "How long.  [default: 1m30s]", "small.wait_file")
    assert Small(**values(Small, {})).wait == durations.parse("90s")
    assert Small(**values(Small, {"small.wait": 1})).wait == 1
    with pytest.raises(SettingsError, match=r"small\.wait and small\.wait_file are two answers"):
        values(Small, {"small.wait": 1, "small.wait_file": 2})
