"""``token create``: shown once, and a table that the settings read back as it was meant."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chronos_gitops.cli.main import main
from chronos_gitops.config import load
from chronos_gitops.config.callers import tokens
from chronos_gitops.config.model import NARROW_ROLES, ROLES
from chronos_gitops.jobs.secrets import token_formats


def created(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    assert main(["token", "create", *options, "--format", "json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_the_runner_reads_what_is_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = ["--name", "ci", "--role", "rollback", "--role", "read", "--tag", "team=back end", "--expires", "90d"]
    options += ["--folder", "jobs/backend"]
    made = created(capsys, *options)
    (tmp_path / "chronos.toml").write_text(made["toml"])
    (token,) = load.load({}, {}, tmp_path / "chronos.toml").tokens
    assert token.name == "ci"
    assert token.sha256 == hashlib.sha256(made["token"].encode()).hexdigest() == made["sha256"]
    assert token.roles == {"read", "rollback"}
    assert token.tags == (("team", "back end"),)
    assert token.folders == ("jobs/backend",)
    assert token.expires is not None
    assert timedelta(days=89) < token.expires - datetime.now(UTC) <= timedelta(days=90)


def test_text_shows_the_token_once_and_then_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "create", "--name", "ci", "--role", "operate"]) == 0
    shown = capsys.readouterr().out
    token = shown.splitlines()[0]
    assert tokens.is_minted(token)
    assert shown.count(token) == 1
    assert f"# {tokens.handle(token)}" in shown
    assert tokens.handle(token).startswith("chr_o")
    assert "tags" not in shown
    assert "expires" not in shown


def test_a_day_is_an_end_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        created(capsys, "--name", "x", "--role", "read", "--expires", "2099-01-31")["expires"] == "2099-01-31T00:00:00Z"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--role", "read"], "Missing option '--name'"),
        (["--name", "ci"], "Missing option '--role'"),
        (["--name", 'c"i', "--role", "read"], "is no name for a token"),
        (["--name", "ci", "--role", "admin"], "'admin' is not one of"),
        (["--name", "ci", "--role", "read", "--tag", "team"], "write one like --tag team=backend"),
        (["--name", "ci", "--role", "read", "--tag", 'te"am=x'], "is no tag"),
        (["--name", "ci", "--role", "read", "--tag", "team=a\nb"], "is no tag"),
        (["--name", "ci", "--role", "read", "--tag", "team=a"], "--tag needs --folder"),
        (["--name", "ci", "--role", "read", "--expires", "soon"], "is no length of days"),
        (["--name", "ci", "--role", "read", "--expires", "2020-01-01"], "is over already"),
        (["--name", "ci", "--role", "read", "--expires", "99999999d"], "is no length of days"),
    ],
)
def test_what_cannot_be_meant(options: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "create", *options]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("role", [*ROLES, *NARROW_ROLES])
def test_every_role_alone_makes_a_token_that_scanners_find(role: str, capsys: pytest.CaptureFixture[str]) -> None:
    token = created(capsys, "--name", "ci", "--role", role)["token"]
    assert tokens.is_minted(token)
    assert [match[0] for match in token_formats.find(f"token: {token}")] == [token]


def test_a_checksum_tells_a_typo_and_no_two_are_alike() -> None:
    made = {tokens.mint(["read"]) for _ in range(1000)}
    assert len(made) == 1000
    token = made.pop()
    assert tokens.is_minted(token)
    assert len(token) == 50
    for position in range(len(token)):
        changed = token[:position] + ("b" if token[position] != "b" else "c") + token[position + 1 :]
        assert not tokens.is_minted(changed), position
    for text in (token[:-1], token + "a", token + "\n", "", "chr_", "ghp_x"):
        assert not tokens.is_minted(text)
