"""``POST trigger`` with variables: what it may say otherwise, what is sent, and what is kept of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, Receiver, finished, settings_of

from chronos_gitops.app import build
from chronos_gitops.server.web.app import create_app

JOB = """\
name: tenant-report
enabled: false
schedule: "@yearly"
timeout: 1m
webhook:
  method: POST
  url: "URL/${var:tenant}/x?to=${var:base}"
  headers: {X-Note: "${var:note}", X-Inherited: "${var:inherited}"}
  body: "${var:plain}"
variables:
  tenant: {value: nobody, trigger: true}
  note: {value: none, trigger: true}
  base: {value: there, trigger: true}
  unused: {value: x, trigger: true}
  plain: text
"""
LOCKED = """\
name: locked-report
enabled: false
schedule: "@yearly"
webhook:
  url: "http://${var:host}/x"
  auth: {type: bearer, token: "${secret:s}${var:suffix}"}
variables:
  host: {value: 127.0.0.1:1, trigger: true}
  suffix: {value: a, trigger: true}
"""


@pytest.fixture
def own(checkout: Checkout, receiver: Receiver, data_folder: Path) -> Iterator[FlaskClient]:
    checkout.write("tenant-report", JOB.replace("URL", receiver.url))
    checkout.write("locked-report", LOCKED)
    checkout.write("_defaults", "variables: {inherited: {value: x, trigger: true}}\n")
    globs = "{webhook.headers.x-note: ['*e*', 'ok*']}"
    checkout.write("_policies/notes", f"rules: [{{id: note, match: {globs}, except: [locked-report]}}]\n")
    checkout.commit("Add inputs")
    with build(settings_of(checkout, data_folder)) as service:
        yield create_app(service).test_client()


def trigger(client: FlaskClient, job: str, **variables: Any) -> Any:
    return client.post(f"/api/v1/jobs/{job}/trigger", json={"variables": variables})


def test_texts_are_sent_kept_and_audited(own: FlaskClient, receiver: Receiver) -> None:
    answer = trigger(own, "tenant-report", tenant="acme", note="ok then")
    assert answer.status_code == 202, answer.get_json()
    execution = finished(own, answer.get_json()["id"])
    assert execution["variables"] == {"tenant": "acme", "note": "ok then"}
    sent = execution["request"]
    assert sent["url"] == f"{receiver.url}/acme/x?to=there"
    assert sent["headers"]["X-Note"] == "ok then"
    page = own.get(f"/executions/{execution['id']}").get_data(as_text=True)
    assert "<code>tenant=acme</code>, <code>note=ok then</code>, set by the trigger" in page
    lines = own.get("/api/v1/audit").get_json()["items"]
    [line] = [one for one in lines if one["action"] == "trigger"]
    assert line["target"] == '{"tenant": "acme", "note": "ok then"}'
    plain = own.post("/api/v1/jobs/tenant-report/trigger").get_json()
    assert plain["variables"] is None


@pytest.mark.parametrize(
    ("job", "variable"),
    [
        ("tenant-report", "plain"),
        ("tenant-report", "missing"),
        ("tenant-report", "unused"),
        ("tenant-report", "inherited"),
        ("locked-report", "host"),
        ("locked-report", "suffix"),
    ],
)
def test_what_is_no_input_is_locked_and_nothing_is_sent(own: FlaskClient, job: str, variable: str) -> None:
    answer = trigger(own, job, **{variable: "x"})
    assert (answer.status_code, answer.get_json()["type"]) == (422, "/problems/variable-locked")
    assert own.get(f"/api/v1/jobs/{job}/executions").get_json()["items"] == []


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        *(
            ("note", text)
            for text in ("${secret:s}", "{{.JobName}}", "a\nb", 'a"b', "a\\b", "a<b", "a>b", "a&b", "\x7f")
        ),
        *(("tenant", text) for text in ("a/b", "a b", "a?b", "é", "%2e")),
        ("note", "x" * 8193),
    ],
)
def test_text_that_may_not_be_given_is_refused(own: FlaskClient, variable: str, text: str) -> None:
    answer = trigger(own, "tenant-report", **{variable: text})
    assert answer.status_code in (400, 422)
    assert own.get("/api/v1/jobs/tenant-report/executions").get_json()["items"] == []


def test_job_must_pass_its_rules_with_the_texts(own: FlaskClient) -> None:
    answer = trigger(own, "tenant-report", note="é")
    assert (answer.status_code, answer.get_json()["type"]) == (422, "/problems/invalid-variables")
    assert [one["rule"] for one in answer.get_json()["problems"]] == ["policy"]


def test_an_environment_that_the_job_does_not_name_changes_nothing(
    checkout: Checkout, receiver: Receiver, data_folder: Path
) -> None:
    checkout.write("tenant-report", JOB.replace("URL", receiver.url))
    checkout.write("_defaults", "variables: {inherited: x}\n")
    checkout.write("_environments/staging", "# nothing of its own\n")
    checkout.commit("Declare staging")
    settings = replace(settings_of(checkout, data_folder), environment="staging")
    with build(settings) as service:
        client = create_app(service).test_client()
        assert trigger(client, "tenant-report", tenant="acme").status_code == 202
        assert trigger(client, "tenant-report", plain="x").status_code == 422
