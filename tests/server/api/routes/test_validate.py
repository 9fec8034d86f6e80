import json
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, job_yaml, settings_of

from chronos_gitops.app import build
from chronos_gitops.server.web.app import create_app


def test_a_schedule_in_words_and_times(client: FlaskClient) -> None:
    body = {"schedule": "0 9 * * 1-5", "timezone": "Europe/Berlin"}
    answer = client.post("/api/v1/schedules/validate", json=body).get_json()
    assert answer["valid"] is True
    assert "09:00" in answer["description"]
    assert len(answer["next_runs"]) == 5
    assert answer["problems"] == []


@pytest.mark.parametrize(
    ("schedule", "timezone", "field"),
    [
        ("0 0 30 2 *", "UTC", "schedule"),
        ("nonsense", "UTC", "schedule"),
        ("", "UTC", "schedule"),
        ("0 22-2 * * *", "UTC", "schedule"),
        ("0 9 * * *", "Europe/Pari", "timezone"),
        ("0 9 * * *", "../etc/passwd", "timezone"),
    ],
)
def test_a_schedule_that_cannot_be_says_why(client: FlaskClient, schedule: str, timezone: str, field: str) -> None:
    response = client.post("/api/v1/schedules/validate", json={"schedule": schedule, "timezone": timezone})
    assert response.status_code == 200
    answer = response.get_json()
    assert (answer["valid"], answer["description"], answer["next_runs"]) == (False, None, [])
    assert answer["problems"][0]["field"] == field
    assert answer["problems"][0]["message"]


def test_a_schedule_is_asked_for_by_name(client: FlaskClient) -> None:
    response = client.post("/api/v1/schedules/validate", json={"shedule": "* * * * *"})
    assert response.status_code == 400
    assert 'did you mean "schedule"' in response.get_json()["detail"]


@pytest.mark.parametrize("content_type", ["application/yaml", "text/plain", "application/x-www-form-urlencoded", ""])
def test_a_good_file_is_valid_whatever_its_content_type(client: FlaskClient, content_type: str) -> None:
    file = job_yaml("some-job", "https://api.example.com/x")
    answer = client.post("/api/v1/validate", data=file, content_type=content_type).get_json()
    assert answer["valid"] is True
    assert {problem["severity"] for problem in answer["problems"]} <= {"note"}


def test_a_bad_file_tells_every_place(client: FlaskClient) -> None:
    file = "name: some-job\nschedule: 0 2 * * *\nwebhok:\n  url: https://api.example.com/\n"
    answer = client.post("/api/v1/validate", data=file).get_json()
    assert answer["valid"] is False
    found = next(problem for problem in answer["problems"] if problem["rule"] == "unknown-field")
    assert (found["file"], found["line"], found["column"], found["severity"]) == ("some-job.yaml", 3, 1, "error")
    assert "webhook" in found["hint"] + found["message"]


def test_a_path_is_what_the_file_is_called(client: FlaskClient) -> None:
    file = job_yaml("some-job", "https://api.example.com/x")
    answer = client.post("/api/v1/validate?path=jobs/other.yaml", data=file).get_json()
    assert answer["valid"] is True
    assert answer["problems"][0]["file"] == "jobs/other.yaml"
    assert client.post("/api/v1/validate?path=%00", data=file).status_code == 400


@pytest.mark.parametrize(
    "file", [b"", b"\xff\xfe", b"\0", b"[" * 50_000, b"{a: [&x *x, !!python/object:os.system x]}", b"- 1"]
)
def test_no_file_breaks_it(client: FlaskClient, file: bytes) -> None:
    response = client.post("/api/v1/validate", data=file)
    assert response.status_code == 200
    assert response.get_json()["valid"] is False


def test_what_the_file_holds_is_not_repeated(client: FlaskClient) -> None:
    auth = {"type": "bearer", "token": "ghp_thisIsAVeryLiteralToken1234567890"}
    file = json.dumps({"name": "a", "schedule": "* * * * *", "webhook": {"url": "https://a.example", "auth": auth}})
    response = client.post("/api/v1/validate", data=file)
    assert response.get_json()["problems"]
    assert auth["token"] not in response.get_data(as_text=True)


@pytest.mark.parametrize(
    ("path", "policies"),
    [("", []), ("?path=jobs/new.yaml", []), ("?path=jobs/pay/eu/new.yaml", ["pay/owner"])],
)
def test_file_is_judged_with_the_running_layers_of_its_place(
    checkout: Checkout, data_folder: Path, path: str, policies: list[str]
) -> None:
    layers = {
        "_defaults": 'schedule: "0 2 * * *"\n',
        "pay/_defaults": "timeout: soon\n",
        "_policies/pay": "select: {folder: jobs/pay}\nrules:\n  - {id: owner, severity: note, tags: [owner]}\n",
        "_environments/staging": "",
    }
    for name, text in layers.items():
        checkout.write(name, text)
    checkout.commit("Add layers")
    file = "name: new-job\nwebhook: {url: https://api.example.com/}\n"
    with build(replace(settings_of(checkout, data_folder), environment="staging")) as service:
        client = create_app(service).test_client()
        answer = client.post(f"/api/v1/validate{path}", data=file).get_json()
        own = client.post(f"/api/v1/validate{path}", data=file + "timeout: 1m\n").get_json()
    assert answer["valid"] is not bool(policies)
    assert [one["rule"] for one in answer["problems"] if one["severity"] == "error"] == ["duration"] * len(policies)
    assert own["valid"]
    assert [one["policy"] for one in own["problems"] if one["policy"]] == policies
