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
        ("flock -xn lock curl h/a", {"concurrency": "forbid"}),
        ("flock -w 60 -E 0 lock curl h/a", {"concurrency": "queue"}),
        ("run-one curl h/a", {"concurrency": "forbid"}),
        ("sudo -n -u www-data timeout 5 curl h/a", {"timeout": "5s"}),
        ("cronic curl h/a", {}),
        ("tini -- dumb-init curl h/a", {}),
    ],
)
def test_a_limit_of_time_and_a_lock_become_fields(line: str, expected: dict[str, str]) -> None:
    assert job(line) == expected


@pytest.mark.parametrize("user", ["", "root ", "www-data "])
@pytest.mark.parametrize("command", ["curl h/a", "timeout 5 curl h/a", "/usr/bin/nice curl h/a", "X=1 curl h/a"])
def test_a_user_before_the_command_is_left_out(user: str, command: str) -> None:
    [entry] = read_crontab(f"0 1 * * * {user}{command}".encode(), timezone="UTC", is_enabled=False).entries
    assert getattr(entry, "document", entry)["webhook"]["url"] == "http://h/a"


@pytest.mark.parametrize("word", ["echo", "xargs", "proxychains4", "torsocks", "deploy"])
def test_a_program_before_the_command_is_no_user(word: str) -> None:
    """A system crontab names a user in each line; ``deploy`` is no user beside a line without one."""
    lines = f"0 1 * * * {word} curl h/a\n0 2 * * * /opt/backup.sh\n"
    found = read_crontab(lines.encode(), timezone="UTC", is_enabled=False).entries
    assert [getattr(one, "reason", "") for one in found] == ["it is not a call of curl or wget"] * 2


@pytest.mark.parametrize("user", ["deploy", "deploy.bot", r"acme\user", "root:wheel"])
def test_a_word_that_is_taken_for_a_user_is_named(user: str) -> None:
    lines = f"17 * * * * root cd / && run-parts /etc/cron.hourly\n0 1 * * * {user} sh -c 'curl h/a'\n"
    _, entry = read_crontab(lines.encode(), timezone="UTC", is_enabled=False).entries
    assert getattr(entry, "document", entry)["webhook"]["url"] == "http://h/a"
    assert getattr(entry, "lost", ()) == (f'"{user}" is taken for the user of the command, as in /etc/crontab',)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 1 * * * curl h/a > /dev/null 2>&1 &", ""),
        ("0 1 * * * curl -d @- h/a &%text", "it runs in the background (&), without the standard input after its %"),
        ("0 1 * * * curl h/a & curl h/b", "it is more than one command"),
        ("1\t20\treport.daily\tcurl h/a", "it is a line of anacron: its period counts days, write a schedule"),
        ("@monthly 25 report curl h/a", "it is a line of anacron: its period counts days, write a schedule"),
    ],
)
def test_lines_in_the_background_and_of_anacron(line: str, reason: str) -> None:
    [entry] = read_crontab(line.encode(), timezone="UTC", is_enabled=False).entries
    assert getattr(entry, "reason", "") == reason


def test_credentials_before_the_command_stay_out_of_the_variables() -> None:
    line = "API_TOKEN=abc sh -c 'curl -H \"X: $API_TOKEN\" h/a'"
    made, _ = commands.webhook(read(line, {}))
    assert made["webhook"]["headers"] == {"X": "${secret:api-token}"}
