from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, eventually, job_yaml, token_of

from chronos_gitops.service import Service

BASE = "/api/v1/jobs/daily-backup"


def test_a_repeated_key_triggers_once(own: FlaskClient) -> None:
    ids = {
        own.post("/api/v1/jobs/failing/trigger", headers={"Idempotency-Key": key}).get_json()["id"]
        for key in ("one", '"one"', "one", "two")
    }
    assert len(ids) == 2


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "ü", '""'])
def test_a_key_that_is_none_is_refused(client: FlaskClient, key: str) -> None:
    response = client.post(f"{BASE}/trigger", headers={"Idempotency-Key": key})
    assert response.status_code == (202 if key == '""' else 400)


def test_a_disabled_job_can_be_triggered_by_hand(own: FlaskClient) -> None:
    assert own.post("/api/v1/jobs/off/trigger").status_code == 202


def test_a_deleted_job_cannot(client: FlaskClient) -> None:
    assert client.post("/api/v1/jobs/retired/trigger").status_code == 404


def test_pause_and_resume(own: FlaskClient, service: Service) -> None:
    until = service.now() + timedelta(days=400)
    paused = own.post(f"{BASE}/pause", json={"reason": "moving house", "until": until.isoformat()})
    assert paused.status_code == 200
    job = paused.get_json()
    assert job["state"] == "paused"
    assert (job["pause"]["reason"], job["pause"]["by"]) == ("moving house", "anonymous")
    assert job["next_run"] > job["pause"]["until"]
    assert [found["name"] for found in own.get("/api/v1/jobs?state=paused").get_json()["items"]] == ["daily-backup"]
    resumed = own.post(f"{BASE}/resume")
    assert resumed.status_code == 200
    assert (resumed.get_json()["state"], resumed.get_json()["pause"]) == ("enabled", None)


def test_a_pause_without_end_has_no_next_run(own: FlaskClient) -> None:
    job = own.post(f"{BASE}/pause", data='{"reason": "x"}').get_json()
    assert (job["next_run"], job["pause"]["until"]) == (None, None)


def test_a_pause_knows_who_asked(service: Service) -> None:
    secret, token = token_of("ada", "operate")
    client = app_of(service, token).test_client()
    answer = client.post(f"{BASE}/pause", json={"reason": "x"}, headers={"Authorization": f"Bearer {secret}"})
    assert answer.get_json()["pause"]["by"] == "ada"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("", '"reason" is missing.'),
        ("{}", '"reason" is missing.'),
        ('{"reason": null}', '"reason" is missing.'),
        ('{"reason": "  "}', '"reason" is empty.'),
        ('{"reason": 7}', '"reason" is a string.'),
        ('{"reson": "x"}', 'did you mean "reason"?'),
        ('{"reason": "x", "reason": "y"}', "given twice"),
        ('{"reason": "x", "until": "2020-01-01T00:00:00Z"}', "in the past"),
        ('{"reason": "x", "until": "tomorrow"}', "RFC 3339"),
        ('{"reason": "x", "until": "2030-01-01"}', "RFC 3339"),
        ('{"reason": "x", "until": "2030-01-01T00:00:00"}', "RFC 3339"),
        ('{"reason": "x", "until": "2030-13-01T00:00:00Z"}', "RFC 3339"),
        ('{"reason": "x", "until": "9999-12-31T23:59:59-23:59"}', "RFC 3339"),
        ('{"reason": "x", "until": "9999-12-31T00:00:00Z"}', '"until" lies outside the years 1970 to 9000.'),
        ('{"reason": "x\\u0000"}', "control characters"),
        ('{"reason": "\\ud800"}', "control characters"),
        ('{"reason": "' + "x" * 3000 + '"}', "longer than"),
        ("[]", "not a JSON object"),
        ("{", "not JSON"),
        ('{"reason": NaN}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("1" * 5000, "JSON"),
        (b"\xff\xfe\x00", "not JSON"),
    ],
)
def test_a_body_that_is_none_is_refused(client: FlaskClient, body: str | bytes, detail: str) -> None:
    response = client.post(f"{BASE}/pause", data=body)
    assert response.status_code == 400
    assert detail in response.get_json()["detail"]
    assert client.get(BASE).get_json()["state"] == "enabled"


@pytest.mark.parametrize("call", ["trigger", "resume"])
def test_calls_without_fields_say_so(client: FlaskClient, call: str) -> None:
    assert client.post(f"{BASE}/{call}", data='{"force": true}').status_code == 400


def test_a_dry_run_shows_the_masked_request_and_sends_nothing(own: FlaskClient, checkout: Checkout) -> None:
    webhook = {
        "url": "https://hooks.example.com/{{.JobName}}",
        "method": "POST",
        "body": '{"at": "{{.ScheduledTime}}"}',
    }
    auth = {"type": "bearer", "token": "${secret:backup-token}"}
    checkout.write("shown", job_yaml("shown", "", webhook=webhook | {"auth": auth}))
    checkout.commit("Add shown")
    own.post("/api/v1/sync")
    eventually(lambda: own.get("/api/v1/jobs/shown").status_code == 200)
    response = own.post("/api/v1/jobs/shown/trigger", json={"dry_run": True})
    assert response.status_code == 200
    planned = response.get_json()
    assert (planned["method"], planned["url"]) == ("POST", "https://hooks.example.com/shown")
    assert planned["headers"]["Authorization"] == "Bearer ${secret:backup-token}"
    assert planned["headers"]["X-Chronos-Job-Name"] == "shown"
    assert planned["curl"].startswith("curl --globoff --request POST ")
    assert own.get("/api/v1/jobs/shown/executions").get_json()["items"] == []


def test_a_dry_run_that_is_false_is_none(own: FlaskClient) -> None:
    assert own.post(f"{BASE}/trigger", json={"dry_run": False}).status_code == 202
