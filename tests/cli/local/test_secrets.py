"""``secrets``: the same items from a checkout and from a runner, exit codes, and bindings to paste."""

import dataclasses
import json
import subprocess
import tomllib
from pathlib import Path

import pytest
from harness.api_fixtures import Checkout, settings_of

from chronos_gitops.app import build
from chronos_gitops.cli.main import main
from chronos_gitops.cli.reports.secrets import render
from chronos_gitops.server.web.app import create_app
from chronos_gitops.server.wsgi import Server

JOB = """name: {name}
schedule: "0 2 1 1 *"
enabled: {enabled}
webhook:
  url: "{url}"
  headers: {{X-Key: "${{secret:{secret}}}"}}
"""
VALUE = "the-value-itself-9f2c"
URL = "https://api.pay.example.com/x"
TOKEN = f'[[tokens]]\nname = "ops"\nsha256 = "{"5" * 64}"\nroles = ["read"]\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "repo")
    made.write("billing/eu/charge", JOB.format(name="charge", url=URL, secret="pay-key", enabled="true"))
    made.write("ops/chat", JOB.format(name="chat", url="${secret:chat-url}", secret="pay-key", enabled="false"))
    made.commit("Add jobs")
    return made


def secrets(checkout: Checkout, *arguments: str) -> int:
    return main(["secrets", str(checkout.path), *arguments])


