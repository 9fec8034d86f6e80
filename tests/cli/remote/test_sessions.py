"""Logins listed and ended from the command line, and what `status` says of its caller."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness.api_fixtures import token_of

from chronos_gitops.app import build
from chronos_gitops.cli.main import main
from chronos_gitops.config.settings import Settings
from chronos_gitops.server.web.app import create_app
from chronos_gitops.server.wsgi import Server

OPS, ADA = token_of("ops", "read", "operate"), token_of("ada", "read")


@pytest.fixture
def address(jobs_repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    settings = Settings(str(jobs_repository), tmp_path / "data", tokens=(OPS[1], ADA[1]))
    with build(settings) as service:
        server = Server(create_app(service), host="127.0.0.1", port=0)
        address = f"http://127.0.0.1:{server.start()}"
        monkeypatch.setenv("CHRONOS_SERVER", address)
        monkeypatch.setenv("CHRONOS_TOKEN", OPS[0])
        yield address
        server.stop()


def log_in(address: str, secret: str) -> None:
    headers = {"Origin": address}
    answer = httpx.post(f"{address}/login", data={"token": secret}, headers=headers, trust_env=False)
    assert answer.status_code == 303


def listed(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    assert main(["sessions", "list", "--format", "json", *options]) == 0
    return list(json.loads(capsys.readouterr().out)["items"])


def test_sessions_are_listed_and_ended(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sessions", "list"]) == 0
    assert capsys.readouterr().out == "no sessions\n"
    for secret in (ADA[0], ADA[0], OPS[0]):
        log_in(address, secret)
    assert [one["name"] for one in listed(capsys)] == ["ops", "ada", "ada"]
    first, second = listed(capsys, "--name", "ada")
    assert main(["sessions", "list"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["ID", "NAME", "VIA", "ADDRESS", "BEGAN", "UNTIL"]
    assert rows[1].split()[:4] == [first["id"][:12], "ada", "token", "127.0.0.1"]
    assert main(["sessions", "end", first["id"][:12]]) == 0
    assert capsys.readouterr().out == "1 session ended\n"
    assert listed(capsys, "--name", "ada") == [second]
    assert main(["sessions", "end", "--name", "ada"]) == 0
    assert capsys.readouterr().out == "1 session ended\n"
    assert [one["name"] for one in listed(capsys)] == ["ops"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "name either a session or, with --name, a caller"),
        (("abc", "--name", "ada"), 2, "name either a session or, with --name, a caller"),
        (("no-such-session",), 1, 'there is no session "no-such-session"'),
        (("",), 2, 'sessions begin with ""'),
    ],
)
def test_an_end_names_what_ends(
    address: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, said: str
) -> None:
    for _ in range(2):
        log_in(address, ADA[0])
    assert main(["sessions", "end", *words]) == code
    assert said in capsys.readouterr().err
    assert len(listed(capsys)) == 2


def test_status_tells_who_asks(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 0
    assert "caller   ops via token (read, operate)\n" in capsys.readouterr().out
