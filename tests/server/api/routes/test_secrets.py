"""``GET /api/v1/secrets``, warnings of a job and the banner on its page: states and places, never a value."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, settings_of, token_of

from chronos_gitops.app import build
from chronos_gitops.jobs.origins.origin import OriginPattern
from chronos_gitops.jobs.secrets.bindings import SecretBinding
from chronos_gitops.service import Service

VALUE = "the-value-itself-9f2c"
KEYED = """name: {name}
schedule: "{schedule}"
enabled: true
tags: {{team: "{team}"}}
webhook:
  url: "{url}"
  headers:
    X-Key: "${{secret:{secret}}}"
"""


def write(checkout: Checkout, path: str, secret: str, url: str, *, team: str, schedule: str = "0 2 1 1 *") -> None:
    name = Path(path).stem
    text = KEYED.format(name=name, url=url, secret=secret, team=team, schedule=schedule)
    checkout.write(path, text)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "good").write_text(VALUE)
    (folder / "old").write_text(VALUE)
    return folder


@pytest.fixture
def service(checkout: Checkout, tmp_path: Path, secrets: Path) -> Iterator[Service]:
    write(checkout, "billing/charge", "pay-key", "https://api.pay.example.com/x", team="billing")
    write(checkout, "billing/refund", "good", "https://api.pay.example.com/x", team="billing", schedule="0 2 2 1 *")
    write(checkout, "ops/report", "good", "https://ops.example.com/x", team="ops")
    write(checkout, "ops/chat", "chat-url", "${secret:chat-url}", team="ops")
    checkout.commit("Use secrets")
    bound = SecretBinding(("jobs/billing", "jobs/ops"), (OriginPattern.parse("https://*.example.com"),))
    settings = dataclasses.replace(
        settings_of(checkout, tmp_path / "data"), secrets_folder=secrets, secret_bindings={"good": bound}
    )
    with build(settings) as found:
        yield found


@pytest.fixture
def client(service: Service) -> FlaskClient:
    return app_of(service).test_client()


def test_the_list_says_state_binding_uses_and_next_use(client: FlaskClient) -> None:
    answer = client.get("/api/v1/secrets")
    found = {item["name"]: item for item in answer.get_json()["items"]}
    assert {name: item["state"] for name, item in found.items()} == {
        "chat-url": "missing",
        "good": "ok",
        "old": "unused",
        "pay-key": "missing",
    }
    assert found["pay-key"]["uses"] == [
        {
            "job": "charge",
            "path": "jobs/billing/charge.yaml",
            "file": "jobs/billing/charge.yaml",
            "line": 8,
            "field": "headers.X-Key",
            "origin": "https://api.pay.example.com",
        }
    ]
    assert [(use["line"], use["field"], use["origin"]) for use in found["chat-url"]["uses"]] == [
        (6, "url", "${secret:chat-url}"),
        (8, "headers.X-Key", "${secret:chat-url}"),
    ]
    assert (found["good"]["folders"], found["good"]["origins"]) == (
        ["jobs/billing", "jobs/ops"],
        ["https://*.example.com"],
    )
    assert found["good"]["next_use"].endswith("-01-01T02:00:00Z")
    assert (found["old"]["uses"], found["old"]["next_use"]) == ([], None)
    assert VALUE not in answer.get_data(as_text=True)


def test_pages_of_the_list_hold_every_secret_once(client: FlaskClient) -> None:
    names, address = [], "/api/v1/secrets?limit=1"
    while address:
        page = client.get(address).get_json()
        names += [item["name"] for item in page["items"]]
        address = page["next"]
    assert names == ["chat-url", "good", "old", "pay-key"]


def test_a_caller_who_sees_some_jobs_sees_the_uses_in_them_alone(service: Service) -> None:
    secret, token = token_of("billing", "read")
    client = app_of(service, dataclasses.replace(token, tags=(("team", "billing"),))).test_client()
    answer = client.get("/api/v1/secrets", headers={"Authorization": f"Bearer {secret}"})
    found = {item["name"]: item for item in answer.get_json()["items"]}
    assert set(found) == {"good", "pay-key"}
    assert [use["job"] for use in found["good"]["uses"]] == ["refund"]
    assert found["good"]["folders"] == ["jobs/billing"]
    assert found["good"]["next_use"].endswith("-01-02T02:00:00Z")
    assert "ops" not in answer.get_data(as_text=True)


def test_a_job_outside_the_folders_of_a_binding_shows_its_author_nothing_of_it(
    checkout: Checkout, tmp_path: Path
) -> None:
    """Anybody can write a reference to a secret of others, with a guess at where it goes."""
    write(checkout, "ops/probe", "pay-key", "https://eu.pay.example.com/x", team="ops")
    checkout.commit("Guess an origin")
    bound = SecretBinding(("jobs/billing",), (OriginPattern.parse("https://*.pay.example.com"),))
    settings = dataclasses.replace(settings_of(checkout, tmp_path / "data"), secret_bindings={"pay-key": bound})
    secret, token = token_of("ops", "read")
    with build(settings) as service:
        client = app_of(service, dataclasses.replace(token, tags=(("team", "ops"),))).test_client()
        [item] = client.get("/api/v1/secrets", headers={"Authorization": f"Bearer {secret}"}).get_json()["items"]
    assert [use["path"] for use in item["uses"]] == ["jobs/ops/probe.yaml"]
    assert (item["folders"], item["origins"]) == ([], [])


def test_the_list_needs_the_role_read(service: Service) -> None:
    secret, token = token_of("pusher", "operate")
    client = app_of(service, token).test_client()
    assert client.get("/api/v1/secrets").status_code == 401
    assert client.get("/api/v1/secrets", headers={"Authorization": f"Bearer {secret}"}).status_code == 403


def test_a_job_warns_of_each_secret_without_a_value_until_there_is_one(
    client: FlaskClient, service: Service, secrets: Path
) -> None:
    warnings = client.get("/api/v1/jobs/charge").get_json()["warnings"]
    assert [(one["rule"], one["severity"], one["file"], one["line"], one["column"]) for one in warnings] == [
        ("missing-secret", "warning", "jobs/billing/charge.yaml", 8, 13)
    ]
    assert warnings[0]["message"] == 'the secret "pay-key" has no value on this runner'
    assert warnings[0]["hint"] == "set CHRONOS_SECRET_PAY_KEY or write the file pay-key"
    assert warnings[0]["message"] in client.get("/jobs/charge").get_data(as_text=True).replace("&#34;", '"')
    assert client.get("/api/v1/jobs/refund").get_json()["warnings"] == []
    assert "missing-secret" not in client.get("/jobs/refund").get_data(as_text=True)
    (secrets / "pay-key").write_text(VALUE)
    service.secrets.look()
    assert client.get("/api/v1/jobs/charge").get_json()["warnings"] == []
    assert "missing-secret" not in client.get("/jobs/charge").get_data(as_text=True)
    listed = {job["name"]: job["warnings"] for job in client.get("/api/v1/jobs").get_json()["items"]}
    assert [name for name, found in listed.items() if found] == ["chat"]
