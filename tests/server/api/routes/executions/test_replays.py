"""Replays over HTTP: the plan, the keys, the checksum, and the rows that come of it."""

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from harness.api_fixtures import Checkout, app_of, eventually, job_yaml, token_of

from chronos_gitops.engine.operations import replays
from chronos_gitops.service import Service

JOB = "each-second"
PATH = f"/api/v1/jobs/{JOB}/replays"
SECOND = timedelta(seconds=1)


@pytest.fixture
def failed(own: FlaskClient, checkout: Checkout, receiver: Any) -> list[dict[str, Any]]:
    """Executions of a job whose target was down, oldest first; by now the job is disabled, and its target is up."""
    fields = {"schedule": "* * * * * *", "retry_policy": {"max_attempts": 1}}
    checkout.write(JOB, job_yaml(JOB, f"{receiver.url}/503", **fields))
    own.post("/api/v1/sync")
    path = f"/api/v1/jobs/{JOB}/executions?status=failed"
    eventually(lambda: len(own.get(path).get_json()["items"]) >= 3, seconds=20)
    checkout.write(JOB, job_yaml(JOB, f"{receiver.url}/ok", enabled=False, **fields))
    own.post("/api/v1/sync")
    eventually(lambda: own.get(f"/api/v1/jobs/{JOB}").get_json()["state"] == "disabled")
    rows: list[dict[str, Any]] = own.get(path).get_json()["items"]
    return sorted(rows, key=lambda row: str(row["scheduled_time"]))[:3]


def around(rows: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    end = datetime.fromisoformat(rows[-1]["scheduled_time"]) + SECOND
    until = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"from": rows[0]["scheduled_time"], "until": until, "reason": "the target was down", **fields}


def over(client: FlaskClient, replay_id: str) -> dict[str, Any]:
    eventually(lambda: client.get(f"/api/v1/replays/{replay_id}").get_json()["state"] != "running")
    found: dict[str, Any] = client.get(f"/api/v1/replays/{replay_id}").get_json()
    return found


def audited(client: FlaskClient, action: str) -> list[dict[str, Any]]:
    return [entry for entry in client.get("/api/v1/audit").get_json()["items"] if entry["action"] == action]


def why_box(client: FlaskClient, row: dict[str, Any]) -> str:
    """The page's answer to "why (not) at"."""
    at = row["scheduled_time"].removesuffix("Z")
    page = client.get(f"/jobs/{JOB}?at={at}", headers={"Accept": "text/html"}).get_data(as_text=True)
    return page.partition('class="answer"')[2].partition("</p>")[0]


