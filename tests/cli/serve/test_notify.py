"""``notify test``: an operator tries the channels with the runner's own file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.processes.subprocess_runner import run

from chronos_gitops.cli.demo.receiver import Receiver


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def written(folder: Path, **channels: str) -> Path:
    tables = [f'[[notify]]\nname = "{name}"\ntype = "webhook"\nurl = "{url}"\n' for name, url in channels.items()]
    (folder / "chronos.toml").write_text("\n".join(tables))
    return folder / "chronos.toml"


def test_a_message_goes_through_each_channel_or_through_one(tmp_path: Path, hook: Receiver) -> None:
    config = written(tmp_path, ops=hook.url("/ok"), team=hook.url("/ok"))
    every = run("notify", "test", "--config", str(config), cwd=tmp_path)
    assert (every.returncode, every.stdout) == (0, "ops: sent\nteam: sent\n"), every.stderr
    one = run("notify", "test", "team", "--config", str(config), cwd=tmp_path)
    assert (one.returncode, one.stdout) == (0, "team: sent\n")
    assert len(hook.requests) == 3
    assert b'"type": "test"' in hook.requests[0].body


def test_a_channel_that_does_not_take_it_is_told_with_its_words_and_without_its_address(
    tmp_path: Path, hook: Receiver
) -> None:
    config = written(tmp_path, ops=hook.url("/status/403"), team=hook.url("/ok"))
    seen = run("notify", "test", "--config", str(config), cwd=tmp_path)
    assert seen.returncode == 1
    assert seen.stdout == "ops: not sent: it answered 403 Forbidden\nteam: sent\n"
    assert "status/403" not in seen.stdout + seen.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--config", "chronos.toml", "tem"), 'there is no channel "tem"'),
        ((), "the settings have no [[notify]] table"),
    ],
)
def test_what_is_not_there_is_named_with_a_way_out(tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    written(tmp_path, team="https://hooks.example.com/x")
    seen = run("notify", "test", *arguments, cwd=tmp_path)
    assert seen.returncode == 2
    assert complaint in seen.stderr
    assert "hint: " in seen.stderr
