"""Programs around a call of curl or wget: what they do to the job, beyond its request."""

from typing import Any

import pytest

from chronos_gitops.cli.importers import commands
from chronos_gitops.cli.importers.commands.shell_words import read
from chronos_gitops.cli.importers.crontab import read as read_crontab


def job(line: str) -> dict[str, Any]:
    made, _ = commands.webhook(read(line, {}))
    return {name: value for name, value in made.items() if name in ("timeout", "concurrency")}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("timeout 5 curl h/a", {"timeout": "5s"}),
        ("timeout 1.5m curl h/a", {"timeout": "90s"}),
        ("timeout 0 curl h/a", {}),
        ("timeout 5 curl -m 10 h/a", {"timeout": "5s"}),
        ("timeout 1h curl -m 10 h/a", {"timeout": "10s"}),
        ("timeout 7 timeout 5 curl h/a", {"timeout": "5s"}),
        ("timeout 5 timeout 7 curl h/a", {"timeout": "5s"}),
        ("timeout 5 wget h/a", {"timeout": "5s"}),
        ("flock -n lock curl h/a", {"concurrency": "forbid"}),
        ("flock lock timeout 5 curl h/a", {"concurrency": "queue", "timeout": "5s"}),
        ("nice -n 19 curl h/a", {}),
    ],
)
def test_a_limit_of_time_and_a_lock_become_fields(line: str, expected: dict[str, str]) -> None:
    assert job(line) == expected


@pytest.mark.parametrize("user", ["", "root ", "www-data "])
@pytest.mark.parametrize("command", ["curl h/a", "timeout 5 curl h/a", "/usr/bin/nice curl h/a", "X=1 curl h/a"])
def test_a_user_before_the_command_is_left_out(user: str, command: str) -> None:
    [entry] = read_crontab(f"0 1 * * * {user}{command}".encode(), timezone="UTC", is_enabled=False).entries
    assert getattr(entry, "document", entry)["webhook"]["url"] == "http://h/a"


def test_credentials_before_the_command_stay_out_of_the_variables() -> None:
    line = "API_TOKEN=abc sh -c 'curl -H \"X: $API_TOKEN\" h/a'"
    made, _ = commands.webhook(read(line, {}))
    assert made["webhook"]["headers"] == {"X": "${secret:api-token}"}