def test_what_failed_runs_again_with_its_key(own: FlaskClient, failed: list[dict[str, Any]]) -> None:
    planned = own.post(PATH, json=around(failed, dry_run=True))
    assert planned.status_code == 200
    plan = planned.get_json()
    assert [(item["scheduled_time"], item["now"], item["becomes"]) for item in plan["items"]] == [
        (row["scheduled_time"], "failed", "run") for row in failed
    ]
    begun = own.post(PATH, json=around(failed, checksum=plan["checksum"]))
    assert (begun.status_code, begun.get_json()["items"]) == (202, plan["items"])
    done = over(own, begun.get_json()["id"])
    assert (done["state"], [item["status"] for item in done["items"]]) == ("done", ["success"] * 3)
    row = own.get(f"/api/v1/executions/{done['items'][0]['execution']}").get_json()
    assert (row["trigger"], row["replay"], row["replay_of"]) == ("replay", done["id"], failed[0]["id"])
    assert row["idempotency_key"] == failed[0]["id"]
    assert row["request"]["headers"]["Idempotency-Key"] == failed[0]["id"]
    assert own.get(f"/api/v1/executions/{failed[0]['id']}").get_json()["status"] == "failed"
    assert len(own.get(f"/api/v1/jobs/{JOB}/executions?trigger=replay").get_json()["items"]) == 3
    why = own.get(f"/api/v1/jobs/{JOB}/executions?at={failed[0]['scheduled_time']}").get_json()
    assert row["id"] in why["message"]
    assert why["execution"]["id"] == failed[0]["id"]
    page = own.get(f"/jobs/{JOB}", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert row["id"] in page
    assert row["id"] in why_box(own, failed[0])
    [began] = audited(own, "replay")
    assert began["target"].startswith(f"{done['id']}: 3 items of ")
    [ended] = eventually(lambda: audited(own, "replay_end"))
    assert (ended["job"], ended["by"], ended["result"], ended["path"]) == (JOB, began["by"], "done", began["path"])
    assert (ended["target"], ended["runner"]) == (f"{done['id']}: done, 3 items started", began["runner"])
    assert {ended[name] for name in ("status", "request_id", "via", "address", "reason")} == {None}
    [event] = eventually(lambda: own.get("/api/v1/events?type=replay_ended").get_json()["items"])
    assert event["replay"] == done["id"]
    assert own.get("/api/v1/events?type=job_replayed").get_json()["items"][0]["replay"] == done["id"]
    assert (event["job"], event["message"]) == (JOB, f"replay {done['id']} is done, 3 items started")
    left = own.post(PATH, json=around(failed, dry_run=True)).get_json()["items"]
    assert {(item["now"], item["becomes"]) for item in left} == {("success", "leave")}
    again = own.post(PATH, json=around(failed, again=True)).get_json()
    assert {item["idempotency_key"] for item in over(own, again["id"])["items"]} == {None}


def test_another_plan_is_a_conflict(own: FlaskClient, failed: list[dict[str, Any]]) -> None:
    checksum = own.post(PATH, json=around(failed[:1], dry_run=True)).get_json()["checksum"]
    assert own.post(PATH, json=around(failed, checksum=checksum)).status_code == 409
    assert own.post(PATH, json=around(failed, only=["cancelled"])).status_code == 409


def test_more_than_one_replay_holds_are_refused(
    own: FlaskClient, failed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "MOST_ITEMS", 2)
    answer = own.post(PATH, json=around(failed))
    assert (answer.status_code, answer.get_json()["type"]) == (422, "/problems/too-many-items")
    assert failed[2]["scheduled_time"].removesuffix("Z") in answer.get_json()["detail"]


def test_a_repeated_key_begins_one(own: FlaskClient, failed: list[dict[str, Any]]) -> None:
    headers = {"Idempotency-Key": "one"}
    checksum = own.post(PATH, json=around(failed, dry_run=True)).get_json()["checksum"]
    body = around(failed, checksum=checksum)
    found = [own.post(PATH, json=body, headers=headers).get_json() for _ in range(2)]
    over(own, found[0]["id"])
    found.append(own.post(PATH, json=body, headers=headers).get_json())
    assert {(one["id"], one["checksum"]) for one in found} == {(found[0]["id"], checksum)}
    assert {tuple(item["scheduled_time"] for item in one["items"]) for one in found} == {
        tuple(row["scheduled_time"] for row in failed)
    }
    assert len(own.get(f"/api/v1/jobs/{JOB}/executions?trigger=replay").get_json()["items"]) == 3


def test_cancel(own: FlaskClient, failed: list[dict[str, Any]]) -> None:
    begun = own.post(PATH, json=around(failed, pace="1h")).get_json()["id"]
    assert own.post(PATH, json=around(failed)).get_json()["type"] == "/problems/replay-under-way"
    ended = own.post(f"/api/v1/replays/{begun}/cancel").get_json()
    assert (ended["state"], [item["status"] for item in ended["items"]][1:]) == ("cancelled", ["cancelled"] * 2)
    assert own.post("/api/v1/replays/nothing/cancel").status_code == 404
    assert [(entry["target"], entry["result"]) for entry in audited(own, "replay_cancel")] == [
        ("nothing", "refused"),
        (begun, "done"),
    ]
    [end] = eventually(lambda: audited(own, "replay_end"))
    assert end["target"] == f"{begun}: cancelled, 1 of 3 items started"


@pytest.mark.parametrize(
    "fields",
    [
        {"from": "2027-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"from": "yesterday"},
        {"only": ["nothing"]},
        {"only": []},
        {"pace": "1d"},
        {"reason": " "},
    ],
)
def test_a_call_that_means_nothing_is_refused(client: FlaskClient, fields: dict[str, Any]) -> None:
    body = {"from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z", "reason": "x"}
    answer = client.post("/api/v1/jobs/daily-backup/replays", json=body | fields)
    assert (answer.status_code, answer.get_json()["type"]) == (400, "/problems/invalid-body")


def test_the_replays_of_others_are_hidden(service: Service, own: FlaskClient, failed: list[dict[str, Any]]) -> None:
    begun = own.post(PATH, json=around(failed)).get_json()["id"]
    secret, token = token_of("ada", "operate", "read")
    limited = app_of(service, dataclasses.replace(token, tags=(("team", "backend"),))).test_client()
    headers = {"Authorization": f"Bearer {secret}"}
    for answer in (
        limited.get(f"/api/v1/replays/{begun}", headers=headers),
        limited.post(f"/api/v1/replays/{begun}/cancel", headers=headers),
        limited.post(PATH, json=around(failed), headers=headers),
    ):
        assert answer.status_code == 404