def test_text_has_one_use_on_a_line(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHRONOS_SECRET_CHAT_URL", VALUE)
    monkeypatch.setenv("CHRONOS_SECRET_OLD", VALUE)
    assert secrets(checkout) == 1
    shown = capsys.readouterr().out
    lines = [line.split("  ") for line in shown.splitlines()]
    found = [[cell.strip() for cell in line if cell] for line in lines]
    assert [line[:-1] if line[-1].startswith("next ") else line for line in found] == [
        ["chat-url", "ok", "jobs/ops/chat.yaml:5 url", "${secret:chat-url}"],
        ["old", "unused"],
        ["pay-key", "missing", "jobs/billing/eu/charge.yaml:6 headers.X-Key", "https://api.pay.example.com"],
        ["pay-key", "missing", "jobs/ops/chat.yaml:6 headers.X-Key", "${secret:chat-url}"],
    ]
    assert [line[-1].startswith("next 2") for line in found] == [False, False, True, True], "chat is disabled"
    assert VALUE not in shown


def test_without_values_at_hand_states_are_unknown(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    assert secrets(checkout, "--format", "json") == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert {item["name"]: item["state"] for item in items} == {"chat-url": "unknown", "pay-key": "unknown"}


@pytest.mark.parametrize(
    ("settings", "state", "code"),
    [
        ("", "unknown", 0),
        (TOKEN, "unbound", 1),
        ('secrets.bind.pay-key = { folders = ["jobs/ops"] }\n', "refused", 1),
        ('secrets.bind.pay-key = { folders = ["jobs"], origins = ["https://api.pay.example.com"] }\n', "unknown", 0),
        ('secrets.folder = "values"\n', "missing", 1),
        ('secrets.folder = "values"\nsecrets.bind.pay-key = { folders = ["jobs/ops"] }\n', "missing", 1),
    ],
)
def test_exit_codes_go_by_the_state(
    checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: str, state: str, code: int
) -> None:
    config = tmp_path / "chronos.toml"
    config.write_text(settings)
    assert secrets(checkout, "--config", str(config), "--format", "json") == code
    items = json.loads(capsys.readouterr().out)["items"]
    assert next(item["state"] for item in items if item["name"] == "pay-key") == state


def test_nothing_that_refers_to_a_secret_is_3_and_bad_settings_are_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Checkout(tmp_path / "plain")
    made.write("a", "name: a\nschedule: '@daily'\nwebhook: {url: https://api.example.com/}\n")
    made.commit("Add a job")
    assert secrets(made) == 3
    assert "no job uses a secret" in capsys.readouterr().err
    config = tmp_path / "chronos.toml"
    config.write_text('secrets.bind.pay-key = { hosts = ["api.example.com"] }\n')
    assert secrets(made, "--config", str(config)) == 2
    assert '"hosts" is now "origins"' in capsys.readouterr().err


def test_toml_is_what_the_refused_start_prints(
    checkout: Checkout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "chronos.toml"
    config.write_text(TOKEN)
    assert secrets(checkout, "--config", str(config), "--format", "toml") == 0
    shown = capsys.readouterr().out
    assert shown.splitlines() == [
        'secrets.bind.chat-url = { folders = ["jobs/ops"], origins = [] }  # fill in: an address is a secret',
        'secrets.bind.pay-key = { folders = ["jobs/billing", "jobs/ops"], origins = ["https://api.pay.example.com"] }'
        "  # fill in: an address is a secret",
    ]
    pasted = shown.replace("origins = [] }", 'origins = ["https://chat.example.com"] }')
    assert set(tomllib.loads(pasted)["secrets"]["bind"]) == {"chat-url", "pay-key"}
    config.write_text(pasted + TOKEN)
    assert secrets(checkout, "--config", str(config), "--format", "toml") == 0
    assert capsys.readouterr().out == ""
    assert secrets(checkout, "--config", str(config)) == 0


@pytest.mark.parametrize("checkout_too", [["."], ["--config", "chronos.toml"]])
def test_a_runner_and_a_checkout_are_not_asked_at_once(
    checkout_too: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Values given for the checkout would be ignored, and a deployment would go on."""
    assert main(["secrets", *checkout_too, "--server", "http://127.0.0.1:1"]) == 2
    assert "--server asks a runner" in capsys.readouterr().err


def test_toml_prints_no_line_for_a_binding_that_the_caller_does_not_see() -> None:
    use = {"job": "probe", "path": "jobs/ops/probe.yaml", "line": 6, "field": "headers.X-Key", "origin": URL}
    items = [
        {"name": name, "state": state, "folders": [], "origins": [], "uses": [use], "next_use": None}
        for name, state in (("pay-key", "refused"), ("own-key", "unbound"))
    ]
    assert list(tomllib.loads(render(items, "toml", "jobs"))["secrets"]["bind"]) == ["own-key"]


def test_a_runner_and_a_bare_repository_say_the_same_as_the_checkout(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHRONOS_SECRET_CHAT_URL", VALUE)
    secrets(checkout, "--format", "json")
    expected = json.loads(capsys.readouterr().out)
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(checkout.path), str(bare)], check=True)
    assert main(["secrets", str(bare), "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out) == expected
    settings = dataclasses.replace(settings_of(checkout, tmp_path / "data"), secret_values={"chat-url": VALUE})
    with build(settings) as service:
        server = Server(create_app(service), host="127.0.0.1", port=0)
        address = f"http://127.0.0.1:{server.start()}"
        assert main(["secrets", "--server", address, "--format", "json"]) == 1
        server.stop()
    assert json.loads(capsys.readouterr().out) == expected


def test_plan_shows_uses_that_come_and_go(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(checkout.path)
    checkout.write("billing/eu/charge", JOB.format(name="charge", url=URL, secret="new-key", enabled="true"))
    added = {
        "name": "new-key",
        "job": "charge",
        "path": "jobs/billing/eu/charge.yaml",
        "field": "headers.X-Key",
        "origin": "https://api.pay.example.com",
    }
    assert main(["plan", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["secrets"]
    assert found == {"added": [added], "removed": [added | {"name": "pay-key"}]}
    assert main(["plan"]) == 0
    shown = capsys.readouterr().out
    assert (
        "Secrets:\n  + new-key  charge headers.X-Key  https://api.pay.example.com  jobs/billing/eu/charge.yaml\n"
        in shown
    )
    assert "  - pay-key  charge" in shown
    assert main(["plan", "--format", "markdown"]) == 0
    assert "new-key" in capsys.readouterr().out
    checkout.git("mv", "jobs/billing/eu/charge.yaml", "jobs/ops/charge.yaml")
    checkout.write("ops/charge", JOB.format(name="charge", url=URL, secret="pay-key", enabled="true"))
    assert main(["plan", "--format", "json"]) == 0
    moved = json.loads(capsys.readouterr().out)["secrets"]
    assert [use["path"] for use in moved["added"] + moved["removed"]] == [
        "jobs/ops/charge.yaml",
        "jobs/billing/eu/charge.yaml",
    ], "a binding counts the folder"


def test_inherited_secrets_have_the_line_of_their_layer(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.write("billing/_defaults", "webhook:\n  headers:\n    x-team: '${secret:team-key}'\n")
    checkout.write("_environments/staging", "webhook: {auth: {type: bearer, token: '${secret:staging-token}'}}\n")
    checkout.write("_environments/production", "")
    checkout.commit("Add layers")
    assert secrets(checkout) == 2
    assert "--environment production or staging" in capsys.readouterr().err
    assert secrets(checkout, "--environment", "staging", "--format", "json") == 0
    items = {item["name"]: item for item in json.loads(capsys.readouterr().out)["items"]}
    uses = {(use["job"], use["path"], use["file"], use["line"]) for use in items["team-key"]["uses"]}
    assert uses == {("charge", "jobs/billing/eu/charge.yaml", "jobs/billing/_defaults.yaml", 3)}
    staging = items["staging-token"]["uses"]
    assert {(use["file"], use["line"]) for use in staging} == {("jobs/_environments/staging.yaml", 1)}
    assert {use["job"] for use in staging} == {"charge", "chat"}
    assert secrets(checkout, "--environment", "production", "--format", "json") == 0
    assert "staging-token" not in capsys.readouterr().out
    settings = dataclasses.replace(settings_of(checkout, checkout.path.parent / "data"), environment="staging")
    with build(settings) as service:
        client = create_app(service).test_client()
        answer = client.get("/api/v1/secrets").get_json()["items"]
    (use,) = next(item for item in answer if item["name"] == "team-key")["uses"]
    assert (use["path"], use["file"], use["line"]) == (
        "jobs/billing/eu/charge.yaml",
        "jobs/billing/_defaults.yaml",
        3,
    )
